"""Set up an isolated environment: made beside, tried, marked ready, renamed. What a killed setup leaves is nothing."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from edge_export.cache import log_folder
from edge_export.errors import RequestError, one_line
from edge_export.files.atomic import whole_folder
from edge_export.workers.environments import ENVIRONMENTS, READY, environment_folder, interpreter

_BESIDE = ".making-"


def set_up(name: str, told: Callable[[str], None]) -> Path:
    """Make the environment `name` unless it is there.

    Args:
        told: Is told of each step and each package.

    Returns:
        Its Python.

    Raises:
        RequestError: There is no such environment, its folder can't be written, or venv or pip failed.
    """
    if name not in ENVIRONMENTS:
        raise RequestError(f"there is no environment {name!r}, only {', '.join(ENVIRONMENTS)}")
    if python := interpreter(name):
        return python
    folder = environment_folder(name)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _alone(folder.parent, told):
            if python := interpreter(name):  # another process made it while this one waited
                return python
            _remove_unfinished(folder)
            with whole_folder(folder, f"{folder.name}{_BESIDE}") as beside:
                _fill(name, beside, told)
    except OSError as error:
        raise RequestError(f"{folder} can't be made ({one_line(error)}): mend that or set EDGE_EXPORT_CACHE") from error
    return folder / "bin" / "python"


@contextmanager
def _alone(parent: Path, told: Callable[[str], None]) -> Iterator[None]:
    """Wait until no other process sets up an environment in `parent`. The kernel frees the lock of one that ends."""
    lock = os.open(parent / "lock", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            told("waiting for another setup to end")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _remove_unfinished(folder: Path) -> None:
    """Remove what killed setups have left, and the environment itself where its Python is gone."""
    for left in [*folder.parent.glob(f"*{_BESIDE}*"), folder]:
        shutil.rmtree(left, ignore_errors=True)


def _fill(name: str, folder: Path, told: Callable[[str], None]) -> None:
    """Make `folder` the environment `name`, tried and marked ready. It works wherever the folder is moved to."""
    environment, python = ENVIRONMENTS[name], str(folder / "bin" / "python")
    log = log_folder("environments") / f"{name}.log"
    log.unlink(missing_ok=True)
    again = f"run `python -m edge_export doctor --setup {name}` again; the log is {log}"

    told("making a virtual environment")
    make = [sys.executable, "-I", "-m", "venv", str(folder)]
    if failure := _run(make, log, told):
        raise RequestError(
            f"no virtual environment can be made here ({failure}): install Python's venv and pip"
            f" (Debian: python3-venv), then {again}"
        )
    install = [python, "-I", "-u", "-m", "pip", "install", "--no-deps", "--only-binary", ":all:", "--no-input"]
    install += ["--disable-pip-version-check", "--progress-bar", "off", "--requirement", str(environment.pins_path)]
    if failure := _run(install, log, told):
        raise RequestError(f"pip could not install {name} ({failure}): look at the network and the disk, then {again}")
    told(f"trying to import {', '.join(environment.imports)}")
    if failure := _run([python, "-I", "-c", f"import {', '.join(environment.imports)}"], log, told):
        raise RequestError(f"{name} is installed and can't be imported on this machine ({failure}); the log is {log}")
    (folder / READY).write_text(json.dumps({"environment": name, "python": sys.version}) + "\n")


def _run(command: Sequence[str], log: Path, told: Callable[[str], None]) -> str:
    """Run `command`, its output appended to `log`; empty, or in one line why it failed."""
    lines = []
    with log.open("a") as kept:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        with process:
            assert process.stdout is not None
            for line in process.stdout:
                kept.write(line)
                lines.append(line.strip())
                if line.strip().startswith(("Collecting", "Downloading", "Installing")):
                    told(one_line(line.partition(" (from")[0], 100))
    return "" if process.returncode == 0 else _failure(lines, process.returncode)


def _failure(lines: Sequence[str], status: int) -> str:
    """The first error that pip names, or else the last line of all."""
    errors = [line for line in lines if line.startswith("ERROR")]
    last = next((line for line in reversed(lines) if line), "no output")
    return one_line(errors[0] if errors else f"status {status}: {last}", 200)
