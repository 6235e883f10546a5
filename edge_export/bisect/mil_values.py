"""Reads every value of a Core ML program with the MIL evaluator, which runs on any machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edge_export.bisect.inside import Operator, values_of
from edge_export.bisect.values import Value
from edge_export.files.arrays import Array
from edge_export.runtimes.mil.program import Program, load_program
from edge_export.runtimes.mil.steps import execute
from edge_export.runtimes.mil.types import rounded
from edge_export.spec.tensors import IOSpec


def look_inside(path: Path, io: IOSpec, samples: Sequence[Mapping[str, Array]]) -> tuple[list[Value], list[str]]:
    """Returns the values of all operators on `samples`, and the names of those that are the outputs of `io`."""
    from edge_export.runtimes.mil.package import open_package

    package = open_package(path)
    program = load_program(package)
    function = package.spec.mlProgram.functions["main"]
    operations = function.block_specializations[function.opset].operations
    operators = [_operator(operation) for operation in operations if operation.type != "const"]
    results = {operator.writes[0]: operator.writes for operator in operators if operator.writes}
    seen = [_run(program, results, sample) for sample in samples]
    return values_of(operators, seen), [spec.name for spec in io.outputs]


def _operator(operation: Any) -> Operator:
    writes = tuple(output.name for output in operation.outputs)
    bindings = [binding for argument in operation.inputs.values() for binding in argument.arguments]
    reads = tuple(binding.name for binding in bindings if binding.WhichOneof("binding") == "name")
    # The name of a cast, or of a second operator for one of PyTorch's, begins with that operator's: conv2d_1_cast_fp16.
    return Operator(operation.type, writes, reads, writes[:1])


def _run(program: Program, results: Mapping[str, tuple[str, ...]], inputs: Mapping[str, Array]) -> dict[str, Array]:
    slots = list(program.slots)
    for name, (slot, declared) in program.inputs.items():
        slots[slot] = rounded(inputs[name], declared.scalar)
    values: dict[str, Array] = {}
    with np.errstate(all="ignore"):
        for step in program.steps:
            execute([replace(step, release=())], slots)
            names = results[step.label.partition(" ")[2]]
            values |= {name: slots[result.slot] for name, result in zip(names, step.results, strict=True)}
    return values
