"""What ExecuTorch is spared is there for the programs that need it."""

from __future__ import annotations

import subprocess
import sys

import torch

from edge_export.formats.executorch import library

LEAN = """
import sys
from edge_export.formats.executorch.library import bindings, import_exir

assert bindings()._get_operator_names()
assert "executorch.exir" not in sys.modules
import_exir()
import executorch.backends.xnnpack
assert "torch._inductor.lowering" not in sys.modules
from torch.export._remove_auto_functionalized_pass import remove_self_clone
"""


def test_inductor_stays_away_and_can_be_imported_later() -> None:
    subprocess.run([sys.executable, "-c", LEAN], check=True)


def test_operators_that_write_to_their_inputs_get_the_pass() -> None:
    @torch.library.custom_op("edge_export_tests::add_one_to", mutates_args={"x"})
    def add_one_to(x: torch.Tensor) -> None:
        x.add_(1)

    class Writes(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = x * 2
            add_one_to(y)
            return y

    program = torch.export.export(Writes(), (torch.zeros(3),)).run_decompositions({})
    assert "auto_functionalized" in str(program.graph)
    assert "auto_functionalized" not in str(library._remove_auto_functionalized(program).graph)
    assert torch.equal(program.module()(torch.arange(3.0)), torch.tensor([1.0, 3.0, 5.0]))


def test_the_patterns_that_are_not_looked_for_are_nowhere_else() -> None:
    library.import_exir()
    from executorch.backends.xnnpack.partition.graphs import bilinear_2d, sdpa

    def operators(graph: torch.fx.Graph) -> list[str]:
        return [str(node.target) for node in graph.nodes if node.op == "call_function"]

    for pattern in bilinear_2d.get_graphs():
        (only,) = operators(pattern.graph)
        assert "upsample_bilinear2d" in only
    for pattern in sdpa.get_graphs():
        assert any("softmax" in each for each in operators(pattern.graph))
