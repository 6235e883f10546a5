"""Calibration inputs of a member, as inputs of its file, for quantizers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge_export.formats.tflite.boundary import moved
from edge_export.spec.tensors import IOSpec


def read_samples(path: Path | None, io: IOSpec, own_io: IOSpec) -> list[dict[str, Any]]:
    """Reads every recorded call in `path`.

    Args:
        path: A safetensors file with an array `(count, …)` for each input of `io`, by its name.
        io: The member's inputs and outputs.
        own_io: The file's own inputs and outputs.

    Returns:
        For each call, the arrays by the names and in the layouts of `own_io`, with batch size 1.

    Raises:
        ValueError: `path` is None, cannot be read, or does not hold the inputs of `io`.
    """
    import numpy as np
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    if path is None:
        raise ValueError("this scheme needs calibration: a safetensors file of real inputs; other schemes need none")
    try:
        arrays = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ValueError(f"calibration {path.name} cannot be read: {error}") from None
    problems = [f"{name} is not an input" for name in arrays if name not in {spec.name for spec in io.inputs}]
    for spec in io.inputs:
        array = arrays.get(spec.name)
        if array is None:
            problems.append(f"input {spec.name} is missing")
        elif array.ndim == 0 or array.shape[1:] != spec.shape[1:] or array.dtype.name != spec.dtype or not array.size:
            shape = ["count", *spec.shape[1:]]
            problems.append(f"{spec.name} is {array.dtype.name} {list(array.shape)}, not {spec.dtype} {shape}")
        elif not np.isfinite(array).all():
            problems.append(f"{spec.name} holds NaN or infinite values")
    counts = {len(array) for array in arrays.values() if array.ndim}
    if not problems and len(counts) != 1:
        problems.append(f"its inputs have different counts, {sorted(counts)}")
    if problems:
        raise ValueError(f"calibration {path.name}: {'; '.join(problems)}")
    return [
        {
            own.name: moved(arrays[spec.name][index : index + 1], spec, own)
            for spec, own in zip(io.inputs, own_io.inputs, strict=True)
        }
        for index in range(counts.pop())
    ]
