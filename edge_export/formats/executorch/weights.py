"""Store weights in int8 for operators that compute in float32.

    bmm(x, W)        →  bmm(x, Q · s)          Q int8, s one scale for each matrix and column
    linear(x, W, b)  →  linear(x, Q · s) + b   s one scale for each row of W; the product is XNNPACK's own (f32-qc8w)

XNNPACKQuantizer has no pattern for a batched product with constant matrices, the step of a stacked recurrence. XNNPACK
has such a product of dynamically quantized inputs and int8 matrices. But the version in ExecuTorch 1.4.1 leaks memory
on each call, on CPUs where it packs those inputs. So Q is widened to float32 once per call, for all steps that read it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from edge_export.formats.executorch.quantizer import constant_operand, only_reorders, stays_float

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor
    from torch.fx import GraphModule, Node

    from edge_export.formats.coarse import Coarse

_LARGEST = 127
_QDQ = torch.ops.quantized_decomposed


def quantize_stacked_matrices(model: GraphModule) -> None:
    """Stores the constant matrices `(batch, in, out)` of every batched product of `model` in int8."""
    widened: dict[Node, Node] = {}
    for node in model.graph.find_nodes(op="call_function", target=torch.ops.aten.bmm.default):
        weight = constant_operand(model, node)
        if weight is None or only_reorders(model, node):
            continue
        source: Node = node.args[1]
        if source not in widened:
            scale = _scale(weight, 1)
            with model.graph.inserting_before(source):
                name = str(source.target).replace(".", "_")
                whole = _constant(model, f"{name}_int8", _rounded(weight, scale))
                range_ = (1.0, 0, -_LARGEST, _LARGEST, torch.int8)
                numbers = model.graph.call_function(_QDQ.dequantize_per_tensor.default, (whole, *range_))
                scales = _constant(model, f"{name}_scale", scale)
                widened[source] = model.graph.call_function(torch.ops.aten.mul.Tensor, (numbers, scales))
        node.replace_input_with(source, widened[source])


def quantize_linear_weights(model: GraphModule, coarse: Sequence[Coarse] = ()) -> None:
    """Stores the constant weights `(out, in)` of every linear layer of `model` in int8."""
    for node in model.graph.find_nodes(op="call_function", target=torch.ops.aten.linear.default):
        weight = constant_operand(model, node)
        if weight is None or stays_float(model, node, coarse):
            continue
        source, bias = node.args[1], node.args[2] if len(node.args) > 2 else None
        scale = _scale(weight, 1)
        with model.graph.inserting_before(node):
            name = str(source.target).replace(".", "_")
            whole = _constant(model, f"{name}_int8", _rounded(weight, scale))
            scales = _constant(model, f"{name}_scale", scale.flatten())
            zeros = _constant(model, f"{name}_zero_point", torch.zeros(len(weight), dtype=torch.int64))
            range_ = (0, -_LARGEST, _LARGEST, torch.int8)
            widened = model.graph.call_function(_QDQ.dequantize_per_channel.default, (whole, scales, zeros, *range_))
        node.args = (node.args[0], widened)
        if bias is not None:
            with model.graph.inserting_after(node):
                total = model.graph.call_function(torch.ops.aten.add.Tensor, (node, bias))
            node.replace_all_uses_with(total, lambda user, total=total: user is not total)


def _scale(weight: Tensor, dim: int) -> Tensor:
    """Returns the scale of int8 values, one for all values along `dim`; 1 where all weights are 0."""
    scale = weight.abs().amax(dim, keepdim=True) / _LARGEST
    return torch.where(scale > 0, scale, 1.0)


def _rounded(weight: Tensor, scale: Tensor) -> Tensor:
    return torch.clamp(torch.round(weight / scale), -_LARGEST, _LARGEST).to(torch.int8)


def _constant(model: GraphModule, name: str, value: Tensor) -> Node:
    if not hasattr(model, name):
        model.register_buffer(name, value.contiguous())
    return model.graph.get_attr(name)
