"""Recorded tensors on disk: golden inputs, reference outputs, the held-out set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge_export.errors import RequestError, one_line
from edge_export.verify.metrics import Array

if TYPE_CHECKING:
    from torch import Tensor

    from edge_export.mothers.protocol import TensorSpec

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


def save_arrays(path: Path, arrays: Mapping[str, Array]) -> None:
    """Write a safetensors file, creating its folder."""
    from safetensors.numpy import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    # safetensors writes an array's memory as it lies: a slice of another would come out scrambled.
    save_file({name: np.ascontiguousarray(array) for name, array in sorted(arrays.items())}, path)


def load_arrays(path: Path) -> dict[str, Array]:
    """Read a safetensors file.

    Raises:
        RequestError: It is missing, truncated or no safetensors file.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return dict(load_file(path))
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise RequestError(f"{path} can't be read as safetensors ({one_line(error, 160)})") from error
