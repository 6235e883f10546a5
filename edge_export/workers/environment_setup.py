"""Set up an isolated environment.

It is created in a temporary folder, tested, marked ready, then renamed. The next setup removes what a killed one left.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from edge_export.cache import log_folder
from edge_export.errors import RequestError, one_line
from edge_export.files.alone import alone
from edge_export.files.atomic import whole_folder
from edge_export.workers.environments import ENVIRONMENTS, READY, environment_folder, interpreter, shared_packages

_TMP = ".making-"


def set_up(name: str, report: Callable[[str], None]) -> Path:
    """Creates the environment `name` if it does not exist.

    Args:
        name: A name in `ENVIRONMENTS`.
        report: Called with a line of text for each step and each package.

    Returns:
        The path of its Python interpreter.

    Raises:
        RequestError: There is no such environment, its folder cannot be written, or venv or pip failed.
    """
    if name not in ENVIRONMENTS:
        raise RequestError(f"there is no environment {name!r}, only {', '.join(ENVIRONMENTS)}")
    if python := interpreter(name):
        return python
    folder = environment_folder(name)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with alone(folder.parent, report):
            if python := interpreter(name):  # another process created it while this one waited
                return python
            _remove_unfinished(folder)
            with whole_folder(folder, f"{folder.name}{_TMP}") as tmp:
                _fill(name, tmp, report)
    except OSError as error:
        raise RequestError(
            f"cannot create {folder} ({one_line(error)}): fix the cause or set EDGE_EXPORT_CACHE"
        ) from error
    return folder / "bin" / "python"


def _remove_unfinished(folder: Path) -> None:
    """Removes the folders of killed setups, and the environment itself, whose Python is missing."""
    for left in [*folder.parent.glob(f"*{_TMP}*"), folder]:
        shutil.rmtree(left, ignore_errors=True)


def _fill(name: str, folder: Path, report: Callable[[str], None]) -> None:
    """Creates the environment `name` in `folder`, tests its imports and marks it ready. The folder can be moved."""
    environment, python = ENVIRONMENTS[name], str(folder / "bin" / "python")
    log = log_folder("environments") / f"{name}.log"
    log.unlink(missing_ok=True)
    again = f"run `edge_export doctor --setup {name}` again; the log is {log}"

    report("making a virtual environment")
    make = [sys.executable, "-I", "-m", "venv", str(folder)]
    if failure := _run(make, log, report):
        raise RequestError(
            f"cannot create a virtual environment ({failure}): install Python's venv and pip"
            f" (Debian: python3-venv), then {again}"
        )
    install = [python, "-I", "-u", "-m", "pip", "install", "--no-deps", "--only-binary", ":all:", "--no-input"]
    # Without --no-compile a third of the time goes to modules that nobody imports.
    install += ["--no-compile", "--disable-pip-version-check", "--progress-bar", "off"]
    install += ["--requirement", str(environment.pins_path)]
    if failure := _run(install, log, report):
        raise RequestError(f"pip could not install {name} ({failure}): check the network and the disk, then {again}")
    if environment.shares:  # after pip, which must not take the shared packages for this environment's own
        _share(folder)
    report(f"trying to import {', '.join(environment.imports)}")
    if failure := _run([python, "-I", "-c", f"import {', '.join(environment.imports)}"], log, report):
        raise RequestError(f"{name} is installed but cannot be imported on this machine ({failure}); the log is {log}")
    (folder / READY).write_text(json.dumps({"environment": name, "python": sys.version}) + "\n")


def _share(folder: Path) -> None:
    """Lets the environment in `folder` import the shared packages, by a path file. Its own packages come first."""
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "shared.pth").write_text(f"{shared_packages()}\n")


def _run(command: Sequence[str], log: Path, report: Callable[[str], None]) -> str:
    """Runs `command` and appends its output to `log`. Returns one line that says why it failed, empty if it did not."""
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
                    report(one_line(line.partition(" (from")[0], 100))
    return "" if process.returncode == 0 else _failure(lines, process.returncode)


def _failure(lines: Sequence[str], status: int) -> str:
    """Returns the first error line of pip, or the last line if there is none."""
    errors = [line for line in lines if line.startswith("ERROR")]
    last = next((line for line in reversed(lines) if line), "no output")
    return one_line(errors[0] if errors else f"status {status}: {last}", 200)
