"""Every member that is shipped is one XNNPACK delegate, with nothing before, between or behind."""

from __future__ import annotations

from pathlib import Path

import compiled_members as members
import pytest
import torch

from edge_export.baking.bake import bake, example_inputs
from edge_export.baking.export import export_program
from edge_export.formats.contents import Contents
from edge_export.members.extract import extract
from edge_export.mothers.catalog import open_mother
from edge_export.spec.io_json import io_to_json

SHIPPED = [
    *(("digits", width, {}) for width in ("0.25", "0.5", "0.75", "1.0")),
    *(("separator", member, {}) for member in ("d1w1", "d2w2", "d3w3", "d4w4")),
    ("separator", "d1w1", {"frames_per_call": 16}),  # is baked in another form
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "member", "options"), SHIPPED)
def test_one_delegate(name: str, member: str, options: dict[str, object], tmp_path: Path) -> None:
    mother = open_mother(name)
    config = mother.space.parse(member)
    baked = bake(extract(mother, config), mother.example_inputs(config), options)
    io = baked.io or mother.io
    torch.export.save(export_program(baked.module, example_inputs(io)), tmp_path / "program.pt2")
    args = {
        "format": "executorch",
        "precision": "fp32",
        "program": str(tmp_path / "program.pt2"),
        "io": io_to_json(io),
        "workdir": str(tmp_path),
    }
    path = members.ask("compile", args, "executorch")["path"]
    contents = Contents(**members.ask("inspect", {"path": path}, "inspect"))
    assert contents.operators == {}, "left out of the delegate"
    assert [(delegate["name"], delegate["count"]) for delegate in contents.delegates] == [("XnnpackBackend", 1)]  # type: ignore[index]
