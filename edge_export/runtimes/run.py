"""The worker task "run": an artifact on recorded samples, in the member's names and layouts."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from edge_export.files.arrays import Array, save_arrays
from edge_export.runtimes import Runtime, runtime_of
from edge_export.runtimes.stream import stream_recordings
from edge_export.spec.arrays import Run, to_layout
from edge_export.spec.io_json import io_from_json
from edge_export.spec.tensors import IOSpec


def run_artifact(args: dict[str, Any]) -> dict[str, Any]:
    """Run an artifact on every sample of a file, one by one, and save what it gives.

    Samples are stacked on axis 0, the batch axis of every input and output: `(count, …)` holds `count` samples of
    shape `(1, …)`. The arrays are in the member's names and layouts.

    Args:
        args: `format`; `path` of the artifact; its own `io`; the member's `member_io`; `inputs` and `outputs`, paths of
            safetensors files. Optional: `runtime` (the format's first); `threads` (1); `stream` (false): state
            (`feedback`) is fed back instead of being read from the file. Of a member_io with a stream, each sample is
            then a recording of its own, of any length, cut into calls; else the samples are consecutive calls.
            `repeat` (false): load the artifact and run everything once more. `progress`: a file that is told how many
            calls are done.

    Returns:
        `runtime` (its name and version), `count`, `load_seconds` and `seconds`, all the calls together, and with
        `repeat` whether it was `repeatable`, bit for bit; or only `runtime` and `unsupported`, the operators that it
        does not know.

    Raises:
        ValueError: The samples are not what the member takes, or the artifact is not what its io says.
    """
    from safetensors.numpy import load_file

    io, member_io = io_from_json(args["io"]), io_from_json(args["member_io"])
    runtime = runtime_of(args["format"], args.get("runtime"))
    module = importlib.import_module(runtime.module)
    start = time.perf_counter()
    if missing := _unsupported(module, Path(args["path"])):
        return {"runtime": _named(runtime, module), "unsupported": missing}

    def load() -> Run:
        call: Run = module.load(Path(args["path"]), io, threads=int(args.get("threads", 1)))
        return as_member(call, io, member_io)

    run = load()
    loaded = time.perf_counter()
    samples = load_file(args["inputs"])
    feedback = member_io.feedback if args.get("stream") else ()
    recordings = bool(feedback) and member_io.stream is not None
    count = _count(samples, member_io, {sink for _, sink in feedback}, recordings)

    def run_all(run: Run) -> dict[str, Array]:
        if recordings:
            return stream_recordings(run, member_io, samples[member_io.inputs[0].name], _told(args.get("progress")))
        return _call_each(run, member_io, samples, count, feedback)

    began = time.perf_counter()
    stacked = run_all(run)
    seconds = time.perf_counter() - began
    save_arrays(Path(args["outputs"]), stacked)
    answer = {
        "runtime": _named(runtime, module),
        "count": count,
        "load_seconds": loaded - start,
        "seconds": seconds,
    }
    if args.get("repeat"):
        again = run_all(load())
        answer["repeatable"] = all(array.tobytes() == again[name].tobytes() for name, array in stacked.items())
    return answer


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


def _told(progress: str | None) -> Callable[[int], None]:
    """Writes how many calls are done to the file `progress`, a hundred at a time: whoever waits may read it."""

    def told(calls: int) -> None:
        if progress is not None and calls % 100 == 0:
            Path(progress).write_text(str(calls))

    return told


def _unsupported(module: ModuleType, path: Path) -> list[str]:
    missing: list[str] = module.unsupported(path) if hasattr(module, "unsupported") else []
    return missing


def _named(runtime: Runtime, module: ModuleType) -> str:
    return f"{runtime.name} {module.version()}"


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
