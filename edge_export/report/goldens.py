"""Reads the goldens of a bundle for the page, and trusts nothing in them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_export.bundle.folder import Bundle
from edge_export.bundle.manifest import File
from edge_export.errors import RequestError
from edge_export.files.arrays import Array, load_arrays
from edge_export.spec.recorded import TARGETS

MAX_BYTES = 2 << 30


@dataclass(frozen=True)
class Goldens:
    """The goldens of a family.

    Attributes:
        inputs: The recorded inputs, in the order of the io, `(count, …)` each.
        outputs: The name of each member, and the mother's first output at its configuration, `(count, …)`.
        targets: For each golden what is right, if it is also in the held-out set; None: it is not.
    """

    inputs: tuple[Array, ...]
    outputs: tuple[tuple[str, Array], ...]
    targets: tuple[Array | None, ...]


@dataclass(frozen=True)
class Described:
    """A recorded tensor in words: what it is of, its shape, and the range of its values."""

    of: str
    name: str
    shape: str
    unit: str
    values: str


def missing(bundle: Bundle) -> bool:
    """Returns whether the goldens are not in the bundle."""
    files = [bundle.manifest.recorded.inputs, *(member.golden for member in bundle.manifest.members)]
    return not all((bundle.root / file.path).exists() for file in files)


def read_goldens(bundle: Bundle) -> Goldens:
    """Returns the goldens.

    Raises:
        RequestError: A file is damaged, or does not hold what the manifest says.
    """
    manifest = bundle.manifest
    first = manifest.members[0].io
    recorded = _read(bundle, manifest.recorded.inputs)
    inputs = _named(bundle, manifest.recorded.inputs, recorded, [spec.name for spec in first.recorded_inputs])
    count = len(inputs[0])
    outputs = []
    for member in manifest.members:
        names = [member.io.recorded_outputs[0].name]
        (array,) = _named(bundle, member.golden, _read(bundle, member.golden), names)
        outputs.append((member.name, array))
    if any(len(array) != count for array in (*inputs, *(array for _, array in outputs))):
        raise RequestError(f"{bundle.root}: the goldens are not of one count: build it again")
    return Goldens(inputs, tuple(outputs), _targets(bundle, inputs[0]))


def described(bundle: Bundle, goldens: Goldens) -> tuple[Described, ...]:
    """Returns the goldens in words."""
    io = bundle.manifest.members[0].io
    found = [
        _described("all members", spec.name, spec.unit, array)
        for spec, array in zip(io.recorded_inputs, goldens.inputs, strict=True)
    ]
    for member, (name, array) in zip(bundle.manifest.members, goldens.outputs, strict=True):
        spec = member.io.recorded_outputs[0]
        found.append(_described(name, spec.name, spec.unit, array))
    return tuple(found)


def _described(of: str, name: str, unit: str, array: Array) -> Described:
    values = array[np.isfinite(array)]
    span = f"{values.min():.3g} … {values.max():.3g}" if values.size else "none finite"
    return Described(of, name, " × ".join(map(str, array.shape)), unit, span)


def _targets(bundle: Bundle, inputs: Array) -> tuple[Array | None, ...]:
    """Finds each golden in the held-out set, bit by bit."""
    file = bundle.manifest.recorded.held_out
    nothing: tuple[Array | None, ...] = (None,) * len(inputs)
    if file is None or not (bundle.root / file.path).exists():
        return nothing
    arrays = _read(bundle, file)
    spec = bundle.manifest.members[0].io.recorded_inputs[0]
    held_out, targets = arrays.get(spec.name), arrays.get(TARGETS)
    if held_out is None or targets is None or targets.ndim < 1 or len(held_out) != len(targets):
        return nothing
    at = {row.tobytes(): index for index, row in enumerate(held_out)}
    found = (at.get(row.tobytes()) for row in inputs)
    return tuple(None if index is None else targets[index] for index in found)


def _read(bundle: Bundle, file: File) -> dict[str, Array]:
    if file.bytes > MAX_BYTES:
        raise RequestError(f"{bundle.root / file.path} is too large for a report: give fewer goldens to build")
    if changed := bundle.why_changed(file):
        raise RequestError(f"{bundle.root}: {changed}: build it again")
    path: Path = bundle.path(file)
    return load_arrays(path)


def _named(bundle: Bundle, file: File, arrays: dict[str, Array], names: list[str]) -> tuple[Array, ...]:
    found = [arrays.get(name) for name in names]
    kept = tuple(array for array in found if array is not None and array.ndim > 0 and array.dtype.kind in "fiub")
    if len(kept) < len(names) or not all(array.size for array in kept):
        raise RequestError(f"{bundle.root / file.path} does not hold {', '.join(names)}: build it again")
    return kept
