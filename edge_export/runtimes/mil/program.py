"""Evaluates the program of a package on numpy arrays.

All that does not depend on the inputs, including compressed weights, is computed once when a program is loaded. The
rest is a list of steps over numbered slots.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_export.files.arrays import Array
from edge_export.runtimes.mil.package import Package, scalar_name, tensor_type
from edge_export.runtimes.mil.registry import BUILT_IN, OPERATORS
from edge_export.runtimes.mil.scope import Scope
from edge_export.runtimes.mil.steps import Slots, Step, execute
from edge_export.runtimes.mil.types import SCALARS, TensorType, rounded

_MAIN = "main"


@dataclass(frozen=True)
class Program:
    """A loaded program.

    Attributes:
        inputs: The slot and type of each input, by name.
        outputs: The slots of the outputs, by name.
        steps: The steps of a run, in order.
        slots: The slots before a run. They hold the constants.
    """

    inputs: dict[str, tuple[int, TensorType]]
    outputs: dict[str, int]
    steps: tuple[Step, ...]
    slots: Slots

    def __call__(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Runs the program and returns the outputs, in the `held` dtypes of their types.

        Raises:
            ValueError: An operator fails, or its result is not what the program declares. The message names the
                operator.
        """
        slots = list(self.slots)
        for name, (slot, declared) in self.inputs.items():
            slots[slot] = rounded(inputs[name], declared.scalar)
        with np.errstate(all="ignore"):
            execute(self.steps, slots)
        return {name: slots[slot] for name, slot in self.outputs.items()}


def operations(package: Package) -> Iterator[Any]:
    """Iterates over the operations of the main function, including those of inner blocks."""
    return _operations(_main_block(package)[1])


def not_evaluated(package: Package) -> list[str]:
    """Returns the operators and the tensor types of the main function that are not evaluated."""
    names = {operation.type for operation in operations(package)} - OPERATORS.keys() - BUILT_IN
    declared = (output.type.tensorType for operation in operations(package) for output in operation.outputs)
    types = {scalar_name(tensor.dataType) for tensor in declared} - SCALARS.keys()
    return sorted(names) + [f"tensors of type {name}" for name in sorted(types)]


def load_program(package: Package) -> Program:
    """Checks the main function and prepares it.

    Raises:
        ValueError: The function contradicts itself, or holds an operator that is not evaluated.
    """
    function, block = _main_block(package)
    scope = Scope(package)
    inputs = {}
    for entry in function.inputs:
        declared = tensor_type(entry.type)
        inputs[entry.name] = (scope.define(entry.name), declared)
    with np.errstate(all="ignore"):
        steps = [step for operation in block.operations for step in scope.prepare(operation)]
    outputs = {name: scope.slot(name) for name in block.outputs}
    return Program(inputs, outputs, _with_releases(steps, scope, set(outputs.values())), scope.slots)


def _with_releases(steps: list[Step], scope: Scope, outputs: set[int]) -> tuple[Step, ...]:
    """Returns the same steps. Each one releases the slots that it reads last, so that activations do not accumulate."""
    kept = scope.known | outputs
    result: list[Step] = []
    for step in reversed(steps):
        reads = scope.reads[id(step)] | {entry.slot for entry in step.results}
        result.append(Step(step.label, step.run, step.results, tuple(reads - kept)))
        kept |= reads
    return tuple(reversed(result))


def _main_block(package: Package) -> tuple[Any, Any]:
    functions = package.spec.mlProgram.functions
    if _MAIN not in functions:
        raise ValueError(f"the program has no function {_MAIN}; its functions are: {', '.join(functions) or 'none'}")
    function = functions[_MAIN]
    if function.opset not in function.block_specializations:
        raise ValueError(f"function {_MAIN} has no block for its opset {function.opset}")
    return function, function.block_specializations[function.opset]


def _operations(block: Any) -> Iterator[Any]:
    for operation in block.operations:
        yield operation
        for inner in operation.blocks:
            yield from _operations(inner)
