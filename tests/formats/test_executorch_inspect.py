"""What `inspect` says a program's weights take is what its constants take, each counted once."""

from __future__ import annotations

import math
from pathlib import Path

import executorch_members as recurrent
import pytest
import reduced_members as reduced
from executorch.exir._serialize._program import deserialize_pte_binary
from executorch.exir.schema import Tensor

from edge_export.formats.executorch.inspect import inspect
from edge_export.formats.executorch.xnnpack_payload import xnnpack_graph

pytestmark = pytest.mark.slow

RECURRENT = "recurrent"
BYTES = {"fp32": 4, "fp16": 2, "qint8": 1, "qcint8": 1, "qint32": 4, "qcint32": 4}
"""Of one element, by XNNPACK's name of its type."""
SCALAR_BYTES = {0: 1, 1: 1, 2: 2, 3: 4, 4: 8, 5: 2, 6: 4}
"""The same by ExecuTorch's number."""


def compiled(member: str, precision: str, scheme: str) -> Path:
    if member == reduced.DIGITS:
        return Path(reduced.compiled(member, "executorch", precision, scheme)["path"])
    return Path(recurrent.compiled(precision, scheme)["path"])


def held(path: Path) -> int:
    """The bytes of a program's constants by the shapes and types of the tensors that are read from them."""
    file = deserialize_pte_binary(path.read_bytes())
    (plan,) = file.program.execution_plan
    outside = {
        value.val.data_buffer_idx: math.prod(value.val.sizes) * SCALAR_BYTES[int(value.val.scalar_type)]
        for value in plan.values
        if isinstance(value.val, Tensor) and value.val.data_buffer_idx > 0
    }
    sizes: dict[str, int] = {}
    for delegate in plan.delegates:
        graph = xnnpack_graph(bytes(file.program.backend_delegate_data[delegate.processed.index].data))
        for value in (each["xvalue_union"] for each in graph["xvalues"]):
            tensor, scales = value.get("tensor_value", value), value.get("quant_params", {})
            if index := tensor["constant_buffer_idx"]:
                element = BYTES[tensor["datatype"].removeprefix("xnn_datatype_")]
                sizes[graph["constant_data"][index]["named_key"]] = math.prod(tensor["dims"]) * element
            if index := scales.get("scale_buffer_idx", 0):
                sizes[graph["constant_data"][index]["named_key"]] = 4 * scales["num_scales"]
    return sum(outside.values()) + sum(sizes.values())


@pytest.mark.parametrize(
    ("member", "precision", "scheme"),
    [
        (RECURRENT, "fp32", ""),
        (RECURRENT, "fp16", ""),
        (RECURRENT, "int8", "dynamic"),
        (reduced.DIGITS, "fp32", ""),
        (reduced.DIGITS, "fp16", ""),
        (reduced.DIGITS, "int8", "static"),
        (reduced.DIGITS, "int8", "static_per_tensor"),
    ],
)
def test_weights_are_what_the_constants_take(member: str, precision: str, scheme: str) -> None:
    path = compiled(member, precision, scheme)
    contents = inspect(path)
    assert contents.weight_bytes == held(path)
    assert contents.bytes > contents.weight_bytes > 0.3 * contents.bytes
