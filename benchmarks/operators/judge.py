"""The worker tasks that convert a case by a plain converter, and that run a file and say whether it is right.

A file is right if it gives the network's numbers on each of three calls: the sample, another of the same shapes where
there is one, and the sample again. The limits are those of a target's float32 files. Where the network's own float32
rounding, measured once in float64, comes near a limit, four times the rounding is the limit, up to `LOOSEST`.
"""

from __future__ import annotations

import importlib
import itertools
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from benchmarks.operators.prepare import INPUTS, OUTPUTS, PLAIN, WIDE
from edge_export.files.arrays import Array, load_arrays
from edge_export.spec.agreement import Agreement, agreement
from edge_export.spec.tensors import IO, IOSpec, TensorSpec
from edge_export.spec.tolerance import Tolerance, why_not
from edge_export.workers.task import InputPath, Message, OutputPath, WorkerTask

LIMITS = Tolerance(snr_db=90, max_abs_of_peak=1e-4)
LOOSEST = Tolerance(snr_db=40, max_abs_of_peak=1e-2)
ROUNDING = 4.0
"""How many times the network's own rounding a file may be off."""
CALLS = (0, -1, 0)
"""The rows of inputs that a file is called with, in order."""


class ConvertRequest(Message):
    """The request: a case's folder, a plain converter, and where its file goes."""

    case: InputPath
    way: str
    file: OutputPath


class JudgeRequest(Message):
    """The request: a case's folder, a file, and its inputs and outputs in the network's order; None: as it has them."""

    case: InputPath
    format: str
    file: InputPath
    io: IO | None = None


class Judged(Message):
    """What became of a file: "right", "wrong", or "not run" if nothing here knows all its operators.

    Attributes:
        snr_db: The lowest of all outputs and calls; None: it was not measured.
    """

    outcome: str
    reason: str = ""
    snr_db: float | None = None


def convert(request: ConvertRequest) -> None:
    """Converts the program of a case. Raises whatever the converter raises."""
    import warnings

    import torch

    from benchmarks.cases import Network
    from benchmarks.operators.ways import WAYS

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    program = torch.export.load(request.case / PLAIN)
    given = tuple(program.example_inputs[0])
    count = len(program.graph_signature.user_outputs)
    names = tuple(f"x{index}" for index in range(len(given))), tuple(f"y{index}" for index in range(count))
    network = Network(program.module(), given, (), *names)
    if request.file.is_dir():
        shutil.rmtree(request.file)
    WAYS[request.way].convert(network, request.file)


def judge(request: JudgeRequest) -> Judged:
    """Runs a file and compares it. Raises whatever the runtime raises."""
    from edge_export.formats import FORMATS

    runtime = importlib.import_module(FORMATS[request.format].runtimes[0].module)
    if hasattr(runtime, "unsupported") and (missing := runtime.unsupported(request.file)):
        return Judged(outcome="not run", reason=f"the evaluator does not know {', '.join(missing)}")
    io = request.io or _own_io(request)
    call = runtime.load(request.file, io, threads=1)
    inputs, outputs, wide = (_rows(load_arrays(request.case / name)) for name in (INPUTS, OUTPUTS, WIDE))
    worst: Agreement | None = None
    for row in CALLS:
        given = {
            spec.name: _laid_out(array, spec.shape).astype(spec.dtype)
            for spec, array in zip(io.inputs, inputs[row], strict=True)
        }
        results = call(given)
        for index, spec in enumerate(io.outputs):
            expected = outputs[row][index]
            own = wide[row][index] if wide else expected
            best = max(_agreements(expected, results[spec.name]), key=lambda each: each.snr_db, default=None)
            if best is None:
                have = list(results[spec.name].shape)
                return Judged(outcome="wrong", reason=f"an output is {have}, not {list(expected.shape)}")
            if reason := why_not(best, limits(agreement(own, expected))):
                return Judged(outcome="wrong", reason=f"output {index}: {reason}", snr_db=best.snr_db)
            worst = best if worst is None or best.snr_db < worst.snr_db else worst
    return Judged(outcome="right", snr_db=None if worst is None else worst.snr_db)


def limits(rounding: Agreement) -> Tolerance:
    """Returns the limits for an output whose own float32 rounding is `rounding`."""
    if rounding.max_abs is None:
        return LIMITS
    share = ROUNDING * rounding.max_abs / max(rounding.peak, float(np.finfo(np.float64).tiny))
    return Tolerance(
        snr_db=max(LOOSEST.snr_db, min(LIMITS.snr_db, rounding.snr_db - 20 * float(np.log10(ROUNDING)))),
        max_abs_of_peak=min(LOOSEST.max_abs_of_peak, max(LIMITS.max_abs_of_peak, share)),
    )


def _rows(arrays: dict[str, Array]) -> list[list[Array]]:
    """Returns arrays by their names "row.index"."""
    names = sorted(tuple(map(int, name.split("."))) for name in arrays)
    return [
        [arrays[f"{row}.{index}"] for _, index in each] for row, each in itertools.groupby(names, key=lambda n: n[0])
    ]


def _laid_out(array: Array, shape: tuple[int, ...]) -> Array:
    """Returns an input as a file takes it, perhaps with its channels last."""
    if array.shape != shape and array.ndim > 2 and (moved := np.moveaxis(array, 1, -1)).shape == shape:
        return moved
    return array.reshape(shape)


def _agreements(expected: Array, result: Array) -> Iterator[Agreement]:
    """Yields the agreement of a result as it lies in the file, and with its channels moved, as converters do."""
    if result.size != expected.size:
        return
    without = [size for size in expected.shape if size != 1]
    if [size for size in result.shape if size != 1] == without:
        yield agreement(expected, result.reshape(expected.shape))
    if result.ndim == expected.ndim > 2:
        moved = np.moveaxis(result, -1, 1)
        if moved.shape == expected.shape:
            yield agreement(expected, moved)


def _own_io(request: JudgeRequest) -> IOSpec:
    """Returns a file's inputs and outputs in the network's order."""
    from edge_export.inspection.task import inspect_file

    found: tuple[Sequence[TensorSpec], Sequence[TensorSpec]]
    if request.format == "tflite":  # its runtime may have other shapes than the file states, such as [] for [1]
        from ai_edge_litert.interpreter import Interpreter

        from edge_export.formats.tflite.compile import tensor_specs

        interpreter = Interpreter(str(request.file), num_threads=1)
        interpreter.allocate_tensors()
        found = tensor_specs(interpreter, IOSpec((), ()))
    else:
        contents = inspect_file(request.file)
        found = contents.inputs, contents.outputs
    inputs = [replace(spec, name=spec.name or f"x{i}") for i, spec in enumerate(found[0])]
    outputs = [replace(spec, name=spec.name or f"y{i}") for i, spec in enumerate(found[1])]
    return IOSpec(_in_order(inputs, "x"), _in_order(outputs, "y"))


def _in_order(specs: list[TensorSpec], letter: str) -> tuple[TensorSpec, ...]:
    by_name = {spec.name: spec for spec in specs}
    names = [f"{letter}{index}" for index in range(len(specs))]
    return tuple(by_name[name] for name in names) if by_name.keys() == set(names) else tuple(specs)


CONVERT = WorkerTask("convert_case", ConvertRequest, type(None), convert)
JUDGE = WorkerTask("judge_case", JudgeRequest, Judged, judge)
