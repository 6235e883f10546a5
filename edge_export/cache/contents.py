"""What stands below the cache folder, besides the store of steps: how large it is, and what of it can be removed.

Removed is only what nobody misses: logs, runs on devices that nobody resumed, and what a killed setup left behind.
Whatever must be fetched or built again is kept, and so is the state of every training.
"""

from __future__ import annotations

import fcntl
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from edge_export.cache.store import files_below

Rule = Literal["kept", "unused", "unfinished"]


@dataclass(frozen=True)
class Part:
    """A folder of the cache.

    Attributes:
        about: What it holds, for users.
        rule: What pruning removes: "unused" entries; only "unfinished" ones, whose names begin with a dot; or nothing.
    """

    name: str
    about: str
    rule: Rule


PARTS: Final = (
    Part("devices", "interrupted runs on devices", "unused"),
    Part("logs", "logs of builds and verifications", "unused"),
    Part("environments", "environments of converters", "unfinished"),
    Part("userlands", "userlands of emulated devices", "unfinished"),
    Part("aar", "Android's TFLite library", "unfinished"),
    Part("swift", "Debian 13 with Swift", "unfinished"),
    Part("litert", "other versions of LiteRT, for benchmarks", "unfinished"),
    Part("recorded", "fetched recordings", "kept"),
    Part("songs", "songs made of recordings", "kept"),
    Part("training", "states of trainings", "kept"),
)
OTHER: Final = Part("", "not of this version", "kept")
STEPS: Final = "steps"
_LOCK = ".lock"
_HOUR_S = 3600.0


@dataclass(frozen=True)
class PartSize:
    """A folder of the cache with its bytes on disk, and those that pruning removed."""

    part: Part
    path: Path
    bytes: int
    removed: int


def parts_in(folder: Path) -> list[tuple[Part, Path]]:
    """Returns the folders below the cache folder that exist, except for the store of steps."""
    known = [(part, folder / part.name) for part in PARTS if (folder / part.name).is_dir()]
    names = {STEPS, *(part.name for part in PARTS)}
    others = sorted(path for path in folder.glob("*") if path.is_dir() and path.name not in names)
    return known + [(OTHER, path) for path in others]


def measure_parts(folder: Path, unused_for_s: float | None = None) -> list[PartSize]:
    """Returns the parts below the cache folder with their sizes.

    Args:
        unused_for_s: Removes what its rule allows, unless it was written to in so many seconds, in the last hour, or
            a process holds it. None: removes nothing.
    """
    measured = []
    for part, path in parts_in(folder):
        before = _bytes(path)
        if unused_for_s is not None and part.rule != "kept":
            _prune(part, path, time.time() - max(unused_for_s, _HOUR_S))
        after = _bytes(path)
        measured.append(PartSize(part, path, after, before - after))
    return measured


def _prune(part: Part, folder: Path, oldest: float) -> None:
    for path in list(folder.iterdir()):
        finished = part.rule == "unfinished" and not path.name.startswith(".")
        if finished or path.is_symlink() or path.suffix == _LOCK or _last_written(path) > oldest:
            continue
        with suppress(OSError), _free(path) as free:
            if free and path.is_dir():
                shutil.rmtree(path)
            elif free:
                path.unlink()


def _bytes(folder: Path) -> int:
    return sum(stat.st_size for stat in files_below(folder).values())


def _last_written(path: Path) -> float:
    times = [stat.st_mtime for stat in files_below(path).values()]
    with suppress(FileNotFoundError):
        times.append(path.lstat().st_mtime)
    return max(times, default=0.0)


@contextmanager
def _free(path: Path) -> Iterator[bool]:
    """Holds the lock beside `path` for the block, if there is one. Gives whether no other process has it."""
    lock = path.with_suffix(_LOCK)
    if not lock.is_file():
        yield True
        return
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True
