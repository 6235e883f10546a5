"""An emulated Mac, whose programs come first on PATH."""

from __future__ import annotations

import os

import pytest
from emulated_mac.mac import new_mac

from edge_export.devices.xcode_build import TEAM


@pytest.fixture
def mac(tmp_path, monkeypatch):
    """A Mac with one phone that works."""
    made = new_mac(tmp_path / "mac")
    monkeypatch.setenv("PATH", f"{made.folder / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("EDGE_EXPORT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv(TEAM, "ABCDE12345")
    return made
