"""Shared by the tests of recorded sound."""

from __future__ import annotations

import shutil
from pathlib import Path

import made_recordings
import pytest

from edge_export.data.debian import deb_file
from edge_export.data.sources import PACKAGES, Source


@pytest.fixture
def needs_dpkg_deb() -> None:
    if shutil.which("dpkg-deb") is None:
        pytest.skip("needs the Debian package dpkg")


@pytest.fixture
def package(needs_dpkg_deb: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Source, ...]:
    """Sources of a made package that lies in `tmp_path`."""
    files, sources = made_recordings.recordings(tmp_path)
    package, deb = made_recordings.build_package(tmp_path, "recordings", files)
    deb_file(package, tmp_path).parent.mkdir()
    deb.replace(deb_file(package, tmp_path))
    monkeypatch.setitem(PACKAGES, "recordings", package)
    return sources
