"""Writes the stems of a sound as files: all of them or none."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import numpy as np

from edge_export.errors import RequestError, one_line
from edge_export.files.arrays import Array
from edge_export.files.owned import owned_folder


def check_folder(folder: Path, names: list[str], source: Path) -> None:
    """Raises RequestError unless files `names` can be written to `folder` without overwriting `source`."""
    if folder.exists() and not folder.is_dir():
        raise RequestError(f"{folder} is a file: give a folder for the stems")
    for name in names:
        path = folder / name
        if path.is_dir():
            raise RequestError(f"{path} is a folder: give another folder for the stems")
        if path.exists() and path.samefile(source):
            raise RequestError(f"{source} would be overwritten: give another folder for the stems")


def write_stems(folder: Path, stems: dict[str, Array], sample_rate: int, subtype: str) -> None:
    """Writes `NAME.wav` for each of `stems` `(channels, samples)`: all or none. Existing files are replaced.

    Raises:
        RequestError: The folder cannot be written.
    """
    import soundfile

    with ExitStack() as stack:
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            staged = stack.enter_context(owned_folder(folder.parent, f".{folder.name}.", ".part"))
        except OSError as error:
            reason = one_line(error.strerror)
            raise RequestError(f"{folder.parent} can't be written ({reason}): give another folder") from error
        try:
            for name, audio in stems.items():
                clipped = audio if subtype in ("FLOAT", "DOUBLE") else np.clip(audio, -1.0, 1.0)
                soundfile.write(staged / f"{name}.wav", clipped.T, sample_rate, subtype=subtype)
            folder.mkdir(exist_ok=True)
            for name in stems:
                (staged / f"{name}.wav").replace(folder / f"{name}.wav")
        except (OSError, soundfile.LibsndfileError) as error:
            raise RequestError(f"{folder} can't be written ({one_line(error, 120)}): give another folder") from error
