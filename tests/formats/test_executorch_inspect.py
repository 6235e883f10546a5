"""What `inspect` says a program's weights take is what its constants take, each counted once."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import compiled_members as members
import pytest
import reduced_members as reduced
import torch
from executorch.exir._serialize._program import deserialize_pte_binary
from executorch.exir.schema import Tensor

from edge_export.baking.bake import bake, example_inputs
from edge_export.baking.export import export_program
from edge_export.formats.compile_task import COMPILE, CompileRequest
from edge_export.formats.executorch.inspect import inspect
from edge_export.formats.executorch.xnnpack_payload import xnnpack_graph
from edge_export.members.extract import extract
from edge_export.mothers.catalog import open_mother
from edge_export.mothers.protocol import IOSpec

pytestmark = pytest.mark.slow

SEPARATOR = "d1w1"
BYTES = {"fp32": 4, "fp16": 2, "qint8": 1, "qcint8": 1, "qint32": 4, "qcint32": 4}
"""Of one element, by XNNPACK's name of its type."""
SCALAR_BYTES = {0: 1, 1: 1, 2: 2, 3: 4, 4: 8, 5: 2, 6: 4}
"""The same by ExecuTorch's number."""


@cache
def separator() -> tuple[Path, IOSpec]:
    """The smallest separator's program."""
    mother = open_mother("separator")
    config = mother.space.parse(SEPARATOR)
    baked = bake(extract(mother, config), mother.example_inputs(config), {})
    assert baked.io is not None
    path = members.folder() / f"{SEPARATOR}.pt2"
    torch.export.save(export_program(baked.module, example_inputs(baked.io)), path)
    return path, baked.io


def compiled(member: str, precision: str, scheme: str, folder: Path) -> Path:
    if member == reduced.DIGITS:
        return Path(reduced.compiled(member, "executorch", precision, scheme)["path"])
    program, io = separator()
    request = CompileRequest(
        format="executorch",
        precision=precision,
        options={"scheme": scheme} if scheme else {},
        program=program,
        io=io,
        workdir=folder,
    )
    return folder / members.ask(COMPILE, request, "executorch").file


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
        (SEPARATOR, "fp32", ""),
        (SEPARATOR, "fp16", ""),
        (SEPARATOR, "int8", "dynamic"),
        (reduced.DIGITS, "fp32", ""),
        (reduced.DIGITS, "fp16", ""),
        (reduced.DIGITS, "int8", "static"),
        (reduced.DIGITS, "int8", "static_per_tensor"),
    ],
)
def test_weights_are_what_the_constants_take(member: str, precision: str, scheme: str, tmp_path: Path) -> None:
    path = compiled(member, precision, scheme, tmp_path)
    contents = inspect(path)
    assert contents.weight_bytes == held(path)
    assert contents.bytes > contents.weight_bytes > 0.3 * contents.bytes
