"""Run the command line as a user does, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def edge_export(tmp_path, monkeypatch):
    """A function that runs `python -m edge_export …` in an empty folder, with a cache of its own."""
    monkeypatch.setenv("EDGE_EXPORT_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "here"
    folder.mkdir()

    def run(*arguments: object, timeout: float = 600) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"}
        command = [sys.executable, "-m", "edge_export", *map(str, arguments)]
        return subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=timeout, check=False
        )

    run.folder = folder  # type: ignore[attr-defined]
    return run
