"""Fetches Debian packages that hold recorded sound, and unpacks them without installing them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import soundfile as sf

from edge_export.data.g722 import SAMPLE_RATE, decode_g722
from edge_export.data.sound_archives import extract_sounds, is_sound
from edge_export.errors import RequestError, one_line
from edge_export.files.hashing import file_sha256

FETCH_SECONDS = 1800
ATTEMPTS = 2
"""A damaged package is fetched once more."""


@dataclass(frozen=True)
class Package:
    """One package at one version.

    Attributes:
        name: Its name.
        version: Debian's version, with its epoch.
        sha256: Of the .deb file.
        megabytes: Its size in 10^6 bytes.
        license: Of its sound, from the package's copyright file.
        architecture: As in the file's name.
        archives: Zip files below the unpacked package whose sound files are extracted beside them.
    """

    name: str
    version: str
    sha256: str
    megabytes: float
    license: str
    architecture: str = "all"
    archives: tuple[str, ...] = ()

    @property
    def file_name(self) -> str:
        """What `apt-get download` calls the file."""
        return f"{self.name}_{self.version.replace(':', '%3a')}_{self.architecture}.deb"


def unpacked_folder(package: Package, folder: Path) -> Path:
    """Where `unpack_package` puts the content of `package`."""
    return folder / "unpacked" / f"{package.name}_{package.version.replace(':', '%3a')}"


def deb_file(package: Package, folder: Path) -> Path:
    """Where the .deb file is looked for before it is fetched; one may be put there by hand."""
    return folder / "debs" / package.file_name


def unpack_package(package: Package, folder: Path) -> Path:
    """The folder with the sound of `package`; fetched and unpacked below `folder` unless it is there.

    Only sound files and the copyright file are kept. Files in G.722 become FLAC files of the same name beside them.
    The folder appears whole or not at all.

    Raises:
        RequestError: apt-get or dpkg-deb is missing, the version is no longer offered, or the package is damaged.
    """
    target = unpacked_folder(package, folder)
    if target.is_dir():
        return target
    unpacker = _program("dpkg-deb", "dpkg", deb_file(package, folder))
    deb = _checked_deb(package, folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".unpack-", ignore_cleanup_errors=True) as tmp:
        content = Path(tmp) / "content"
        done = subprocess.run([unpacker, "-x", deb, content], capture_output=True, check=False, env=_environment())
        if done.returncode != 0:
            raise RequestError(f"{deb} can't be unpacked ({one_line(done.stderr.decode(errors='replace'), 160)})")
        _keep_sound(content, package.archives)
        _decode_files(content)
        try:
            content.rename(target)
        except OSError:
            if not target.is_dir():  # Else another process was faster; its content is the same.
                raise
    deb.unlink(missing_ok=True)
    return target


def _checked_deb(package: Package, folder: Path) -> Path:
    """The package's file with the expected SHA-256."""
    deb = deb_file(package, folder)
    try:
        deb.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RequestError(
            f"the cache folder {folder} can't be written ({one_line(error.strerror)}): set EDGE_EXPORT_CACHE"
        ) from error
    if deb.is_file() and file_sha256(deb) == package.sha256:
        return deb
    for _ in range(ATTEMPTS):
        _fetch(package, deb)
        actual = file_sha256(deb)
        if actual == package.sha256:
            return deb
        deb.unlink()
    raise RequestError(
        f"{package.file_name} is damaged: its SHA-256 is {actual[:16]}…, expected {package.sha256[:16]}…; "
        f"put an undamaged file into {deb.parent}"
    )


def _fetch(package: Package, deb: Path) -> None:
    """Download with apt-get, so that the machine's own mirror and its signatures are used."""
    program = _program("apt-get", "apt", deb)
    with tempfile.TemporaryDirectory(dir=deb.parent, prefix=".fetch-") as tmp:
        command = [program, "download", "--quiet", f"{package.name}={package.version}"]
        try:
            done = subprocess.run(
                command, cwd=tmp, capture_output=True, check=False, env=_environment(), timeout=FETCH_SECONDS
            )
        except subprocess.TimeoutExpired as error:
            raise RequestError(
                f"{package.name} ({package.megabytes:.0f} MB) was not fetched within {FETCH_SECONDS // 60} minutes: "
                "try again"
            ) from error
        found = sorted(Path(tmp).glob("*.deb"))
        if done.returncode != 0 or not found:
            raise RequestError(_why_not_fetched(package, deb, done.stderr.decode(errors="replace")))
        found[0].replace(deb)


def _why_not_fetched(package: Package, deb: Path, errors: str) -> str:
    offered = _offered_version(package.name)
    if offered is None:
        return (
            f"the Debian package {package.name} is not known to apt-get: run apt-get update on Debian 12, "
            f"or put {package.file_name} into {deb.parent}"
        )
    if offered != package.version:
        return (
            f"the Debian package {package.name} {package.version} is no longer offered, {offered} is: "
            f"put {package.file_name} into {deb.parent}"
        )
    lines = [line for line in errors.splitlines() if line.startswith("E:")]
    return f"{package.name} can't be fetched ({one_line(' '.join(lines) or errors, 200)}): try again"


def _offered_version(name: str) -> str | None:
    """The version that this machine's package lists offer."""
    program = shutil.which("apt-cache")
    if program is None:
        return None
    done = subprocess.run([program, "policy", name], capture_output=True, check=False, env=_environment())
    for line in done.stdout.decode(errors="replace").splitlines():
        word, _, version = line.strip().partition(": ")
        if word == "Candidate" and version != "(none)":
            return version
    return None


def _program(name: str, package: str, deb: Path) -> str:
    found = shutil.which(name)
    if found is None:
        raise RequestError(
            f"{name} is missing, recorded songs need it: apt-get install {package}"
            + (f", or put {deb.name} into {deb.parent}" if name == "apt-get" else "")
        )
    return found


def _environment() -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C"}


def _keep_sound(folder: Path, archives: tuple[str, ...]) -> None:
    """Extract the sound files of `archives`; remove what is neither sound nor a copyright file, and links."""
    kept = [folder / archive for archive in archives]
    for parent, folders, files in folder.walk(top_down=False):
        for path in (parent / name for name in files):
            if path.is_symlink() or not (is_sound(path.name) or path in kept or _is_copyright(path, folder)):
                path.unlink()
        for path in (parent / name for name in folders):
            if path.is_symlink():
                path.unlink()
            elif not any(path.iterdir()):
                path.rmdir()
    for archive in kept:
        extract_sounds(archive)


def _is_copyright(path: Path, folder: Path) -> bool:
    return path.relative_to(folder).match("usr/share/doc/*/copyright")


def _decode_files(folder: Path) -> None:
    paths = sorted(folder.rglob("*.g722"))
    for path, samples in zip(paths, decode_g722([path.read_bytes() for path in paths]), strict=True):
        if len(samples):  # Some prompts are empty files.
            sf.write(path.with_suffix(".flac"), samples, SAMPLE_RATE, subtype="PCM_16")
        path.unlink()
