"""The constants of an ExecuTorch program, for the check that they are finite (`formats/not_finite.py`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from edge_export.files.owned import scratch_folder
from edge_export.formats.executorch.coreml import write_package
from edge_export.formats.executorch.flattened import unflattened
from edge_export.formats.executorch.opened import DELEGATES, OpenProgram, open_program
from edge_export.formats.executorch.xnnpack_payload import xnnpack_constant, xnnpack_graph
from edge_export.formats.not_finite import Constant, Use
from edge_export.runtimes.mil import constants as mil
from edge_export.runtimes.pte.steps import constants

_DTYPES: dict[str, np.dtype[Any]] = {
    "xnn_datatype_fp32": np.dtype(np.float32),
    "xnn_datatype_fp16": np.dtype(np.float16),
}
_USES: dict[str, Use] = {"filter_id": "weight", "bias_id": "added"}
"""The uses of the values that a layer's fields refer to. Other operators have two inputs."""
_OPERANDS = ("input1_id", "input2_id")
_OF_OPERANDS: dict[str, Use] = {
    "XNNBatchMatrixMultiply": "weight",
    "XNNAdd": "added",
    "XNNSubtract": "added",
    "XNNMultiply": "added",
}


def float_constants(path: Path) -> Iterator[Constant]:
    """Yields the float constants of the program in `path`, inside and outside of its XNNPACK and Core ML delegates."""
    program = open_program(path)
    for values in constants(program).values():
        if isinstance(values, np.ndarray) and values.dtype.kind == "f":
            yield Constant(values, "")
    for delegate in program.plan.delegates:
        if read := _READERS.get(delegate.id):
            yield from read(program, program.payload(delegate))


def _in_coreml(program: OpenProgram, payload: bytes) -> Iterator[Constant]:
    with scratch_folder() as folder:
        yield from mil.float_constants(write_package(unflattened(payload), folder))


def _in_xnnpack(program: OpenProgram, payload: bytes) -> Iterator[Constant]:
    graph = xnnpack_graph(payload)
    uses: dict[int, set[Use]] = {}
    for node in graph["xnodes"]:
        kind, fields = node["xnode_union_type"].removeprefix("_"), node["xnode_union"]
        of_operands = dict.fromkeys(_OPERANDS, _OF_OPERANDS[kind]) if kind in _OF_OPERANDS else {}
        for name, use in (_USES | of_operands).items():
            if name in fields:
                uses.setdefault(fields[name], set()).add(use)
    for value in (each["xvalue_union"] for each in graph["xvalues"]):
        tensor, scales = value.get("tensor_value", value), value.get("quant_params", {})
        if "scale" in scales and scales["scale"] is None:  # it is not finite, which JSON can't say
            yield Constant(np.array([np.inf]), "weight")
        if index := scales.get("scale_buffer_idx", 0):
            data = xnnpack_constant(program.file, payload, graph["constant_data"][index])
            yield Constant(np.frombuffer(data, np.float32, scales["num_scales"]), "weight")
        dtype = _DTYPES.get(tensor["datatype"])
        if (index := tensor["constant_buffer_idx"]) and dtype is not None:
            data = xnnpack_constant(program.file, payload, graph["constant_data"][index])
            count = int(np.prod(tensor["dims"], dtype=np.int64))
            for use in uses.get(tensor["id_out"], {""}):
                yield Constant(np.frombuffer(data, dtype, count).reshape(tensor["dims"]), use)


_READERS: dict[str, Callable[[OpenProgram, bytes], Iterator[Constant]]] = {
    DELEGATES["xnnpack"]: _in_xnnpack,
    DELEGATES["coreml"]: _in_coreml,
}
