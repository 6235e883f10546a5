"""The worker task "run": runs an artifact on recorded samples, in the member's names and layouts."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np

from edge_export.files.arrays import Array, load_arrays, save_arrays
from edge_export.formats import format_named
from edge_export.formats.not_finite import why_not_finite
from edge_export.runtimes import runtime_of
from edge_export.runtimes.stream import stream_recordings
from edge_export.spec.arrays import Run, to_layout, to_type
from edge_export.spec.lazy import resolve
from edge_export.spec.tensors import IO, IOSpec, TensorSpec
from edge_export.workers.task import InputPath, Message, OutputPath, StayingPath, WorkerTask


class CompiledFile(Message):
    """A compiled file: its format and backend, its path, its inputs and outputs, and those of the member.

    An empty backend is the format's first.
    """

    format: str
    backend: str = ""
    path: InputPath
    io: IO
    member_io: IO


class RunRequest(Message):
    """The request of the worker task "run".

    Samples are stacked on axis 0, the batch axis of every input and output: `(count, …)` holds `count` samples of
    shape `(1, …)`. The arrays are in the member's names and layouts.

    Attributes:
        file: The artifact.
        inputs, outputs: Safetensors files.
        runtime: The name of a runtime of the format; None: its first.
        threads: The threads of the runtime.
        stream: Whether state is fed back instead of read from the file. If `member_io` has a stream, each sample is
            then a separate recording of any length, which is split into calls. Otherwise the samples are consecutive
            calls.
        repeat: Whether to load the artifact and run everything a second time.
        unproven: Whether to check the artifact's constants and operators, too, because nobody has verified it.
        progress: A file that receives the number of finished calls.
    """

    file: CompiledFile
    inputs: InputPath
    outputs: OutputPath
    runtime: str | None = None
    threads: int = 1
    stream: bool = False
    repeat: bool = False
    unproven: bool = False
    progress: StayingPath | None = None


class RunAnswer(Message):
    """The answer of the worker task "run".

    Attributes:
        runtime: The name and version of the runtime.
        unsupported: The operators that the runtime does not support. If there are any, nothing was run.
        count: The number of samples that were run.
        load_seconds, seconds: The time to load the artifact, and the time of all calls together.
        repeatable: Whether a second run gave the same bits; None: there was no second run.
        by_documentation: The operators that the runtime evaluates by their documentation only, if it is not the
            vendor's own.
    """

    runtime: str
    unsupported: tuple[str, ...] = ()
    count: int = 0
    load_seconds: float = 0.0
    seconds: float = 0.0
    repeatable: bool | None = None
    by_documentation: tuple[str, ...] = ()


def run_artifact(request: RunRequest) -> RunAnswer:
    """Runs an artifact on every sample of a file, one by one, and saves the outputs.

    Raises:
        ValueError: The samples do not fit the member's inputs, the artifact does not match its io, or it is damaged.
    """
    file, io, member_io = request.file, request.file.io, request.file.member_io
    runtime = runtime_of(file.format, request.runtime, file.backend)
    module = importlib.import_module(runtime.module)
    name = f"{runtime.name} {module.version()}"
    start = time.perf_counter()
    if missing := _unsupported(module, file.path):
        return RunAnswer(runtime=name, unsupported=tuple(missing))

    def load() -> Run:
        call: Run = module.load(file.path, io, threads=request.threads)
        return as_member(call, io, member_io)

    run = load()
    loaded = time.perf_counter()
    if request.unproven:
        _require_finite(file)
    samples = load_arrays(request.inputs)
    feedback = member_io.feedback if request.stream else ()
    recordings = bool(feedback) and member_io.stream is not None
    count = _count(samples, member_io, {sink for _, sink in feedback}, recordings)

    def run_all(run: Run) -> dict[str, Array]:
        if recordings:
            report = _report_to(request.progress)
            return stream_recordings(run, member_io, samples[member_io.inputs[0].name], report)
        return _call_each(run, member_io, samples, count, feedback)

    began = time.perf_counter()
    stacked = run_all(run)
    seconds = time.perf_counter() - began
    save_arrays(request.outputs, stacked)
    repeatable = None
    if request.repeat:
        again = run_all(load())
        repeatable = all(array.tobytes() == again[name].tobytes() for name, array in stacked.items())
    return RunAnswer(
        runtime=name,
        count=count,
        load_seconds=loaded - start,
        seconds=seconds,
        repeatable=repeatable,
        by_documentation=tuple(_by_documentation(module, file.path)) if request.unproven else (),
    )


RUN = WorkerTask("run", RunRequest, RunAnswer, run_artifact)


def _call_each(
    run: Run, io: IOSpec, samples: dict[str, Array], count: int, feedback: tuple[tuple[str, str], ...]
) -> dict[str, Array]:
    """Calls `run` once for each sample. The state that is fed back starts at zero."""
    sinks = {sink for _, sink in feedback}
    state = {spec.name: np.zeros(spec.shape, spec.dtype) for spec in io.inputs if spec.name in sinks}
    results = []
    for index in range(count):
        outputs = run({name: samples[name][index : index + 1] for name in samples} | state)
        state = {sink: outputs[source] for source, sink in feedback}
        results.append(outputs)
    return {spec.name: np.concatenate([result[spec.name] for result in results]) for spec in io.outputs}


def _report_to(progress: Path | None) -> Callable[[int], None]:
    """Returns a function that writes the number of finished calls to the file `progress`, every hundred calls."""

    def report(calls: int) -> None:
        if progress is not None and calls % 100 == 0:
            progress.write_text(str(calls))

    return report


def _unsupported(module: ModuleType, path: Path) -> list[str]:
    missing: list[str] = module.unsupported(path) if hasattr(module, "unsupported") else []
    return missing


def _by_documentation(module: ModuleType, path: Path) -> list[str]:
    found: list[str] = module.by_documentation(path) if hasattr(module, "by_documentation") else []
    return found


def _require_finite(file: CompiledFile) -> None:
    """Raises ValueError if constants of a file are NaN or infinite where none may be."""
    constants = format_named(file.format).constants
    if constants and (wrong := why_not_finite(resolve(constants)(file.path))):
        raise ValueError(f"{file.path.name} is damaged: {wrong}")


def as_member(call: Run, io: IOSpec, member_io: IOSpec) -> Run:
    """Adapts `call` from an artifact's names, layouts and types to those of the member. Both have the same order.

    It raises ValueError if the artifact's type of an input cannot hold a value.
    """

    def run(inputs: dict[str, Array]) -> dict[str, Array]:
        own = {
            artifact.name: crossed(inputs[member.name], member, artifact)
            for artifact, member in zip(io.inputs, member_io.inputs, strict=True)
        }
        outputs = call(own)
        return {
            member.name: crossed(outputs[artifact.name], artifact, member)
            for artifact, member in zip(io.outputs, member_io.outputs, strict=True)
        }

    return run


def crossed(array: Array, source: TensorSpec, target: TensorSpec) -> Array:
    """Returns an array in the layout, type and shape of the other side: of a member, or of its artifact."""
    array = to_type(to_layout(array, source.layout, target.layout), target)
    # A file may lack the batch of one, where its format has no more axes.
    return array.reshape(target.shape) if array.ndim != len(target.shape) else array


def _count(samples: dict[str, Array], io: IOSpec, fed_back: set[str], recordings: bool) -> int:
    """Checks the samples and returns their number. The last axis of `recordings` may have any length."""
    end = -1 if recordings else None
    expected = {spec.name: spec for spec in io.inputs if spec.name not in fed_back}
    problems = []
    if samples.keys() != expected.keys():
        problems.append(f"the samples are of {sorted(samples)}, but the inputs are {sorted(expected)}")
    for name in samples.keys() & expected.keys():
        array, spec = samples[name], expected[name]
        fits = array.ndim == len(spec.shape) and array.shape[1:end] == spec.shape[1:end] and spec.shape[0] == 1
        if not fits or array.size == 0 or array.dtype.name != spec.dtype:
            shape = ["count", *spec.shape[1:end], *(["samples"] if recordings else [])]
            problems.append(f"samples of {name} are {array.dtype.name} {list(array.shape)}, not {spec.dtype} {shape}")
    counts = {len(array) for array in samples.values()}
    if len(counts) != 1 or counts == {0}:
        problems.append(f"all inputs need the same number of samples, at least one; there are {sorted(counts)}")
    if problems:
        raise ValueError("; ".join(sorted(problems)))
    return counts.pop()
