"""What a verb leaves behind when it is interrupted is what it says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge_export.__main__ import main
from edge_export.cli import VERBS

ROOT = Path(__file__).resolve().parents[2]
REQUESTS = {
    "build": ["--target", "android"],
    "verify": ["b"],
    "compare": ["f.pte", "--against", "a:b", "--inputs", "x"],
    "bisect": ["b"],
    "run": ["b", "--member", "m", "x.wav"],
    "inspect": ["b"],
    "report": ["b"],
    "list": [],
    "train": ["--mother", "digits", "--out", "x.safetensors"],
    "doctor": [],
    "cache": ["prune"],
    "bench": ["b"],
    "pick": ["b", "--budget-ms", "5"],
    "app": ["android", "b", "--out", "o"],
    "farm": ["plan", "b", "--devices", "f"],
    "devices": ["list"],
    "search": ["--target", "linux"],
}


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_its_own_words(verb, monkeypatch, capsys):
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(VERBS[verb], "run", interrupted)
    assert main([verb, *REQUESTS[verb]]) == 130
    assert capsys.readouterr().err == f"edge_export: interrupted; {VERBS[verb].INTERRUPTED}\n"


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_training_keeps_its_epochs(sent, tmp_path):
    out = tmp_path / "digits.safetensors"
    state = tmp_path / "digits.safetensors.state"
    command = [sys.executable, "-m", "edge_export", "train", "--mother", "digits", "--out", str(out)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True) as training:
        while not state.exists() and training.poll() is None:
            time.sleep(0.05)
        training.send_signal(sent)
        _, told = training.communicate(timeout=300)
    assert training.returncode == 130
    words = "interrupted; finished epochs are kept; run the same command again to resume"
    assert told.splitlines()[-1] == f"edge_export: {words}"
    assert state.exists()
    assert not out.exists()
