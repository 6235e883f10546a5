"""The worker task "bisect_file": bisects one compiled file whose values can be read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edge_export.bisect.divergence import bisect
from edge_export.bisect.values import Bisection, Value
from edge_export.formats import format_named
from edge_export.runtimes.run import CompiledFile, crossed
from edge_export.spec.arrays import to_layout
from edge_export.spec.lazy import resolve
from edge_export.workers.task import InputPath, Message, WorkerTask


class BisectFileRequest(Message):
    """The request of the worker task "bisect_file".

    Attributes:
        what: The name of the result, such as the artifact's label.
        file: A file whose format's descriptor has `look_inside`.
        program: The exported program that it was made from, `.pt2`.
        samples: A safetensors file of the program's inputs, `(samples, …)` each.
        snr_db: The minimum SNR in dB of values that agree.
    """

    what: str
    file: CompiledFile
    program: InputPath
    samples: InputPath
    snr_db: float


def bisect_file(request: BisectFileRequest) -> Bisection:
    """Compares every value inside a file with the nodes of the exported program that it was made from.

    Raises:
        ValueError: The file or the program does not match its io.
    """
    from edge_export.bisect.program_values import program_values
    from edge_export.files.arrays import load_arrays
    from edge_export.formats.program import load_program

    io, member_io = request.file.io, request.file.member_io
    arrays = load_arrays(request.samples)
    inputs = [arrays[spec.name] for spec in member_io.inputs]
    expected, expected_outputs = program_values(load_program(request.program, member_io), inputs)
    samples = [
        {
            own.name: crossed(array[index : index + 1], spec, own)
            for own, spec, array in zip(io.inputs, member_io.inputs, inputs, strict=True)
        }
        for index in range(len(inputs[0]))
    ]
    look_inside = resolve(format_named(request.file.format).look_inside_of(request.file.backend))
    inside, outputs = look_inside(request.file.path, io, samples)
    reference = dict(zip(outputs, expected_outputs, strict=True))
    layouts = {
        name: (own.layout, spec.layout) for name, own, spec in zip(outputs, io.outputs, member_io.outputs, strict=True)
    }
    inside = [_moved(value, *layouts[value.name]) if value.name in layouts else value for value in inside]
    return bisect(request.what, expected, inside, reference, request.snr_db)


def _moved(value: Value, source: str, target: str) -> Value:
    """Returns an output in the member's layout."""
    return replace(value, array=np.stack([to_layout(sample, source, target) for sample in value.array]))


BISECT_FILE = WorkerTask("bisect_file", BisectFileRequest, Bisection, bisect_file)
