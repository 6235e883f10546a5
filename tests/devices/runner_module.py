"""The runner as a module and as a program."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RUNNER = ROOT / "runner" / "edge_runner.py"


def load_runner() -> ModuleType:
    spec = importlib.util.spec_from_file_location("edge_runner", RUNNER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_runner(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(RUNNER), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, **options)


def events(done: subprocess.CompletedProcess[str]) -> list[tuple[str, str]]:
    """What it said of its items."""
    lines = (json.loads(line) for line in done.stdout.splitlines())
    return [(line["item"], line["outcome"]) for line in lines]


def status(folder: Path, item: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "results" / item / "status.json").read_text())
    return found
