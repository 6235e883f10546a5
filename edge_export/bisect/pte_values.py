"""Reads every value of the Core ML program inside an ExecuTorch program, with the MIL evaluator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from edge_export.bisect import mil_values
from edge_export.bisect.values import Value
from edge_export.files.arrays import Array
from edge_export.files.owned import scratch_folder
from edge_export.formats.executorch.coreml import write_package
from edge_export.formats.executorch.flattened import unflattened
from edge_export.formats.executorch.opened import open_program
from edge_export.spec.tensors import IOSpec


def look_inside(path: Path, io: IOSpec, samples: Sequence[Mapping[str, Array]]) -> tuple[list[Value], list[str]]:
    """Returns the values of all operators on `samples`, and the names of those that are the outputs of `io`.

    Raises:
        ValueError: The file is not one Core ML delegate alone.
    """
    from executorch.exir.schema import DelegateCall

    from edge_export.runtimes.pte.steps import delegate_io

    program = open_program(path)
    if len(program.calls) != 1 or not isinstance(program.calls[0], DelegateCall):
        raise ValueError("it is not one Core ML delegate alone, so its inner values can't be read")
    (call,) = program.calls
    files = unflattened(program.payload(program.plan.delegates[call.delegate_index]))
    with scratch_folder() as folder:
        package = write_package(files, folder)
        reads, writes, own = delegate_io(program, call, files, package)
        given = dict(zip(program.plan.inputs, (spec.name for spec in io.inputs), strict=True))
        sources = {spec.name: given[index] for index, spec in zip(reads, own.inputs, strict=True)}
        inner = [{name: sample[source] for name, source in sources.items()} for sample in samples]
        values, _ = mil_values.look_inside(package, own, inner)
    names = dict(zip(writes, (spec.name for spec in own.outputs), strict=True))
    return values, [names[index] for index in program.plan.outputs]
