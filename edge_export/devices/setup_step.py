"""Runs the programs that prepare a device on this machine."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from edge_export.errors import RequestError, one_line

_LIMIT_S = 900.0


def run_step(
    command: Sequence[str],
    failure: str,
    missing: str,
    *,
    must: bool = True,
    cwd: Path | None = None,
    variables: Mapping[str, str] | None = None,
) -> None:
    """Runs one program until it ends.

    Args:
        failure: What its failure means.
        missing: What to do if it is not installed.
        must: Whether it must succeed.
        variables: Set in its environment, besides this process's own.

    Raises:
        RequestError: It is missing, or fails: with what it said.
    """
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LIMIT_S,
            check=False,
            cwd=cwd,
            env={**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive", **(variables or {})},
        )
    except FileNotFoundError as error:
        raise RequestError(f"{command[0]} is missing: {missing}") from error
    except subprocess.TimeoutExpired as error:
        raise RequestError(f"{failure}: it took longer than {_LIMIT_S:.0f} s; try again") from error
    if must and done.returncode != 0:
        lines = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()
        told = next((line for line in lines if line.startswith("[ERROR]")), lines[-1])  # Maven's cause comes first
        raise RequestError(f"{failure} ({one_line(told, 300)}): fix the cause and try again")
