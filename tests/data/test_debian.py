"""Packages are unpacked whole or not at all; damaged, missing and withdrawn ones are named in one line."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import made_recordings
import pytest
import soundfile as sf
from test_g722 import CHIRP

from edge_export.data.debian import Package, deb_file, unpack_package, unpacked_folder
from edge_export.errors import RequestError

FILES = {"usr/share/sounds/chirp.g722": CHIRP.read_bytes(), "usr/share/sounds/empty.g722": b""}


@pytest.fixture
def package(needs_dpkg_deb: None, tmp_path: Path) -> Package:
    """A package that lies where it is looked for."""
    package, deb = made_recordings.build_package(tmp_path, "sounds", FILES)
    deb_file(package, tmp_path).parent.mkdir()
    deb.replace(deb_file(package, tmp_path))
    return package


@pytest.fixture
def fake_apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Put scripts named apt-get and apt-cache before the real ones; each call of apt-get is a line in `calls`."""

    def install(download: str, candidate: str = "1:2.0-1") -> Path:
        programs, calls = tmp_path / "programs", tmp_path / "calls"
        programs.mkdir()
        (programs / "apt-get").write_text(f'#!/bin/sh\necho "$@" >> {calls}\n{download}\n')
        (programs / "apt-cache").write_text(f'#!/bin/sh\necho "sounds:"\necho "  Candidate: {candidate}"\n')
        for program in programs.iterdir():
            program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
        return calls

    return install


def test_a_package_is_unpacked_once_and_its_g722_becomes_flac(tmp_path: Path, package: Package) -> None:
    folder = unpack_package(package, tmp_path)
    assert folder == unpacked_folder(package, tmp_path)
    assert ":" not in folder.name
    sounds = sorted((folder / "usr/share/sounds").iterdir())
    assert [path.name for path in sounds] == ["chirp.flac"]
    assert (sf.info(sounds[0]).samplerate, sf.info(sounds[0]).frames) == (16000, 80000)
    assert not deb_file(package, tmp_path).exists()
    assert unpack_package(package, tmp_path) == folder, "needs neither the file nor apt-get again"
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_damaged_file_is_replaced_by_fetching(tmp_path: Path, package: Package, fake_apt) -> None:
    deb = deb_file(package, tmp_path)
    good = shutil.copy(deb, tmp_path / "good.deb")
    deb.write_bytes(deb.read_bytes()[:-20])
    calls = fake_apt(f"cp {good} {package.file_name}")
    assert unpack_package(package, tmp_path).is_dir()
    assert calls.read_text().splitlines() == ["download --quiet sounds=1:2.0-1"]


def test_a_package_that_is_damaged_twice_is_refused(tmp_path: Path, package: Package, fake_apt) -> None:
    deb_file(package, tmp_path).unlink()
    calls = fake_apt(f"echo damaged > {package.file_name}")
    with pytest.raises(
        RequestError, match=r"sounds_1%3a2\.0-1_all\.deb is damaged.*put an undamaged file into"
    ) as caught:
        unpack_package(package, tmp_path)
    assert "\n" not in str(caught.value)
    assert len(calls.read_text().splitlines()) == 2
    assert not unpacked_folder(package, tmp_path).exists()
    assert not list(deb_file(package, tmp_path).parent.iterdir())


def test_a_version_that_is_gone_is_named_with_the_one_that_is_offered(
    tmp_path: Path, package: Package, fake_apt
) -> None:
    deb_file(package, tmp_path).unlink()
    fake_apt("echo E: Version not found >&2; exit 100", candidate="3.1")
    with pytest.raises(RequestError, match=r"sounds 1:2\.0-1 is no longer offered, 3\.1 is"):
        unpack_package(package, tmp_path)


def test_an_unknown_package_and_a_failed_download_say_what_to_do(tmp_path: Path, package: Package, fake_apt) -> None:
    deb_file(package, tmp_path).unlink()
    fake_apt("echo 'E: no route to host' >&2; exit 100", candidate="(none)")
    with pytest.raises(RequestError, match="run apt-get update"):
        unpack_package(package, tmp_path)
    (tmp_path / "programs/apt-cache").write_text("#!/bin/sh\necho '  Candidate: 1:2.0-1'\n")
    with pytest.raises(RequestError, match=r"no route to host.*try again"):
        unpack_package(package, tmp_path)


def test_missing_programs_are_named(tmp_path: Path, package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    deb = deb_file(package, tmp_path)
    content = deb.read_bytes()
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(RequestError, match=r"dpkg-deb is missing.*apt-get install dpkg"):
        unpack_package(package, tmp_path)
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "dpkg-deb").symlink_to("/usr/bin/dpkg-deb")
    monkeypatch.setenv("PATH", str(programs))
    deb.write_bytes(content[:-1])
    with pytest.raises(RequestError, match=r"apt-get is missing.*or put sounds_1%3a2\.0-1_all\.deb into"):
        unpack_package(package, tmp_path)
