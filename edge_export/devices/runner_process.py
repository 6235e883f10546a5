"""Starts the Python runner on this machine, and follows what any Python runner prints."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from edge_export.devices.device import LinkLost, Report
from edge_export.errors import RequestError, one_line
from edge_export.spec.device import DeviceFacts
from edge_export.spec.fields import all_problems

_INSTALLED = Path(__file__).with_name("edge_runner.py")
RUNNER = _INSTALLED if _INSTALLED.is_file() else Path(__file__).parents[2] / "runner" / "edge_runner.py"
"""The runner: in a wheel beside this file, in a checkout where users find it, too."""
_LINE = 1 << 16
_ENDED = 4
"""The runner's exit code if a signal ended it."""
_FACTS_SECONDS = 700.0


def command(python: Sequence[str] = (), *, emulated: bool = False, library: Path | None = None) -> list[str]:
    """Returns the command that starts the runner.

    Args:
        python: The command that runs the items; empty: the Python that runs the runner.
        library: The only runtime: a library with TFLite's C API. None: whatever that Python has.
    """
    options = ["--python", shlex.join(python)] if python else []
    options += ["--tflite-library", str(library)] if library else []
    return [sys.executable, str(RUNNER.resolve()), *options, *(["--emulated"] if emulated else [])]


def ask_facts(runner: Sequence[str], device: str) -> DeviceFacts:
    """Returns the facts that the runner prints.

    Raises:
        RequestError: It can't be started, or says what is missing.
    """
    try:
        asked = subprocess.run(
            [*runner, "--facts"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_FACTS_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RequestError(f"{device}: the runner can't be started ({one_line(error)})") from error
    return read_facts(asked.returncode, asked.stdout, asked.stderr, device)


def read_facts(code: int, output: str, complaint: str, device: str) -> DeviceFacts:
    """Returns the facts in a runner's output. Raises RequestError if it failed, or they are not valid."""
    if code != 0:
        raise RequestError(f"{device}: {last_line(complaint) or f'the runner ended with exit code {code}'}")
    try:
        return DeviceFacts.model_validate_json(output)
    except ValidationError as error:
        raise all_problems(Path(f"{device}: what its runner says of it"), error) from error


def run_folder(runner: Sequence[str], folder: Path, report: Report, device: str) -> None:
    """Runs the runner on a request folder of this machine until it ends.

    Raises:
        LinkLost: It was ended from outside.
        RequestError: It did not go through all items.
    """
    with tempfile.TemporaryFile() as complaint:
        with subprocess.Popen(
            [*runner, "--until-eof", str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaint
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                while line := process.stdout.readline(_LINE):
                    hear(line, report)
                code = process.wait()
            finally:
                process.stdin.close()  # if we are interrupted, the runner ends, too
                process.wait()
        complaint.seek(0)
        check_exit(code, complaint.read(_LINE).decode(errors="replace"), device)


def hear(line: bytes, report: Report) -> None:
    """Reports what one line of a runner says. Lines that say nothing of an item are ignored."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return
    if isinstance(event, dict) and isinstance(event.get("item"), str) and isinstance(event.get("outcome"), str):
        report(event["item"], one_line(event["outcome"], 40))


def check_exit(code: int, complaint: str, device: str) -> None:
    """Raises RequestError if the runner did not go through all items; LinkLost if it was ended from outside."""
    if code < 0 or code == _ENDED:
        raise LinkLost(f"{device}: the runner was ended from outside: --resume goes on with what is left")
    if code != 0:
        reason = last_line(complaint) or f"the runner ended with exit code {code}"
        raise RequestError(f"{device}: {reason}")


def last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return one_line(lines[-1], 500) if lines else ""
