"""Converts the operations of a program to steps: names become slots, and constant results are computed."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from edge_export.files.arrays import Array
from edge_export.runtimes.mil.ops.indexing import fixed_slices
from edge_export.runtimes.mil.package import Package, constant, tensor_type
from edge_export.runtimes.mil.registry import BUILT_IN, OPERATORS, TUPLES, UNROUNDED
from edge_export.runtimes.mil.steps import Result, Slots, Step, execute

_DESCRIPTIVE = frozenset({"name"})  # attributes that are not arguments


class Scope:
    """The names that are defined so far, and their values where they are constant."""

    def __init__(self, package: Package) -> None:
        self._package = package
        self._names: dict[str, int] = {}
        self._outer: dict[str, int] = {}  # the names outside of a block, which the block may read or redefine
        self.slots: Slots = []
        self.known: set[int] = set()
        self.reads: dict[int, set[int]] = {}  # the slots that a step reads, by its id()

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
        """Returns the steps of one operation; none if its result is constant."""
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
        """Prepares `cond` and `while_loop`.

        `cond` runs one of two blocks. `while_loop` runs its second block as long as its first block returns true.
        """
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
    """A block inside of an operator. Its values are in the slots of the whole program."""

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    steps: tuple[Step, ...]
    reads: set[int]

    def __call__(self, slots: Slots, values: tuple[Array, ...]) -> tuple[Array, ...]:
        for slot, value in zip(self.inputs, values, strict=True):
            slots[slot] = value
        execute(self.steps, slots)
        return tuple(slots[slot] for slot in self.outputs)


def _prepared(name: str, fixed: dict[str, Any], moving: tuple[tuple[str, int], ...]) -> Callable[..., Any]:
    """Returns the operator with its constant arguments bound, and what depends only on them computed."""
    if name == "slice_by_index" and [argument for argument, _ in moving] == ["x"]:
        return fixed_slices(**fixed)
    return partial(OPERATORS[name], **fixed)


def _call(
    function: Callable[..., Any], moving: tuple[tuple[str, int], ...], lists: tuple[tuple[str, tuple[int, ...]], ...]
) -> Callable[[Slots], Any]:
    """Returns `function` as a function of the slots.

    One or two arguments are common and calls are many, so these cases have faster code.
    """
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
