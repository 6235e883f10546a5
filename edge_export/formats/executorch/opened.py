"""Open an ExecuTorch program (`.pte`): its plan, and the payloads of its delegates."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_export.formats.compiled import require_io
from edge_export.formats.executorch.library import bindings, import_exir
from edge_export.spec.tensors import IOSpec, TensorSpec

DTYPES = {
    **{0: "uint8", 1: "int8", 2: "int16", 3: "int32", 4: "int64", 5: "float16", 6: "float32", 7: "float64"},
    **{9: "complex64", 10: "complex128", 11: "bool"},
}
"""ExecuTorch's scalar types by number (ScalarType in its schema)."""
DELEGATES = {"xnnpack": "XnnpackBackend", "coreml": "CoreMLBackend", "vulkan": "VulkanBackend"}
"""The names that programs have for the delegates of each backend."""


@dataclass(frozen=True)
class OpenProgram:
    """A program that was read from disk.

    Attributes:
        file: ExecuTorch's `PTEFile`.
        plan: The `ExecutionPlan` of its method `forward`.
        calls: The arguments of the plan's instructions, in order.
    """

    file: Any
    plan: Any
    calls: tuple[Any, ...]

    def payload(self, delegate: Any) -> bytes:
        """Returns what a delegate's backend has made."""
        return bytes(self.file.program.backend_delegate_data[delegate.processed.index].data)

    def kernel_name(self, call: Any) -> str:
        """Returns the operator of a `KernelCall`, such as "aten::add.out"."""
        operator = self.plan.operators[call.op_index]
        return f"{operator.name}.{operator.overload}" if operator.overload else str(operator.name)


def open_program(path: Path) -> OpenProgram:
    """Reads the program in `path`.

    Raises:
        ValueError: It is damaged.
    """
    import_exir()
    from executorch.exir._serialize._program import deserialize_pte_binary

    try:
        file = deserialize_pte_binary(path.read_bytes())
        (plan,) = [plan for plan in file.program.execution_plan if plan.name == "forward"]
        calls = tuple(instruction.instr_args for chain in plan.chains for instruction in chain.instructions)
    except Exception as error:  # ExecuTorch's reader raises its own errors on damaged bytes
        raise ValueError(f"{path.name} is damaged: {type(error).__name__}: {error!s:.200}") from error
    return OpenProgram(file, plan, calls)


def verify(path: Path, io: IOSpec) -> None:
    """Has ExecuTorch verify the program in `path`, and compares its inputs and outputs with `io`.

    Raises:
        ValueError: Its inputs and outputs are not those of `io`.
        RuntimeError: ExecuTorch rejects it.
    """
    library = bindings()
    program = library._load_program(str(path), program_verification=library.Verification.InternalConsistency)
    meta = program.method_meta("forward")
    require_io(io, *tensor_specs(meta), named=False)


def tensor_specs(meta: Any) -> tuple[list[TensorSpec], list[TensorSpec]]:
    """Returns the inputs and outputs of a method from its ExecuTorch `MethodMeta`. Their names are empty."""

    def spec(info: Any) -> TensorSpec:
        return TensorSpec("", tuple(info.sizes()), DTYPES.get(int(info.dtype()), f"type {info.dtype()}"))

    inputs = [spec(meta.input_tensor_meta(index)) for index in range(meta.num_inputs())]
    outputs = [spec(meta.output_tensor_meta(index)) for index in range(meta.num_outputs())]
    return inputs, outputs


def spec_of(value: Any) -> TensorSpec:
    """Returns the shape and dtype of a `Tensor` of a plan. Its name is empty."""
    return TensorSpec("", tuple(value.sizes), DTYPES.get(int(value.scalar_type), f"type {value.scalar_type}"))
