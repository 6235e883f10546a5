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


def moves_name(output: str) -> str:
    """Returns the name of how far an output moves by rounding, stored with it. No output has such a name."""
    return f"{output}/moves"


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
            shape, expected = tuple(tensor.shape), spec.recorded_shape
            raise RequestError(f"{spec.name} has shape {shape}, not {expected}: check the mother's io and recordings")
    return {s.name: np.ascontiguousarray(t.detach().numpy()) for s, t in zip(specs, tensors, strict=True)}


def fits(shape: Sequence[int], spec: TensorSpec, whole_recordings: bool) -> bool:
    """Returns whether `shape` is that of samples of `spec`, with their number on its batch axis.

    Without such an axis it is the shape of one sample for all, or of one for each, `(count, …)`.

    Args:
        shape: The shape.
        spec: The expected tensor.
        whole_recordings: Whether the last axis is time and has any length.
    """
    axis, own = spec.batch_axis, tuple(spec.shape)
    if 0 in shape:
        return False
    if axis is None:
        return tuple(shape) == own or (len(shape) == len(own) + 1 and tuple(shape[1:]) == own)
    if whole_recordings:
        shape, own = shape[:-1], own[:-1]
    if len(shape) != len(own):
        return False
    return all(at == axis or size == shape[at] for at, size in enumerate(own))
