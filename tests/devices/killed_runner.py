"""A runner on this machine that is killed in the middle of a request."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from edge_export.devices.device import Device, LinkLost
from edge_export.devices.request import Request
from edge_export.devices.run import run_on


def kill_and_resume(device: Device, request: Request, folder: Path) -> list[tuple[str, str]]:
    """Kills the runner as soon as it starts the second item, and goes on. Returns what was said after that."""
    second = request.items[1].id

    def kill(item: str, state: str) -> None:
        if (item, state) == (second, "started"):
            (runner,) = (each for each in psutil.Process().children() if "--until-eof" in each.cmdline())
            runner.kill()

    with pytest.raises(LinkLost, match="the runner was ended from outside: --resume goes on"):
        run_on(device, request, folder, kill, resume=False)
    told: list[tuple[str, str]] = []
    results = run_on(device, request, folder, lambda *event: told.append(event), resume=True)
    assert results.items.keys() == {item.id for item in request.items}
    return told
