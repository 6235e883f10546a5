"""Find a member's weights in the files of an artifact, and change them there.

Converters keep each folded tensor whole, its axes perhaps in another order: as float32, as float16, or as symmetric
int8 with one scale for each output channel or for all.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from faults_bases import Base

from edge_export.files.arrays import Array

MAX_TIMES = 2
"""A tensor that stands there more often is a row of zeros or the like: nobody knows which one is which."""


Form = Callable[[Array], Array]


def _int8(tensor: Array, axes: tuple[int, ...] | None) -> Array:
    """Symmetric int8, where the largest value over `axes` is 127."""
    scale = np.maximum(np.abs(tensor).max(axis=axes, keepdims=True), np.finfo(np.float32).tiny) / np.float32(127)
    return np.rint(tensor / scale).astype(np.int8)


FORMS: dict[str, tuple[Form, ...]] = {
    "fp32": (np.copy,),
    "fp16": (lambda tensor: tensor.astype(np.float16),),
    "int8": (
        np.copy,
        lambda tensor: tensor.astype(np.float16),
        lambda tensor: _int8(tensor, tuple(range(1, tensor.ndim))),
        lambda tensor: _int8(tensor, None),
    ),
}
"""What becomes of a tensor in a file of a precision."""


@dataclass(frozen=True)
class Found:
    """Where a tensor stands: in which file of the artifact, at which bytes, its axes in which order, in which form."""

    file: str
    offsets: tuple[int, ...]
    axes: tuple[int, ...]
    form: Form


def files_of(path: Path) -> list[Path]:
    """The files of an artifact: itself, or those in a package."""
    return sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]


@cache
def found_in(base: Base) -> dict[str, Found]:
    """The tensors that were found in a healthy artifact, by name."""
    contents = {str(p.relative_to(base.file.path)): p.read_bytes() for p in files_of(base.file.path)}
    forms = FORMS[base.artifact.precision]
    places = ((name, _find(tensor, forms, contents)) for name, tensor in base.weights.items())
    return {name: place for name, place in places if place is not None}


def names_of(base: Base, part: str) -> list[str]:
    """The tensors in the file that are a "weight" or a "bias" of a layer."""
    found = found_in(base)
    return [name for name in found if name.rpartition(".")[2].startswith(part) and base.weights[name].size >= 8]


def change_tensor(base: Base, path: Path, name: str, change: Callable[[Array], None]) -> None:
    """Apply `change` to the tensor called `name` in the copy of the artifact at `path`."""
    place, tensor = found_in(base)[name], stored(base, name)
    change(tensor)
    file = path / place.file
    content = bytearray(file.read_bytes())
    replacement = tensor.transpose(place.axes).tobytes()
    for offset in place.offsets:
        content[offset : offset + len(replacement)] = replacement
    file.write_bytes(content)


def stored(base: Base, name: str) -> Array:
    """A copy of the tensor called `name` as it stands in the artifact."""
    return found_in(base)[name].form(base.weights[name])


def _find(tensor: Array, forms: tuple[Form, ...], contents: dict[str, bytes]) -> Found | None:
    if tensor.dtype.kind != "f" or np.ptp(tensor) == 0:
        return None
    for form, axes in itertools.product(forms, itertools.permutations(range(tensor.ndim))):
        wanted = form(tensor).transpose(axes).tobytes()
        for file, content in contents.items():
            offsets = tuple(itertools.islice(_offsets(content, wanted), MAX_TIMES + 1))
            if 1 <= len(offsets) <= MAX_TIMES:
                return Found(file, offsets, axes, form)
    return None


def _offsets(content: bytes, wanted: bytes) -> Iterator[int]:
    at = content.find(wanted)
    while at >= 0:
        yield at
        at = content.find(wanted, at + 1)
