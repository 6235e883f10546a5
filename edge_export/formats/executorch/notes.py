"""Notes for the user: which operators of a quantized graph compute in float32, and why."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from torch._ops import OpOverload

from edge_export.formats.executorch.quantizer import only_reorders

if TYPE_CHECKING:
    from torch.fx import GraphModule, Node

_FUSED = {"relu", "hardtanh", "relu6"}
_LAYOUT = {
    *("view", "reshape", "flatten", "permute", "transpose", "squeeze", "unsqueeze", "expand", "slice", "select"),
    *("split", "split_with_sizes", "cat", "clone", "contiguous", "t", "alias", "to", "_assert_tensor_metadata"),
}
"""Operators that move numbers and compute nothing."""


def describe(model: GraphModule, scheme: str) -> tuple[str, ...]:
    """Returns the notes: the dtype of inputs and outputs, the number of float32 operators, and the reason for each."""
    operators = [node for node in model.graph.nodes if _computes(node)]
    in_float = [node for node in operators if not _in_int8(node)]
    if not in_float:
        return ("inputs and outputs are float32",)
    which = f"all {len(operators)}" if len(in_float) == len(operators) else f"{len(in_float)} of {len(operators)}"
    reasons: dict[str, Counter[str]] = {}
    for node in in_float:
        reasons.setdefault(_why(model, node, scheme), Counter())[_name(node)] += 1
    return (
        "inputs and outputs are float32",
        f"{which} operators compute in float32",
        *(
            f"{', '.join(f'{name} ×{count}' for name, count in sorted(names.items()))}: {reason}"
            for reason, names in sorted(reasons.items())
        ),
    )


def _why(model: GraphModule, node: Node, scheme: str) -> str:
    if any(_is_weight(source) for source in node.all_input_nodes):
        return "weights are int8, arithmetic is not"
    if only_reorders(model, node):
        return "they only reorder, which float32 does exactly"
    if _name(node).startswith("conv"):
        return f"XNNPACKQuantizer has no such convolution for the scheme {scheme}"
    return f"not quantized by the scheme {scheme}"


def _name(node: Node) -> str:
    """Returns the operator's name, such as "bmm"; empty if the node is not an operator."""
    return node.target._schema.name.split("::")[1] if isinstance(node.target, OpOverload) else ""


def _computes(node: Node) -> bool:
    return bool(_name(node)) and not _quantizes(node) and not _is_weight(node) and _name(node) not in _LAYOUT


def _quantizes(node: Node) -> bool:
    return isinstance(node.target, OpOverload) and node.target.namespace == "quantized_decomposed"


def _is_weight(node: Node) -> bool:
    """Whether `node` is the dequantized value of a constant that is stored in int8."""
    if _name(node) == "mul":  # by its scale
        node = node.all_input_nodes[0]
    return _name(node).startswith("dequantize") and node.all_input_nodes[0].op == "get_attr"


def _in_int8(node: Node) -> bool:
    source = node.all_input_nodes[0]
    if _name(node) in _FUSED and _computes(source):
        return _in_int8(source)
    if not _name(source).startswith("dequantize") or _is_weight(source):
        return False
    dynamic = len(source.all_input_nodes) > 1  # the scale is an input, computed at each call
    return dynamic or _is_quantized(node)


def _is_quantized(node: Node) -> bool:
    return any(_quantizes(user) or (_name(user) in _FUSED and _is_quantized(user)) for user in node.users)
