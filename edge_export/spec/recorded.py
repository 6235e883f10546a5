"""Checks recorded tensors against the inputs of a network."""

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
"""The name of the held-out set's targets, stored with its inputs."""


def named(
    specs: tuple[TensorSpec, ...], tensors: tuple[Tensor, ...], *, whole_recordings: bool = False
) -> dict[str, Array]:
    """Returns `tensors`, in the order of `specs`, as arrays by name.

    Args:
        specs: The expected tensors.
        tensors: The recorded tensors.
        whole_recordings: Whether their last axis is time and has any length.

    Raises:
        RequestError: The number or shapes of the tensors differ from `specs`.
    """
    if len(specs) != len(tensors):
        raise RequestError(
            f"there are {len(tensors)} tensors for {', '.join(s.name for s in specs)}: give {len(specs)} tensors"
        )
    for spec, tensor in zip(specs, tensors, strict=True):
        if not fits(tensor.shape, spec, whole_recordings):
            shape, expected = tuple(tensor.shape), ("count", *spec.shape[1:])
            raise RequestError(f"{spec.name} has shape {shape}, not {expected}: check the mother's io and recordings")
    return {s.name: np.ascontiguousarray(t.detach().numpy()) for s, t in zip(specs, tensors, strict=True)}


def fits(shape: Sequence[int], spec: TensorSpec, whole_recordings: bool) -> bool:
    """Returns whether `shape` is that of samples `(count, …)` of `spec`, or of recordings of any length."""
    end = -1 if whole_recordings else None
    return len(shape) == len(spec.shape) and tuple(shape[1:end]) == tuple(spec.shape[1:end]) and min(shape) > 0
