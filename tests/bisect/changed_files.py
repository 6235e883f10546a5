"""Files that were changed by hand, for the tests that find out what was changed."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from tests.compiled_members import network

MIDDLE = "pointwise"
"""A 1 x 1 convolution of the classifier: its weights have the same order in every format."""


def changed(path: Path, dtype: type, folder: Path) -> Path:
    """A copy of a file or a package in which one weight of the middle layer is another."""
    copy = folder / path.name
    shutil.copytree(path, copy) if path.is_dir() else shutil.copy(path, copy)
    weight = network("classifier").get_submodule(MIDDLE).weight.detach().numpy().astype(dtype)
    other = weight.copy()
    other[3, 5] += dtype(0.5)
    files = [copy] if copy.is_file() else [*copy.rglob("*.bin"), *copy.rglob("*.mlirb")]
    held = [file for file in files if file.read_bytes().count(weight.tobytes()) == 1]
    assert len(held) == 1
    held[0].write_bytes(held[0].read_bytes().replace(weight.tobytes(), other.tobytes()))
    rehash(copy)
    return copy


def rehash(path: Path) -> None:
    """Write the hash of a Core AI program anew, so that it is not what tells that the program was changed."""
    if path.suffix == ".aimodel":
        (path / "main.hash").write_bytes(hashlib.sha256((path / "main.mlirb").read_bytes()).digest())
