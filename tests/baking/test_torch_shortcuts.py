"""What PyTorch is spared changes nothing of what it knows."""

from __future__ import annotations

import copy
import pickle
from itertools import product
from pathlib import Path

import pytest
import torch
from torch._decomp import decompositions
from torch._export import utils
from torch.fx import symbolic_trace
from torch.onnx._internal.exporter._registration import ONNXRegistry
from torch.utils._pytree import tree_leaves

from edge_export.baking.torch_shortcuts import (
    compile_graphs_late,
    keep_composite_operators,
    keep_onnx_operators,
    keep_type_hints,
    shape_recurrent_layers,
)


def test_composite_operators_are_those_that_torch_lists() -> None:
    listed = utils._collect_all_valid_cia_ops()
    keep_composite_operators()
    assert utils._collect_all_valid_cia_ops() == listed


def test_an_operator_that_comes_later_is_known() -> None:
    keep_composite_operators()
    before = utils._collect_all_valid_cia_ops()
    library = torch.library.Library("edge_export_late", "DEF")
    library.define("twice(Tensor x) -> Tensor")
    library.impl("twice", lambda x: x + x, "CompositeImplicitAutograd")
    assert utils._collect_all_valid_cia_ops() - before == {torch.ops.edge_export_late.twice.default}


def test_onnx_operators_are_translated_once_and_are_the_same() -> None:
    before = ONNXRegistry.from_torchlib()
    keep_onnx_operators()
    first, second = ONNXRegistry.from_torchlib(), ONNXRegistry.from_torchlib()
    assert before.functions.keys() == first.functions.keys() == second.functions.keys()
    for target, known in first.functions.items():
        again = second.functions[target]
        assert all(a.onnx_function is b.onnx_function for a, b in zip(known, again, strict=True))


def test_a_graph_does_what_its_last_change_says() -> None:
    compile_graphs_late()
    x = torch.arange(3.0)
    module = symbolic_trace(torch.nn.Softplus())
    assert "torch.mul(" not in module.code
    node = next(node for node in module.graph.nodes if node.op == "call_function")
    node.target, node.args, node.kwargs = torch.mul, (node.args[0], 2), {}
    module.recompile()
    assert "torch.mul(" in str(module)
    assert torch.equal(module(x), x * 2)
    node.args = (node.args[0], 3)
    module.recompile()
    forward = type(module).forward
    for each in (module, copy.copy(module), copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert torch.equal(each(x), x * 3)
    assert torch.equal(forward(module, x), x * 3)


def test_a_changed_part_of_a_graph_is_compiled_with_it() -> None:
    compile_graphs_late()
    outer = symbolic_trace(torch.nn.Sequential(torch.nn.Identity()))
    outer.add_submodule("0", symbolic_trace(torch.nn.ReLU()))
    x = torch.tensor([-1.0, 1.0])
    assert torch.equal(outer(x), torch.relu(x))
    (call,) = [node for node in getattr(outer, "0").graph.nodes if node.op == "call_function"]
    call.target, call.args, call.kwargs = torch.neg, call.args[:1], {}
    outer.recompile()
    assert torch.equal(outer(x), -x)


def test_a_program_is_read_as_it_was(tmp_path: Path) -> None:
    layers = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.LSTM(64, 2))
    program = torch.export.export(layers.eval(), (torch.zeros(1, 3, 6, 6),))
    torch.export.save(program, tmp_path / "program.pt2")
    before = torch.export.load(tmp_path / "program.pt2")
    keep_type_hints()
    after = torch.export.load(tmp_path / "program.pt2")
    assert str(before) == str(after)
    assert before.graph_signature == after.graph_signature


class WithState(torch.nn.Module):
    """A recurrent layer that returns its last state, too."""

    def __init__(self, layer: torch.nn.RNNBase) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        y, state = self.layer(x)
        return (y, *state) if isinstance(state, tuple) else (y, state)


def test_recurrent_layers_have_the_shapes_and_steps_that_they_had() -> None:
    def known() -> list[object]:
        told: list[object] = []
        for kind, batch_first in product((torch.nn.GRU, torch.nn.LSTM, torch.nn.RNN), (False, True)):
            for layer in (kind(3, 4, 2, batch_first=batch_first), kind(3, 4, bidirectional=True, bias=False)):
                with torch.no_grad():
                    program = torch.export.export(WithState(layer).eval(), (torch.zeros(2, 5, 3),))
                values = [value for node in program.graph.nodes for value in tree_leaves(node.meta.get("val"))]
                tensors = [value for value in values if isinstance(value, torch.Tensor)]
                shapes = [(value.shape, value.stride(), value.dtype) for value in tensors]
                told += [str(program.graph), shapes, str(program.run_decompositions().graph)]
        return told

    before = known()
    shape_recurrent_layers()
    assert known() == before


def test_the_steps_of_a_recurrent_layer_are_not_run_for_its_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    shape_recurrent_layers()

    def ran(*arguments: object) -> None:
        raise AssertionError("a step was run")

    monkeypatch.setattr(decompositions, "gru_cell", ran)
    with torch.no_grad():
        torch.export.export(WithState(torch.nn.GRU(3, 4)).eval(), (torch.zeros(9, 1, 3),))
