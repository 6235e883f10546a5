"""The worker task "bisect_file": inside one compiled file whose values can be seen."""

from __future__ import annotations

import importlib
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from edge_export.bisect.divergence import bisect
from edge_export.bisect.values import Value
from edge_export.spec.arrays import to_layout
from edge_export.spec.io_json import io_from_json

# Each offers look_inside(path, io, samples): all values of the file, and the names of those that are its outputs.
INSIDE: dict[str, str] = {
    "tflite": "edge_export.bisect.tflite_values",
    "coreml": "edge_export.bisect.mil_values",
    "onnx": "edge_export.bisect.onnx_values",
}


def bisect_file(args: dict[str, Any]) -> dict[str, Any]:
    """Compare every value inside a file with the nodes of the exported program that it was made from.

    Args:
        args: `what` it is called, its `format` (a key of `INSIDE`), `path` and own `io`, the member's `member_io`,
            `program` (a `.pt2` file), `samples` (a safetensors file of the program's inputs, `(samples, …)` each) and
            `snr_db` (the least SNR of values that agree).

    Returns:
        A `Bisection`.

    Raises:
        ValueError: The file, or the program, is not what its io says.
    """
    from edge_export.bisect.program_values import program_values
    from edge_export.files.arrays import load_arrays
    from edge_export.formats.program import load_program

    io, member_io = io_from_json(args["io"]), io_from_json(args["member_io"])
    arrays = load_arrays(Path(args["samples"]))
    inputs = [arrays[spec.name] for spec in member_io.inputs]
    expected, expected_outputs = program_values(load_program(Path(args["program"]), member_io), inputs)
    samples = [
        {
            own.name: to_layout(array[index : index + 1], spec.layout, own.layout)
            for own, spec, array in zip(io.inputs, member_io.inputs, inputs, strict=True)
        }
        for index in range(len(inputs[0]))
    ]
    inside, outputs = importlib.import_module(INSIDE[args["format"]]).look_inside(Path(args["path"]), io, samples)
    named = dict(zip(outputs, expected_outputs, strict=True))
    layouts = {
        name: (own.layout, spec.layout) for name, own, spec in zip(outputs, io.outputs, member_io.outputs, strict=True)
    }
    inside = [_moved(value, *layouts[value.name]) if value.name in layouts else value for value in inside]
    return asdict(bisect(args["what"], expected, inside, named, float(args["snr_db"])))


def _moved(value: Value, source: str, target: str) -> Value:
    """An output in the member's layout."""
    return replace(value, array=np.stack([to_layout(sample, source, target) for sample in value.array]))
