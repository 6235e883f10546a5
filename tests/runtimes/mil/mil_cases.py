"""Test cases of one operator each: a package that coremltools converts, and the result of PyTorch."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import coremltools as ct
import numpy as np
import torch
from coremltools.converters.mil import Builder as mb
from coremltools.converters.mil.mil import types

from edge_export.formats.coreml.runtime import UNITS
from edge_export.runtimes.mil.package import open_package
from edge_export.runtimes.mil.program import load_program, operations

PRECISIONS = {"fp32": np.float32, "fp16": np.float16}
# One rounding to float16 leaves at least 66 dB. Operators with several roundings, such as a sum of squares, leave less.
SNR_DB = {"fp32": 105.0, "fp16": 55.0}


@dataclass(frozen=True)
class Case:
    """One use of one operator.

    Attributes:
        operator: The operator under test.
        build: Returns the result or a tuple of results, from numpy's float type and the inputs, with coremltools'
            builder.
        expected: Returns the same from the inputs as tensors.
        inputs: Shapes of random inputs, or arrays.
        snr_db: The least SNR by precision; None: `SNR_DB`.
    """

    operator: str
    build: Callable[..., Any]
    expected: Callable[..., Any]
    inputs: Sequence[Any] = ((2, 3, 5),)
    opset: Any = ct.target.iOS17
    precisions: tuple[str, ...] = ("fp32", "fp16")
    snr_db: dict[str, float] | None = None


def weight(*shape: int, seed: int = 0) -> np.ndarray:
    """Returns random weights, the same in every call."""
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(np.float32) * 0.5


def positive(*shape: int, seed: int = 0) -> np.ndarray:
    """Returns random values between 0.5 and 2."""
    return np.random.default_rng([seed, *shape]).uniform(0.5, 2, shape).astype(np.float32)


def integers(*shape: int, low: int = -5, high: int = 6, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).integers(low, high, shape).astype(np.int32)


def inputs_of(case: Case, precision: str) -> list[np.ndarray]:
    """Returns the inputs of a case. Floats have the precision."""
    arrays = [
        weight(*given, seed=7 + i) * 3 if isinstance(given, tuple) else given for i, given in enumerate(case.inputs)
    ]
    return [a.astype(PRECISIONS[precision]) if a.dtype.kind == "f" else a for a in arrays]


def save(case: Case, precision: str, path: Path) -> Path:
    """Saves the package of `case`, written by coremltools without passes that could replace the operator."""
    arrays = inputs_of(case, precision)
    kinds = {"float32": types.fp32, "float16": types.fp16, "int32": types.int32}
    specs = [mb.TensorSpec(array.shape, dtype=kinds[array.dtype.name]) for array in arrays]
    names = [f"x{index}" for index in range(len(arrays))]

    def body(*values: Any) -> Any:
        results = case.build(PRECISIONS[precision], *values)
        results = results if isinstance(results, tuple | list) else (results,)
        return tuple(result if _exportable(result) else mb.cast(x=result, dtype="int32") for result in results)

    scope: dict[str, Any] = {"body": body}
    exec(f"def program({', '.join(names)}): return body({', '.join(names)})", scope)
    program = mb.program(input_specs=specs, opset_version=case.opset)(scope["program"])
    model = ct.convert(
        program,
        source="milinternal",
        convert_to="mlprogram",
        minimum_deployment_target=case.opset,
        pass_pipeline=ct.PassPipeline.EMPTY,
        skip_model_load=True,
    )
    model.save(str(path))
    return path


def evaluate(path: Path, arrays: Sequence[np.ndarray]) -> tuple[list[np.ndarray], list[str]]:
    """Returns the package's results in order, and its operators."""
    package = open_package(path)
    program = load_program(package)
    return list(program(dict(zip(program.inputs, arrays, strict=True))).values()), [
        operation.type for operation in operations(package)
    ]


def expected(case: Case, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Returns the results of PyTorch in float32."""
    tensors = [torch.from_numpy(a.astype(np.float32) if a.dtype.kind == "f" else a.copy()) for a in arrays]
    with torch.inference_mode():
        results = case.expected(*tensors)
    return [np.asarray(result) for result in (results if isinstance(results, tuple | list) else (results,))]


def run_core_ml(path: Path, arrays: Sequence[np.ndarray]) -> dict[str, list[np.ndarray]]:
    """Returns the results of Core ML on each compute unit, on macOS; elsewhere nothing."""
    results = {}
    for unit, name in UNITS.items() if sys.platform == "darwin" else ():
        model = ct.models.MLModel(str(path), compute_units=ct.ComputeUnit[name])
        description = model.get_spec().description
        outputs = model.predict({f.name: a for f, a in zip(description.input, arrays, strict=True)})
        results[unit] = [outputs[feature.name] for feature in description.output]
    return results


def snr_db(reference: np.ndarray, value: np.ndarray) -> float:
    """Returns the SNR, infinite if every number is equal. Infinities and NaN must be where they are expected."""
    reference, value = reference.astype(np.float64), np.asarray(value, np.float64)
    odd = ~np.isfinite(reference)
    np.testing.assert_array_equal(value[odd], reference[odd])
    noise = np.square(reference - value, where=~odd, out=np.zeros_like(reference)).sum()
    signal = np.square(reference, where=~odd, out=np.zeros_like(reference)).sum()
    return float("inf") if noise == 0 else float(10 * np.log10(max(signal, 1e-300) / noise))


def _exportable(result: Any) -> bool:
    return result.dtype in (types.fp32, types.fp16, types.int32)
