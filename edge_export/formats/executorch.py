"""A member as an ExecuTorch program (`.pte`), lowered to XNNPACK.

Inputs and outputs have no names in the file: they are the member's, in its order, with its shapes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_export.formats.compiled import Compiled, reject_options, require_io, versions
from edge_export.formats.program import load_program
from edge_export.mothers.protocol import IOSpec, TensorSpec

if TYPE_CHECKING:
    from torch.export import ExportedProgram

# ExecuTorch's numbers of scalar types (its schema's ScalarType).
DTYPES = {0: "uint8", 1: "int8", 2: "int16", 3: "int32", 4: "int64", 5: "float16", 6: "float32", 11: "bool"}


def compile(
    program: Path,
    io: IOSpec,
    precision: str,
    options: Mapping[str, object],
    workdir: Path,
    calibration: Path | None = None,
) -> Compiled:
    """Lower `program` to XNNPACK and save it as `.pte` in `workdir`.

    Raises:
        ValueError: The options are unknown, or the file does not have the inputs and outputs of `io`.
    """
    reject_options(options, {"backend": ("xnnpack",)})
    exported = _PRECISIONS[precision](load_program(program, io))
    path = workdir / f"executorch-xnnpack-{precision}.pte"
    path.write_bytes(_lower(exported))
    _reopen(path, io)
    return Compiled(path, io, versions("executorch", "torch"))


def _lower(exported: ExportedProgram) -> bytes:
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    edge = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()])
    buffer: bytes = edge.to_executorch().buffer
    return buffer


def _as_it_is(exported: ExportedProgram) -> ExportedProgram:
    return exported


# What a precision does to the exported program before it is lowered.
_PRECISIONS = {"fp32": _as_it_is}


def _reopen(path: Path, io: IOSpec) -> None:
    from executorch.extension.pybindings import portable_lib

    meta = portable_lib._load_program(
        str(path), program_verification=portable_lib.Verification.InternalConsistency
    ).method_meta("forward")
    require_io(io, *tensor_specs(meta), named=False)


def tensor_specs(meta: Any) -> tuple[list[TensorSpec], list[TensorSpec]]:
    """The inputs and outputs of a method, from its ExecuTorch `MethodMeta`; nameless."""

    def spec(info: Any) -> TensorSpec:
        return TensorSpec("", tuple(info.sizes()), DTYPES.get(int(info.dtype()), f"type {info.dtype()}"))

    inputs = [spec(meta.input_tensor_meta(index)) for index in range(meta.num_inputs())]
    outputs = [spec(meta.output_tensor_meta(index)) for index in range(meta.num_outputs())]
    return inputs, outputs
