"""Shipped members, from the smallest to the largest, are one XNNPACK delegate: nothing before, between or behind."""

from __future__ import annotations

from pathlib import Path

import compiled_members as members
import pytest
import torch

from edge_export.baking.bake import bake, example_inputs
from edge_export.baking.export import export_program
from edge_export.formats.compile_task import COMPILE, CompileRequest, Options
from edge_export.members.extract import extract
from edge_export.mothers.catalog import open_mother

SHIPPED: list[tuple[str, str, Options]] = [
    *(("digits", width, {}) for width in ("0.25", "1.0")),
    *(("separator", member, {}) for member in ("d1w1", "d2w2", "d4w4")),
    ("separator", "d1w1", {"frames_per_call": 16}),  # is baked in another form
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "member", "options"), SHIPPED)
def test_one_delegate(name: str, member: str, options: Options, tmp_path: Path) -> None:
    mother = open_mother(name)
    config = mother.space.parse(member)
    baked = bake(extract(mother, config), mother.example_inputs(config), options)
    io = baked.io or mother.io
    torch.export.save(export_program(baked.module, example_inputs(io)), tmp_path / "program.pt2")
    request = CompileRequest(
        format="executorch", precision="fp32", program=tmp_path / "program.pt2", io=io, workdir=tmp_path
    )
    contents = members.inspect(tmp_path / members.ask(COMPILE, request, "executorch").file)
    assert contents.operators == {}, "left out of the delegate"
    assert [(delegate.name, delegate.count) for delegate in contents.delegates] == [("XnnpackBackend", 1)]
