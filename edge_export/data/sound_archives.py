"""Takes sound files out of the zip archives that games keep their music in."""

from __future__ import annotations

import lzma
import shutil
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from edge_export.errors import RequestError, one_line

SOUND_ENDINGS = (".flac", ".g722", ".mp3", ".oga", ".ogg", ".opus", ".wav")
MAX_BYTES = 2_000_000_000
"""The maximum that the sound files of one archive take when they are unpacked."""

_DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError, RuntimeError, ValueError)
"""What zipfile raises for archives that are not whole, encrypted, or packed in a way that it doesn't know."""


def is_sound(name: str) -> bool:
    """Whether a file of this name is taken for sound."""
    return name.lower().endswith(SOUND_ENDINGS)


def extract_sounds(archive: Path, max_bytes: int = MAX_BYTES) -> None:
    """Extracts the sound files of a zip archive into its folder, and removes the archive.

    A link in the archive becomes a file that holds the link's text.

    Args:
        archive: A zip file of any ending.
        max_bytes: The maximum for all its sound files together.

    Raises:
        RequestError: The archive is missing, damaged or encrypted. A sound file in it has a path that leads elsewhere,
            or is there already. All sound files are larger than `max_bytes`. Those before the one that is refused stay.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            sounds = [member for member in opened.infolist() if is_sound(member.orig_filename)]
            # zipfile never gives more bytes of a member than are stated here.
            if (total := sum(member.file_size for member in sounds)) > max_bytes:
                raise RequestError(f"{archive.name} holds {total} bytes of sound, more than {max_bytes}: not unpacked")
            for member in sounds:
                target = archive.parent / _checked_path(archive, member.orig_filename)
                target.parent.mkdir(parents=True, exist_ok=True)
                with opened.open(member) as source, target.open("xb") as file:
                    shutil.copyfileobj(source, file)
    except _DAMAGED as error:
        raise RequestError(
            f"{archive.name} can't be unpacked ({one_line(error, 160)}): fetch its package anew"
        ) from error
    archive.unlink()


def _checked_path(archive: Path, name: str) -> PurePosixPath:
    """A member's path, which stays below the archive's folder."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or any(sign in name for sign in "\\:\0"):
        raise RequestError(f"{archive.name} holds the path {one_line(repr(name), 80)}, which is not unpacked")
    return path
