"""The worker task "run": an artifact on recorded samples, in the member's names and layouts."""

from __future__ import annotations

import importlib
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from edge_export.mothers.io_json import io_from_json
from edge_export.mothers.protocol import IOSpec
from edge_export.runtimes import RUNTIMES
from edge_export.runtimes.arrays import Array, Run, to_layout


def run_artifact(args: dict[str, Any]) -> dict[str, Any]:
    """Run an artifact on every sample of a file, one by one, and save what it gives.

    Samples are stacked on axis 0, the batch axis of every input and output: `(count, …)` holds `count` samples of
    shape `(1, …)`. The arrays are in the member's names and layouts.

    Args:
        args: `format`; `path` of the artifact; its own `io`; the member's `member_io`; `inputs` and `outputs`, paths of
            safetensors files. Optional: `threads` (1); `stream` (false): the samples are consecutive calls, and state
            (`feedback`) starts at zero and is fed back instead of being read from the file.

    Returns:
        `runtime` (its name and version), `count`, `load_seconds` and `seconds`, all the calls together; or only
        `runtime` and `unsupported`, the operators that it does not know.

    Raises:
        ValueError: The samples are not what the member takes, or the artifact is not what its io says.
    """
    from safetensors.numpy import load_file, save_file

    io, member_io = io_from_json(args["io"]), io_from_json(args["member_io"])
    module = importlib.import_module(RUNTIMES[args["format"]].module)
    start = time.perf_counter()
    if missing := _unsupported(module, Path(args["path"])):
        return {"runtime": _named(args["format"], module), "unsupported": missing}
    call: Run = module.load(Path(args["path"]), io, threads=int(args.get("threads", 1)))
    loaded = time.perf_counter()
    samples = load_file(args["inputs"])
    state = {sink: source for source, sink in member_io.feedback} if args.get("stream") else {}
    count = _count(samples, member_io, set(state))
    current = {spec.name: np.zeros(spec.shape, spec.dtype) for spec in member_io.inputs if spec.name in state}
    results: list[dict[str, Array]] = []
    began = time.perf_counter()
    for index in range(count):
        sample = {name: samples[name][index : index + 1] for name in samples}
        outputs = as_member(call, io, member_io)({**sample, **current})
        current = {sink: outputs[source] for sink, source in state.items()}
        results.append(outputs)
    seconds = time.perf_counter() - began
    stacked = {spec.name: np.concatenate([r[spec.name] for r in results]) for spec in member_io.outputs}
    save_file(stacked, args["outputs"])
    return {
        "runtime": _named(args["format"], module),
        "count": count,
        "load_seconds": loaded - start,
        "seconds": seconds,
    }


def _unsupported(module: ModuleType, path: Path) -> list[str]:
    missing: list[str] = module.unsupported(path) if hasattr(module, "unsupported") else []
    return missing


def _named(format_name: str, module: ModuleType) -> str:
    return f"{RUNTIMES[format_name].name} {module.version()}"


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


def _count(samples: dict[str, Array], io: IOSpec, fed_back: set[str]) -> int:
    """How many samples there are."""
    expected = {spec.name: spec for spec in io.inputs if spec.name not in fed_back}
    problems = []
    if samples.keys() != expected.keys():
        problems.append(f"the samples are of {sorted(samples)}, the inputs are {sorted(expected)}")
    for name in samples.keys() & expected.keys():
        have, want = samples[name], expected[name]
        if have.shape[1:] != want.shape[1:] or want.shape[0] != 1 or have.dtype.name != want.dtype:
            shape = ["count", *want.shape[1:]]
            problems.append(f"samples of {name} are {have.dtype.name} {list(have.shape)}, not {want.dtype} {shape}")
    counts = {len(array) for array in samples.values()}
    if len(counts) != 1 or counts == {0}:
        problems.append(f"there must be as many samples of each input, at least one; there are {sorted(counts)}")
    if problems:
        raise ValueError("; ".join(sorted(problems)))
    return counts.pop()
