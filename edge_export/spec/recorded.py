"""Recorded tensors, checked against what a network takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from edge_export.errors import RequestError
from edge_export.files.arrays import Array

if TYPE_CHECKING:
    from torch import Tensor

    from edge_export.spec.tensors import TensorSpec

TARGETS = "targets"
"""The name of the held-out set's targets, beside its inputs."""


def named(
    specs: tuple[TensorSpec, ...], tensors: tuple[Tensor, ...], *, whole_recordings: bool = False
) -> dict[str, Array]:
    """`tensors`, in the order of `specs`, as arrays by name.

    Args:
        whole_recordings: Their last axis is time, of any length.

    Raises:
        RequestError: Their number or shapes are not those that `specs` say.
    """
    if len(specs) != len(tensors):
        raise RequestError(f"got {len(tensors)} tensors for {', '.join(s.name for s in specs)}: give {len(specs)}")
    for spec, tensor in zip(specs, tensors, strict=True):
        if not fits(tensor.shape, spec, whole_recordings):
            shape, expected = tuple(tensor.shape), ("count", *spec.shape[1:])
            raise RequestError(f"{spec.name} has shape {shape}, not {expected}: check the mother's io and recordings")
    return {s.name: np.ascontiguousarray(t.detach().numpy()) for s, t in zip(specs, tensors, strict=True)}


def fits(shape: Sequence[int], spec: TensorSpec, whole_recordings: bool) -> bool:
    """Whether samples `(count, …)` of this shape are of `spec`, or recordings of any length of it."""
    end = -1 if whole_recordings else None
    return len(shape) == len(spec.shape) and tuple(shape[1:end]) == tuple(spec.shape[1:end]) and min(shape) > 0
