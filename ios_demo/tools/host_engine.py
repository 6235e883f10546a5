"""Runs compiled files for the Swift library on this machine: `.mlpackage` by the MIL evaluator, `.pte` by ExecuTorch.

    python ios_demo/tools/host_engine.py

It reads commands on standard input and answers each on standard output, in frames: 8 bytes with the length, little-
endian, then the content. A command is JSON, with "do":

- "version", with a format: the name and version of its runtime.
- "load", with format, path, io, threads: loads a file in place of the one before.
- "medians", with a path: reads a `perf.json` as the package does; answers the median of each round's samples, in JSON.
- "results", with a folder: reads a request folder and its results as the package does; answers each outcome, in JSON.
- "call": a frame with the inputs follows, in safetensors; the answer is that of the outputs.

An answer begins with `=`, or with `!` and the reason, or with `?` and the reason if the runtime lacks an operator.
"""

from __future__ import annotations

import importlib
import json
import os
import struct
import sys
from pathlib import Path
from statistics import median
from typing import Any, BinaryIO

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from pydantic import TypeAdapter
from safetensors.numpy import load, save

from edge_export.bundle.perf import Perf
from edge_export.bundle.series import unpack
from edge_export.devices.folder import read_request
from edge_export.devices.results import read_results
from edge_export.errors import one_line
from edge_export.formats import format_named
from edge_export.formats.descriptor import Runtime
from edge_export.runtimes import Unsupported, why_unavailable
from edge_export.spec.arrays import Run
from edge_export.spec.tensors import IO


def read_frame(source: BinaryIO) -> bytes | None:
    head = source.read(8)
    if len(head) < 8:
        return None
    (length,) = struct.unpack("<Q", head)
    return source.read(length)


def runtime_here(name: str) -> Runtime:
    """Returns the first runtime of a format that works on this machine."""
    for runtime in format_named(name).runtimes:
        if why_unavailable(runtime) is None:
            return runtime
    raise Unsupported(f"no runtime for {name} works on this machine")


def version_of(name: str) -> str:
    runtime = runtime_here(name)
    return f"{runtime.name} {importlib.import_module(runtime.module).version()}"


def loaded(command: dict[str, Any]) -> Run:
    module = importlib.import_module(runtime_here(command["format"]).module)
    path = Path(command["path"])
    if missing := module.unsupported(path) if hasattr(module, "unsupported") else []:
        raise Unsupported(f"the runtime lacks {', '.join(missing)}")
    run: Run = module.load(path, TypeAdapter(IO).validate_python(command["io"]), threads=command["threads"])
    return run


def outcomes(folder: Path) -> dict[str, str]:
    request = read_request(folder)
    assert request is not None, "there is no request"
    return {name: result.status.outcome for name, result in read_results(folder, request).items.items()}


def medians(path: Path) -> dict[str, list[float]]:
    devices = Perf.model_validate_json(path.read_bytes()).devices
    timed = [(device.device, each, each.latency) for device in devices for each in device.artifacts]
    return {
        f"{device} {each.member} {each.artifact}": [median(unpack(round.samples)) for round in latency.rounds]
        for device, each, latency in timed
        if latency is not None
    }


def main() -> None:
    source, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is no answer
    run: Run | None = None
    while (frame := read_frame(source)) is not None:
        command = json.loads(frame)
        try:
            if command["do"] == "version":
                answer = b"=" + version_of(command["format"]).encode()
            elif command["do"] == "load":
                run = None
                run = loaded(command)
                answer = b"="
            elif command["do"] == "medians":
                answer = b"=" + json.dumps(medians(Path(command["path"]))).encode()
            elif command["do"] == "results":
                answer = b"=" + json.dumps(outcomes(Path(command["folder"]))).encode()
            else:
                inputs = load(read_frame(source) or b"")
                assert run is not None, "nothing is loaded"
                answer = b"=" + save(run(inputs))
        except Unsupported as error:
            answer = b"?" + one_line(error).encode()
        except Exception as error:
            answer = b"!" + one_line(error).encode()
        answers.write(struct.pack("<Q", len(answer)) + answer)
        answers.flush()


if __name__ == "__main__":
    main()
