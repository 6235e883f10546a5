"""A member as an ExecuTorch program (`.pte`), lowered to XNNPACK.

Inputs and outputs have no names in the file. They are the member's, in its order, with its shapes, float32 in every
precision. `half.py` describes fp16; `int8.py` describes int8 and its schemes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_export.formats import FORMATS
from edge_export.formats.compiled import Compiled, reject_options, require_io, versions
from edge_export.formats.program import load_program
from edge_export.spec.tensors import IOSpec, TensorSpec

# The numbers of ExecuTorch's scalar types (ScalarType in its schema).
DTYPES = {0: "uint8", 1: "int8", 2: "int16", 3: "int32", 4: "int64", 5: "float16", 6: "float32", 11: "bool"}


def compile(
    program: Path,
    io: IOSpec,
    precision: str,
    options: Mapping[str, object],
    workdir: Path,
    calibration: Path | None = None,
) -> Compiled:
    """Lowers `program` to XNNPACK and saves it as `.pte` in `workdir`.

    Raises:
        ValueError: The options are unknown, the scheme lacks its calibration inputs, or the file does not have the
            inputs and outputs of `io`.
    """
    from edge_export.formats.executorch.delegate import lower
    from edge_export.formats.legalize.program import legalized
    from edge_export.formats.legalize.program import notes as rewritten

    schemes = FORMATS["executorch"].precisions[precision]
    scheme = str(options.get("scheme", schemes[0])) if schemes else ""
    reject_options(options, {"backend": ("xnnpack",), "scheme": schemes or (scheme,)})
    exported, outcomes = legalized(load_program(program, io), "executorch")
    notes = tuple[str, ...]()
    if precision == "fp16":
        from edge_export.formats.executorch.half import halve

        exported, notes = halve(exported, io)
    elif precision == "int8":
        from edge_export.formats.executorch.int8 import quantize

        exported, notes = quantize(exported, io, scheme, calibration)
    path = workdir / f"executorch-xnnpack-{precision}.pte"
    path.write_bytes(lower(exported))
    _reopen(path, io)
    notes = rewritten(outcomes) + notes
    return Compiled(path, io, versions("executorch", "torch", *(["torchao"] if scheme else [])), notes)


def _reopen(path: Path, io: IOSpec) -> None:
    from executorch.extension.pybindings import portable_lib

    meta = portable_lib._load_program(
        str(path), program_verification=portable_lib.Verification.InternalConsistency
    ).method_meta("forward")
    require_io(io, *tensor_specs(meta), named=False)


def tensor_specs(meta: Any) -> tuple[list[TensorSpec], list[TensorSpec]]:
    """Returns the inputs and outputs of a method from its ExecuTorch `MethodMeta`. Their names are empty."""

    def spec(info: Any) -> TensorSpec:
        return TensorSpec("", tuple(info.sizes()), DTYPES.get(int(info.dtype()), f"type {info.dtype()}"))

    inputs = [spec(meta.input_tensor_meta(index)) for index in range(meta.num_inputs())]
    outputs = [spec(meta.output_tensor_meta(index)) for index in range(meta.num_outputs())]
    return inputs, outputs
