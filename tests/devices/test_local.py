"""This machine as a device: its runner is a process that may be killed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from killed_runner import kill_and_resume

from edge_export.devices.local import open_local
from edge_export.devices.request import Request
from edge_export.errors import RequestError

VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "folder"


def test_a_killed_runner_is_resumed(tmp_path: Path) -> None:
    folder = tmp_path / "request"
    shutil.copytree(VECTORS, folder)
    request = Request.model_validate_json((folder / "request.json").read_bytes())
    first, *others = (item.id for item in request.items)
    told = kill_and_resume(open_local(""), request, folder)
    assert told[0] == (first, "finished before")
    assert [item for item, state in told if state == "started"] == others


def test_nothing_follows_its_name() -> None:
    with pytest.raises(RequestError, match="local:1 is not a device: give local"):
        open_local("1")
