"""What PyTorch is spared changes nothing of what it knows."""

from __future__ import annotations

import torch
from torch._export import utils
from torch.onnx._internal.exporter._registration import ONNXRegistry

from edge_export.baking.torch_shortcuts import keep_composite_operators, keep_onnx_operators


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
