"""The instructions of an ExecuTorch program, each as a function that reads and writes values by their index."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from edge_export.files.arrays import Array
from edge_export.files.owned import scratch_folder
from edge_export.formats.coreml.compile import tensor_specs
from edge_export.formats.executorch.coreml import names_of, write_package
from edge_export.formats.executorch.flattened import unflattened
from edge_export.formats.executorch.opened import DELEGATES, OpenProgram, spec_of
from edge_export.runtimes.pte.kernels import kernel_of, runs_kernel
from edge_export.spec.tensors import IOSpec

Step = Callable[[dict[int, Any]], None]
"""Takes the values of the program by their index, and adds to them."""


def not_run(program: OpenProgram) -> list[str]:
    """Returns the instructions, delegates and Core ML operators of a program that are not run here."""
    from executorch.exir.schema import DelegateCall, KernelCall

    from edge_export.runtimes.mil import runtime as mil

    missing: list[str] = []
    for call in program.calls:
        if isinstance(call, KernelCall):
            name = program.kernel_name(call)
            missing += [] if runs_kernel(name) else [name]
        elif not isinstance(call, DelegateCall):
            missing.append(type(call).__name__)
        elif (delegate := program.plan.delegates[call.delegate_index]).id != DELEGATES["coreml"]:
            missing.append(str(delegate.id))
        else:
            with scratch_folder() as folder:
                missing += mil.unsupported(write_package(unflattened(program.payload(delegate)), folder))
    return list(dict.fromkeys(missing))


def by_documentation(program: OpenProgram) -> list[str]:
    """Returns the operators of all Core ML delegates whose semantics rest on their documentation only."""
    from edge_export.runtimes.mil import runtime as mil

    found: set[str] = set()
    for delegate in program.plan.delegates:
        if delegate.id == DELEGATES["coreml"]:
            with scratch_folder() as folder:
                found.update(mil.by_documentation(write_package(unflattened(program.payload(delegate)), folder)))
    return sorted(found)


def constants(program: OpenProgram) -> dict[int, Any]:
    """Returns the values that no instruction writes, by index: constant tensors, numbers, lists, text, None."""
    from executorch.exir import schema

    plain: dict[type, Callable[[Any], Any]] = {
        schema.Null: lambda value: None,
        schema.Int: lambda value: value.int_val,
        schema.Bool: lambda value: value.bool_val,
        schema.Double: lambda value: float(value.double_val),
        schema.String: lambda value: value.string_val,
        schema.DoubleList: lambda value: value.items,
        schema.BoolList: lambda value: value.items,
    }
    held: dict[int, Any] = {}
    for index, value in enumerate(each.val for each in program.plan.values):
        if type(value) in plain:
            held[index] = plain[type(value)](value)
        elif isinstance(value, schema.Tensor) and value.data_buffer_idx > 0:
            held[index] = _constant(program, value)
    return held


def _constant(program: OpenProgram, value: Any) -> Array:
    spec = spec_of(value)
    if list(value.dim_order) != sorted(value.dim_order):
        raise ValueError(f"a constant of the program has its axes in the order {list(value.dim_order)}")
    content = program.file.program.constant_buffer[value.data_buffer_idx].storage
    count = int(np.prod(spec.shape, dtype=np.int64))
    return np.frombuffer(bytes(content), spec.dtype, count).reshape(spec.shape)


def step_of(program: OpenProgram, call: Any, threads: int) -> Step:
    """Returns the function of an instruction that `not_run` does not name.

    Raises:
        ValueError: What it refers to is missing, or does not fit.
    """
    from executorch.exir.schema import DelegateCall

    if not isinstance(call, DelegateCall):
        return kernel_of(program, call)
    delegate = program.plan.delegates[call.delegate_index]
    files = unflattened(program.payload(delegate))
    with scratch_folder() as folder:
        return _evaluated(program, call, files, write_package(files, folder), threads)


def _evaluated(program: OpenProgram, call: Any, files: dict[str, bytes], package: Path, threads: int) -> Step:
    """Returns the call of a Core ML delegate, whose package was written to disk. It is read whole."""
    from edge_export.runtimes.mil import runtime as mil

    inputs, outputs, io = delegate_io(program, call, files, package)
    run = mil.load(package, io, threads)

    def step(values: dict[int, Any]) -> None:
        # ExecuTorch's delegate copies each array into one of the type that the other side has.
        given = {
            spec.name: np.asarray(values[index], spec.dtype).reshape(spec.shape)
            for index, spec in zip(inputs, io.inputs, strict=True)
        }
        results = run(given)
        for index, spec in zip(outputs, io.outputs, strict=True):
            tensor = spec_of(program.plan.values[index].val)
            values[index] = results[spec.name].astype(tensor.dtype).reshape(tensor.shape)

    return step


def delegate_io(
    program: OpenProgram, call: Any, files: dict[str, bytes], package: Path
) -> tuple[list[int], list[int], IOSpec]:
    """Returns which values go into a Core ML delegate and come out of it, and its program's own inputs and outputs.

    Raises:
        ValueError: Names, number or shapes differ between the call and the program.
    """
    from edge_export.runtimes.mil.package import open_package

    names, written = names_of(files)
    reads, writes = call.args[: len(names)], call.args[len(names) :]
    own_inputs, own_outputs = ({spec.name: spec for spec in side} for side in tensor_specs(open_package(package).spec))
    if set(names) != own_inputs.keys() or set(written) != own_outputs.keys() or len(writes) != len(written):
        raise ValueError("a Core ML delegate's program has other inputs or outputs than its payload states")
    io = IOSpec(tuple(own_inputs[name] for name in names), tuple(own_outputs[name] for name in written))
    for index, spec in zip([*reads, *writes], io.inputs + io.outputs, strict=True):
        tensor = spec_of(program.plan.values[index].val)
        if tensor.shape != spec.shape and (tensor.shape or spec.shape != (1,)):  # Core ML has no arrays without axes
            raise ValueError(f"{spec.name} is {list(spec.shape)} in a Core ML delegate, {list(tensor.shape)} around it")
    return reads, writes, io
