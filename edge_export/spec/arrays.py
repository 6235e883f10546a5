"""Checks arrays against the inputs and outputs of an artifact, and converts them between layouts."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from edge_export.files.arrays import Array
from edge_export.spec.tensors import IOSpec, TensorSpec

Run = Callable[[dict[str, Array]], dict[str, Array]]
"""Maps arrays by input name to arrays by output name, in the shapes and layouts of the artifact."""


def check_inputs(io: IOSpec, inputs: Mapping[str, Array]) -> None:
    """Checks `inputs` against the inputs of an artifact.

    Raises:
        ValueError: An input is missing, unknown, or has another shape or dtype. The message names all such inputs.
    """
    names = [spec.name for spec in io.inputs]
    problems = [f"there is no input {name}, only {', '.join(names)}" for name in inputs if name not in names]
    for spec in io.inputs:
        if spec.name not in inputs:
            problems.append(f"input {spec.name} is missing")
        else:
            problems += _differences("input", spec, inputs[spec.name])
    if problems:
        raise ValueError("; ".join(problems))


def check_outputs(io: IOSpec, outputs: Mapping[str, Array]) -> None:
    """Checks the outputs of an artifact. Raises ValueError like `check_inputs`."""
    problems = [problem for spec in io.outputs for problem in _differences("output", spec, outputs[spec.name])]
    if problems:
        raise ValueError("; ".join(problems))


def beginning(array: Array, like: Array) -> Array:
    """Returns as much of `array` along each axis as `like` has."""
    return array[tuple(slice(size) for size in like.shape)]


def to_layout(array: Array, source: str, target: str) -> Array:
    """Transposes `array` from layout `source` to `target`, such as "NCHW" to "NHWC". The result is contiguous.

    Raises:
        ValueError: The layouts have different axes, or another number of axes than the array.
    """
    if source == target:
        return array
    if sorted(source) != sorted(target) or len(source) != array.ndim or len(set(source)) != len(source):
        raise ValueError(f"an array of shape {list(array.shape)} cannot go from layout {source!r} to {target!r}")
    return np.ascontiguousarray(array.transpose([source.index(axis) for axis in target]))


def to_type(array: Array, spec: TensorSpec) -> Array:
    """Returns integers or bools as those of `spec`, which may be other ones. Floats stay as they are.

    Raises:
        ValueError: The type of `spec` cannot hold a value.
    """
    if array.dtype.name == spec.dtype or "f" in (array.dtype.kind, np.dtype(spec.dtype).kind):
        return array
    converted = array.astype(spec.dtype)
    if not np.array_equal(converted, array):
        raise ValueError(f"{spec.name} holds {array[converted != array].flat[0]}, which is no {spec.dtype}")
    return converted


def _differences(side: str, spec: TensorSpec, array: Array) -> list[str]:
    if array.shape == spec.shape and array.dtype.name == spec.dtype:
        return []
    return [
        f"{side} {spec.name} is {array.dtype.name} {list(array.shape)}, not {spec.dtype} {list(spec.shape)}"
        + (f" ({spec.layout})" if spec.layout else "")
    ]
