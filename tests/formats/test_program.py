"""An exported program is read back with the histories of its nodes, which new nodes share."""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from torch import nn

from edge_export.formats.program import load_program
from edge_export.mothers.protocol import IOSpec, TensorSpec


def test_a_node_that_is_made_from_another_shares_its_history(tmp_path: Path) -> None:
    x = torch.randn(1, 3)
    torch.export.save(torch.export.export(nn.Linear(3, 2).eval(), (x,)), tmp_path / "p.pt2")
    program = load_program(tmp_path / "p.pt2", IOSpec((TensorSpec("x", (1, 3)),), (TensorSpec("y", (1, 2)),)))
    core = program.run_decompositions()
    histories = [node.meta["from_node"] for node in core.graph.nodes if node.meta.get("from_node")]
    assert histories
    for history in histories:
        assert copy.deepcopy(history)[0] is history[0]
    assert torch.equal(core.module()(x), program.module()(x))
