"""What the phone's test does with a request, by the Swift runner where there is one, or else by the Python runner.

Both leave what the test attaches: one piece of bytes for each item, and one for the device.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from emulated_mac.mac import TESTS

FORMATS = "coreml"
"""What the app's tests have an engine for."""
WITHOUT = {"PYTHONPATH": str(TESTS / "emulated_phone" / "without_executorch")}  # it takes seconds to import
PYTHON = [sys.executable, str(TESTS.parent / "runner" / "edge_runner.py")]
Line = Callable[[str, "subprocess.Popen[str]"], None]
"""Is told each line that the test prints, and the process that runs it."""


def run(command: list[str], request: Path | None, results: Path, line: Line) -> list[bytes]:
    """Returns the pieces.

    Args:
        command: That of the Swift runner; empty: there is none.
        request: None: the device tells its facts.
    """
    return _swift(command, request, results, line) if command else _python(request, results, line)


def _swift(command: list[str], request: Path | None, results: Path, line: Line) -> list[bytes]:
    """By the program `HostRunner`."""
    with tempfile.TemporaryDirectory() as attached:
        words = [*command, FORMATS, str(results), attached, *([str(request)] if request else [])]
        _heard(words, os.environ, line)
        return [path.read_bytes() for path in sorted(Path(attached).iterdir())]


def _python(request: Path | None, results: Path, line: Line) -> list[bytes]:
    """By the Python runner, which runs `.tflite` files."""
    environment = os.environ | WITHOUT
    if request is None:
        told = subprocess.run([*PYTHON, "--facts"], stdout=subprocess.PIPE, check=True, env=environment)
        return [_piece("", {"device.json": told.stdout})]
    if request != results:
        shutil.copytree(request, results, dirs_exist_ok=True)
    _heard([*PYTHON, str(results)], environment, lambda told, runner: line(f"edge_export: {told}", runner))
    places = [place for place in sorted((results / "results").iterdir()) if not place.name.startswith(".")]
    found = [_piece(place.name, {path.name: path.read_bytes() for path in sorted(place.iterdir())}) for place in places]
    return [*found, _piece("", {"device.json": (results / "device.json").read_bytes()})]


def _heard(words: list[str], environment: Mapping[str, str], line: Line) -> None:
    """Runs a program to its end."""
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment) as runner:
        for told in runner.stdout:
            line(told, runner)
    assert runner.returncode == 0


def _piece(item: str, contents: dict[str, bytes]) -> bytes:
    header = json.dumps({"item": item, "sizes": {name: len(content) for name, content in contents.items()}})
    return header.encode() + b"\n" + b"".join(contents.values())
