"""The worker task "run": an artifact on recorded samples, in the member's names and layouts."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np

from edge_export.files.arrays import Array, load_arrays, save_arrays
from edge_export.runtimes import runtime_of
from edge_export.runtimes.stream import stream_recordings
from edge_export.spec.arrays import Run, to_layout
from edge_export.spec.tensors import IO, IOSpec
from edge_export.workers.task import InputPath, Message, OutputPath, StayingPath, WorkerTask


class CompiledFile(Message):
    """A compiled file: its format, where it lies, its own io, and the member's."""

    format: str
    path: InputPath
    io: IO
    member_io: IO


class RunRequest(Message):
    """What to run.

    Samples are stacked on axis 0, the batch axis of every input and output: `(count, …)` holds `count` samples of
    shape `(1, …)`. The arrays are in the member's names and layouts.

    Attributes:
        inputs, outputs: Safetensors files.
        runtime: The name of one of the format's; its first when None.
        stream: State is fed back instead of being read from the file. Of a member_io with a stream, each sample is then
            a recording of its own, of any length, cut into calls; else the samples are consecutive calls.
        repeat: Load the artifact and run everything once more.
        progress: A file that is told how many calls are done.
    """

    file: CompiledFile
    inputs: InputPath
    outputs: OutputPath
    runtime: str | None = None
    threads: int = 1
    stream: bool = False
    repeat: bool = False
    progress: StayingPath | None = None


class RunAnswer(Message):
    """How an artifact ran.

    Attributes:
        runtime: Its name and version.
        unsupported: The operators that it does not know; nothing was run then.
        count: How many samples were run.
        load_seconds, seconds: How long loading took, and all the calls together.
        repeatable: Whether running it again gave the same bits; None when it was not asked.
    """

    runtime: str
    unsupported: tuple[str, ...] = ()
    count: int = 0
    load_seconds: float = 0.0
    seconds: float = 0.0
    repeatable: bool | None = None


def run_artifact(request: RunRequest) -> RunAnswer:
    """Run an artifact on every sample of a file, one by one, and save what it gives.

    Raises:
        ValueError: The samples are not what the member takes, or the artifact is not what its io says.
    """
    file, io, member_io = request.file, request.file.io, request.file.member_io
    runtime = runtime_of(file.format, request.runtime)
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
    return RunAnswer(runtime=name, count=count, load_seconds=loaded - start, seconds=seconds, repeatable=repeatable)


RUN = WorkerTask("run", RunRequest, RunAnswer, run_artifact)


def _call_each(
    run: Run, io: IOSpec, samples: dict[str, Array], count: int, feedback: tuple[tuple[str, str], ...]
) -> dict[str, Array]:
    """One call for each sample; what is fed back starts at zero."""
    sinks = {sink for _, sink in feedback}
    state = {spec.name: np.zeros(spec.shape, spec.dtype) for spec in io.inputs if spec.name in sinks}
    results = []
    for index in range(count):
        outputs = run({name: samples[name][index : index + 1] for name in samples} | state)
        state = {sink: outputs[source] for source, sink in feedback}
        results.append(outputs)
    return {spec.name: np.concatenate([result[spec.name] for result in results]) for spec in io.outputs}


def _report_to(progress: Path | None) -> Callable[[int], None]:
    """Writes how many calls are done to the file `progress`, a hundred at a time: whoever waits may read it."""

    def report(calls: int) -> None:
        if progress is not None and calls % 100 == 0:
            progress.write_text(str(calls))

    return report


def _unsupported(module: ModuleType, path: Path) -> list[str]:
    missing: list[str] = module.unsupported(path) if hasattr(module, "unsupported") else []
    return missing


def as_member(call: Run, io: IOSpec, member_io: IOSpec) -> Run:
    """`call`, which speaks an artifact's names and layouts, with those of the member; both are in the same order."""

    def run(inputs: dict[str, Array]) -> dict[str, Array]:
        own = {
            artifact.name: to_layout(inputs[member.name], member.layout, artifact.layout)
            for artifact, member in zip(io.inputs, member_io.inputs, strict=True)
        }
        outputs = call(own)
        return {
            member.name: to_layout(outputs[artifact.name], artifact.layout, member.layout)
            for artifact, member in zip(io.outputs, member_io.outputs, strict=True)
        }

    return run


def _count(samples: dict[str, Array], io: IOSpec, fed_back: set[str], recordings: bool) -> int:
    """How many samples there are; of `recordings`, the last axis may have any length."""
    end = -1 if recordings else None
    expected = {spec.name: spec for spec in io.inputs if spec.name not in fed_back}
    problems = []
    if samples.keys() != expected.keys():
        problems.append(f"the samples are of {sorted(samples)}, the inputs are {sorted(expected)}")
    for name in samples.keys() & expected.keys():
        have, want = samples[name], expected[name]
        fits = have.ndim == len(want.shape) and have.shape[1:end] == want.shape[1:end] and want.shape[0] == 1
        if not fits or have.size == 0 or have.dtype.name != want.dtype:
            shape = ["count", *want.shape[1:end], *(["samples"] if recordings else [])]
            problems.append(f"samples of {name} are {have.dtype.name} {list(have.shape)}, not {want.dtype} {shape}")
    counts = {len(array) for array in samples.values()}
    if len(counts) != 1 or counts == {0}:
        problems.append(f"there must be as many samples of each input, at least one; there are {sorted(counts)}")
    if problems:
        raise ValueError("; ".join(sorted(problems)))
    return counts.pop()
