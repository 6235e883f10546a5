"""Reads recorded inputs from safetensors files, which every task supports."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge_export.errors import RequestError
from edge_export.files.arrays import Array, load_arrays
from edge_export.spec.recorded import fits
from edge_export.spec.tensors import IOSpec


def read_tensor_files(files: Sequence[Path], io: IOSpec) -> list[list[Array]] | None:
    """Reads one `(count, …)` array for each input from every `.safetensors` file; None: there is no such file.

    Raises:
        RequestError: A file cannot be read or does not hold the inputs. The message names every problem.
    """
    return [_read(path, io) for path in files if path.suffix == ".safetensors"] or None


def _read(path: Path, io: IOSpec) -> list[Array]:
    arrays = load_arrays(path)
    problems = []
    for spec in io.inputs:
        array = arrays.get(spec.name)
        if array is None:
            problems.append(f"it has no tensor {spec.name}")
        elif not fits(array.shape, spec, io.stream is not None) or array.dtype != np.dtype(spec.dtype):
            expected = ("count", *spec.shape[1:])
            problems.append(f"{spec.name} is {array.dtype} {array.shape}, not {spec.dtype} {expected}")
        elif array.dtype.kind == "f" and not np.isfinite(array).all():
            problems.append(f"{spec.name} holds NaN or infinite values")
    if len({len(arrays[s.name]) for s in io.inputs if s.name in arrays and arrays[s.name].ndim}) > 1:
        problems.append("its tensors have different counts")
    if problems:
        raise RequestError(f"--goldens {path}: {'; '.join(problems)}")
    return [arrays[spec.name] for spec in io.inputs]
