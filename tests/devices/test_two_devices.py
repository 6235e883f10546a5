"""`verify` on two hosts at once, as a user types it twice: neither disturbs the other, and both results are kept."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from real_sshd import SSHD, running_sshd, write_client

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.skipif(SSHD is None, reason="sshd is missing: apt-get install openssh-server")
def test_two_hosts_at_once(small_bundle: Path, tmp_path: Path) -> None:
    bundle, cache = shutil.copytree(small_bundle, tmp_path / "bundle"), tmp_path / "cache"
    before = json.loads((bundle / "numerics.json").read_text())["members"][0]["runs"]
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    with running_sshd(tmp_path / "one") as one, running_sshd(tmp_path / "two") as two:
        client = write_client(tmp_path / "client", {"one": one, "two": two})
        environment = {**os.environ, "PATH": f"{client}:{os.environ['PATH']}", "EDGE_EXPORT_CACHE": str(cache)}
        started = [
            subprocess.Popen(
                [sys.executable, "-m", "edge_export", "verify", str(bundle), "--device", f"ssh:{host}", "--json"],
                cwd=ROOT,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for host in ("one", "two")
        ]
        for process in started:
            output, errors = process.communicate(timeout=900)
            assert process.returncode == 0, errors
            assert json.loads(output)["passed"]
        for sshd in (one, two):
            assert list((sshd.home / "edge_export_runner" / "runs").iterdir()) == []
    runs = json.loads((bundle / "numerics.json").read_text())["members"][0]["runs"]
    assert runs[: len(before)] == before
    found = sorted((run["device"], run["artifact"], run["verdict"]) for run in runs[len(before) :])
    labels = ("executorch-xnnpack-fp32", "tflite-builtin-fp32")
    assert found == [(f"ssh:{host}", label, "passed") for host in ("one", "two") for label in labels]
    assert [path.suffix for path in (cache / "devices").iterdir()] == [".lock", ".lock"]
