"""Evaluate the program of a package on numpy arrays.

Everything that does not depend on the inputs, compressed weights included, is computed once when a program is loaded.
What is left is a list of steps over numbered slots.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np

from edge_export.runtimes.arrays import Array
from edge_export.runtimes.mil.ops.indexing import fixed_slices
from edge_export.runtimes.mil.package import Package, constant, scalar_name, tensor_type
from edge_export.runtimes.mil.registry import BUILT_IN, OPERATORS, TUPLES, UNROUNDED
from edge_export.runtimes.mil.types import SCALARS, TensorType, rounded

_MAIN = "main"
_DESCRIPTIVE = frozenset({"name"})  # attributes that are no argument
Slots = list[Any]


@dataclass(frozen=True, slots=True)
class Result:
    """Where a result goes, and what it must be.

    Attributes:
        held: The type that it is held as.
        shape: None where a dimension is only known when the program runs.
        rounds: Whether it is rounded even if it is of that type already: float16, but for operators that only move
            values.
    """

    slot: int
    declared: TensorType
    held: np.dtype[Any]
    shape: tuple[int, ...] | None
    rounds: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One operator.

    Attributes:
        label: Its operator and its first result, for messages.
        run: Computes its results from the slots.
        forget: Slots that nothing reads afterwards.
    """

    label: str
    run: Callable[[Slots], Any]
    results: tuple[Result, ...]
    forget: tuple[int, ...] = ()


@dataclass(frozen=True)
class Program:
    """A loaded program.

    Attributes:
        inputs: Slot and type of each input, by name.
        outputs: The slots of the outputs, by name.
        slots: The slots before a run: constants are in place.
    """

    inputs: dict[str, tuple[int, TensorType]]
    outputs: dict[str, int]
    steps: tuple[Step, ...]
    slots: Slots

    def __call__(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs, as their types are held.

        Raises:
            ValueError: An operator fails, or its result is not what the program declares; its name is in the message.
        """
        slots = list(self.slots)
        for name, (slot, declared) in self.inputs.items():
            slots[slot] = rounded(inputs[name], declared.scalar)
        with np.errstate(all="ignore"):
            execute(self.steps, slots)
        return {name: slots[slot] for name, slot in self.outputs.items()}


def operations(package: Package) -> Iterator[Any]:
    """The operations of the main function, those of blocks inside them included."""
    return _operations(_main_block(package)[1])


def not_evaluated(package: Package) -> list[str]:
    """The operators and the tensor types of the main function that are not evaluated."""
    names = {operation.type for operation in operations(package)} - OPERATORS.keys() - BUILT_IN
    declared = (output.type.tensorType for operation in operations(package) for output in operation.outputs)
    types = {scalar_name(tensor.dataType) for tensor in declared} - SCALARS.keys()
    return sorted(names) + [f"tensors of type {name}" for name in sorted(types)]


def load_program(package: Package) -> Program:
    """Check the main function and prepare it.

    Raises:
        ValueError: It contradicts itself, or holds an operator that is not evaluated.
    """
    function, block = _main_block(package)
    scope = _Scope(package)
    inputs = {}
    for entry in function.inputs:
        declared = tensor_type(entry.type)
        inputs[entry.name] = (scope.define(entry.name), declared)
    with np.errstate(all="ignore"):
        steps = [step for operation in block.operations for step in scope.prepare(operation)]
    outputs = {name: scope.slot(name) for name in block.outputs}
    return Program(inputs, outputs, _forgetful(steps, scope, set(outputs.values())), scope.slots)


def execute(steps: Iterable[Step], slots: Slots) -> None:
    """Run `steps` one after another."""
    for step in steps:
        try:
            value = step.run(slots)
            _store(step.results, value if type(value) is tuple else (value,), slots)
        except Exception as error:
            raise ValueError(f"{step.label}: {error or type(error).__name__}") from error
        for slot in step.forget:
            slots[slot] = None


def _store(results: tuple[Result, ...], values: tuple[Any, ...], slots: Slots) -> None:
    if len(values) != len(results):
        raise ValueError(f"gives {len(values)} results, the program declares {len(results)}")
    for result, value in zip(results, values, strict=True):
        if result.rounds or value.dtype != result.held:
            value = rounded(value, result.declared.scalar)
        if value.shape != result.shape and (result.shape is not None or not _fits(value, result.declared)):
            raise ValueError(f"gives {list(value.shape)}, the program declares {result.declared}")
        slots[result.slot] = value


def _fits(array: Array, declared: TensorType) -> bool:
    sizes = declared.shape
    return len(sizes) == array.ndim and all(a in (b, None) for a, b in zip(sizes, array.shape, strict=True))


class _Scope:
    """The names that are defined so far, and what is known of their values."""

    def __init__(self, package: Package) -> None:
        self._package = package
        self._names: dict[str, int] = {}
        self._outer: dict[str, int] = {}  # what a block inside an operator may read, and may hide
        self.slots: Slots = []
        self.known: set[int] = set()
        self.reads: dict[int, set[int]] = {}  # by a step's identity

    def define(self, name: str) -> int:
        if name in self._names:
            raise ValueError(f"{name} is defined twice")
        self._names[name] = len(self.slots)
        self.slots.append(None)
        return self._names[name]

    def slot(self, name: str) -> int:
        if name not in self._names and name not in self._outer:
            raise ValueError(f"{name} is used, but not defined before")
        return self._names[name] if name in self._names else self._outer[name]

    def prepare(self, operation: Any) -> list[Step]:
        """The steps of one operation: none if its result is known already."""
        first = operation.outputs[0].name if operation.outputs else "nothing"
        label = f"{operation.type} {first}"
        try:
            if operation.type == "const":
                slot = self.define(first)
                self.slots[slot] = constant(self._package, operation.attributes["val"])
                self.known.add(slot)
                return []
            if operation.type in BUILT_IN:
                run, reads = self._control_flow(operation)
            elif operation.type in OPERATORS:
                run, reads = self._operator(operation)
            else:
                raise ValueError("this operator is not evaluated")
            step = Step(label, run, self._results(operation))
        except ValueError as error:
            raise ValueError(f"{label}: {error}") from None
        if reads <= self.known and operation.type not in BUILT_IN:
            execute([step], self.slots)
            self.known.update(result.slot for result in step.results)
            return []
        self.reads[id(step)] = reads
        return [step]

    def _results(self, operation: Any) -> tuple[Result, ...]:
        results = []
        for output in operation.outputs:
            declared = tensor_type(output.type)
            sizes = [size for size in declared.shape if size is not None]
            shape = tuple(sizes) if len(sizes) == len(declared.shape) else None
            rounds = declared.scalar.name == "fp16" and operation.type not in UNROUNDED
            results.append(Result(self.define(output.name), declared, declared.scalar.held, shape, rounds))
        return tuple(results)

    def _operator(self, operation: Any) -> tuple[Callable[[Slots], Any], set[int]]:
        function = OPERATORS[operation.type]
        single: dict[str, int] = {}
        several: dict[str, tuple[int, ...]] = {}
        for name, slots in self._arguments(operation).items():
            if name in TUPLES:
                several[name] = slots
            elif len(slots) == 1:
                single[name] = slots[0]
            else:
                raise ValueError(f"argument {name} has {len(slots)} values")
        if unknown := (single.keys() | several.keys()) - _parameters(function):
            raise ValueError(f"argument {min(unknown)} is unknown")
        fixed = {name: self.slots[slot] for name, slot in single.items() if slot in self.known}
        moving = tuple((name, slot) for name, slot in single.items() if slot not in self.known)
        run = _call(_prepared(operation.type, fixed, moving), moving, tuple(several.items()))
        return run, set(single.values()) | {slot for slots in several.values() for slot in slots}

    def _arguments(self, operation: Any) -> dict[str, tuple[int, ...]]:
        arguments = {
            name: tuple(self._binding(binding) for binding in argument.arguments)
            for name, argument in operation.inputs.items()
        }
        for name, value in operation.attributes.items():
            if name not in _DESCRIPTIVE:
                arguments[name] = (self._constant(value),)
        return arguments

    def _binding(self, binding: Any) -> int:
        return self.slot(binding.name) if binding.WhichOneof("binding") == "name" else self._constant(binding.value)

    def _constant(self, value: Any) -> int:
        self.slots.append(constant(self._package, value))
        self.known.add(len(self.slots) - 1)
        return len(self.slots) - 1

    def _control_flow(self, operation: Any) -> tuple[Callable[[Slots], Any], set[int]]:
        """`cond` runs one of two blocks, `while_loop` its second block as long as its first one gives true."""
        arguments = self._arguments(operation)
        if len(operation.blocks) != 2:
            raise ValueError(f"it has {len(operation.blocks)} blocks, not 2")
        first, second = (self._block(block) for block in operation.blocks)
        reads = {slot for slots in arguments.values() for slot in slots} | first.reads | second.reads
        if operation.type == "cond":
            (condition,) = arguments["pred"]
            return lambda slots: first(slots, ()) if slots[condition] else second(slots, ()), reads
        variables = arguments["loop_vars"]

        def loop(slots: Slots) -> tuple[Array, ...]:
            values = tuple(slots[slot] for slot in variables)
            while first(slots, values)[0]:
                values = second(slots, values)
            return values

        return loop, reads

    def _block(self, block: Any) -> _Block:
        names, outer = self._names, self._outer
        self._names, self._outer = {}, {**outer, **names}
        inputs = tuple(self.define(entry.name) for entry in block.inputs)
        steps = tuple(step for operation in block.operations for step in self.prepare(operation))
        outputs = tuple(self.slot(name) for name in block.outputs)
        self._names, self._outer = names, outer
        reads = {slot for step in steps for slot in self.reads[id(step)]} | set(outputs)
        return _Block(inputs, outputs, steps, reads)


@dataclass(frozen=True)
class _Block:
    """A block inside an operator; its values live in the slots of the whole program."""

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    steps: tuple[Step, ...]
    reads: set[int]

    def __call__(self, slots: Slots, values: tuple[Array, ...]) -> tuple[Array, ...]:
        for slot, value in zip(self.inputs, values, strict=True):
            slots[slot] = value
        execute(self.steps, slots)
        return tuple(slots[slot] for slot in self.outputs)


def _forgetful(steps: list[Step], scope: _Scope, outputs: set[int]) -> tuple[Step, ...]:
    """The same steps, each forgetting what is read for the last time: large activations don't pile up."""
    kept = scope.known | outputs
    result: list[Step] = []
    for step in reversed(steps):
        reads = scope.reads[id(step)] | {entry.slot for entry in step.results}
        result.append(Step(step.label, step.run, step.results, tuple(reads - kept)))
        kept |= reads
    return tuple(reversed(result))


def _prepared(name: str, fixed: dict[str, Any], moving: tuple[tuple[str, int], ...]) -> Callable[..., Any]:
    """The operator with some arguments fixed, and what follows from them computed."""
    if name == "slice_by_index" and [argument for argument, _ in moving] == ["x"]:
        return fixed_slices(**fixed)
    return partial(OPERATORS[name], **fixed)


def _call(
    function: Callable[..., Any], moving: tuple[tuple[str, int], ...], lists: tuple[tuple[str, tuple[int, ...]], ...]
) -> Callable[[Slots], Any]:
    """`function` with arguments from the slots; there are often only one or two of them, and thousands of calls."""
    if not lists and len(moving) == 1:
        ((name, slot),) = moving
        return lambda slots: function(**{name: slots[slot]})
    if not lists and len(moving) == 2:
        (first, one), (second, two) = moving
        return lambda slots: function(**{first: slots[one], second: slots[two]})

    def run(slots: Slots) -> Any:
        arguments = {name: slots[slot] for name, slot in moving}
        for name, places in lists:
            arguments[name] = [slots[slot] for slot in places]
        return function(**arguments)

    return run


@cache
def _parameters(function: Callable[..., Any]) -> frozenset[str]:
    return frozenset(inspect.signature(function).parameters)


def _main_block(package: Package) -> tuple[Any, Any]:
    functions = package.spec.mlProgram.functions
    if _MAIN not in functions:
        raise ValueError(f"the program has no function {_MAIN}, only {', '.join(functions) or 'none'}")
    function = functions[_MAIN]
    if function.opset not in function.block_specializations:
        raise ValueError(f"function {_MAIN} has no block for its opset {function.opset}")
    return function, function.block_specializations[function.opset]


def _operations(block: Any) -> Iterator[Any]:
    for operation in block.operations:
        yield operation
        for inner in operation.blocks:
            yield from _operations(inner)
