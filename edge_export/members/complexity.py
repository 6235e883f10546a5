"""The cost of a member, counted from its exported graph: weights, multiply-accumulates, memory of activations.

    convolution             output positions × weights; with groups, each output channel has those of its group
    transposed convolution  input positions × weights
    matrix product          output elements × length of the summed axis
    attention               queries × keys × (features of keys + features of values), for each head
    LSTM, GRU, RNN          steps × elements of all matrices

Biases, norms, activations, pooling, sums and Fourier transforms count as 0, as in the literature.
"""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, fx

if TYPE_CHECKING:
    from torch.export import ExportedProgram


@dataclass(frozen=True)
class Complexity:
    """The cost of one call.

    Attributes:
        params: The number of weights.
        macs: The multiply-accumulates of one call. 0: there are none, or they could not be counted.
        weight_bytes: The size of all weights and constants, each once.
        peak_activation_bytes: The largest sum of activations that are live at once, in the order of the graph. An
            activation lives from the node that makes it to the last one that reads it or a view of it. Inputs live
            from the start, outputs to the end; a state that is fed back is both. Weights and views take nothing.
    """

    params: int
    macs: int
    weight_bytes: int
    peak_activation_bytes: int


def complexity(program: ExportedProgram) -> Complexity:
    """Counts the cost of a freshly exported program.

    What cannot be counted does not stop a build: the reason goes to the log, and the number is 0.
    """
    signature, tensors = program.graph_signature, {**program.state_dict, **program.constants}
    kept = {
        **signature.inputs_to_parameters,
        **signature.inputs_to_buffers,
        **signature.inputs_to_lifted_tensor_constants,
    }
    weights = {id(tensors[name]): tensors[name] for name in kept.values()}
    params = {id(tensors[name]) for name in signature.inputs_to_parameters.values()}
    return Complexity(
        params=sum(weights[each].numel() for each in params),
        macs=_counted(lambda: sum(macs(node) for node in program.graph.nodes if node.op == "call_function")),
        weight_bytes=sum(tensor.numel() * tensor.element_size() for tensor in weights.values()),
        peak_activation_bytes=_counted(lambda: _peak_activation_bytes(program.graph, set(kept))),
    )


def _counted(count: Callable[[], int]) -> int:
    try:
        return int(count())  # of shapes that depend on values, it is a symbol that has no number
    except Exception:  # a stranger's graph raises many unrelated types
        traceback.print_exc()
        return 0


def macs(node: fx.Node) -> int:
    """Returns the multiply-accumulates of one node of an exported graph.

    Raises:
        ValueError: The operator is not PyTorch's own, or its products have no rule.
    """
    if isinstance(node.target, torch._ops.OpOverload):
        name = node.target.name().split(".")[0]
        if name in _RULES:
            return _RULES[name](node)
        if name.startswith("aten::") and name not in _WITHOUT_RULE:
            return 0
    elif isinstance(node.target, torch._ops.HigherOrderOperator) or not callable(node.target):
        pass
    else:
        return 0  # Python's own, such as getitem
    raise ValueError(f"the multiply-accumulates of {node.target} are not known")


def _convolution(node: fx.Node) -> int:
    out = _value(node)
    return out.shape[:1].numel() * out.shape[2:].numel() * _value(node.args[1]).numel()


def _transposed(node: fx.Node) -> int:
    given = _value(node.args[0])
    return given.shape[:1].numel() * given.shape[2:].numel() * _value(node.args[1]).numel()


def _product(first: int) -> Callable[[fx.Node], int]:
    """Returns the rule of a product whose first factor is the argument `first`."""
    return lambda node: _value(node).numel() * _value(node.args[first]).shape[-1]


def _attention(node: fx.Node) -> int:
    query, key, value = (_value(each) for each in node.args[:3])
    return query.shape[:-1].numel() * key.shape[-2] * (query.shape[-1] + value.shape[-1])


def _recurrence(node: fx.Node) -> int:
    given, weights = _value(node.args[0]), node.args[2]
    if not isinstance(weights, list | tuple):
        raise ValueError("a recurrence over packed sequences has no fixed number of steps")
    return given.shape[:-1].numel() * _matrices(weights)


def _cell(node: fx.Node) -> int:
    return _value(node.args[0]).shape[:-1].numel() * _matrices(node.args[2:4])


def _matrices(weights: Any) -> int:
    return sum(tensor.numel() for tensor in map(_value, weights) if tensor.ndim == 2)


def _einsum(node: fx.Node) -> int:
    equation, operands = str(node.args[0]).replace(" ", ""), node.args[1]
    factors = equation.split("->")[0].split(",")
    if len(factors) == 1:
        return 0
    if len(factors) > 2 or "." in equation:
        raise ValueError(f'einsum "{equation}" is not a product of two factors with named axes')
    sizes: dict[str, int] = {}
    for axes, operand in zip(factors, operands, strict=True):  # type: ignore[arg-type]
        for axis, size in zip(axes, _value(operand).shape, strict=True):
            sizes[axis] = max(size, sizes.get(axis, 1))
    return math.prod(sizes.values())


_PRODUCTS = (
    "aten::linear",
    "aten::matmul",
    "aten::mm",
    "aten::bmm",
    "aten::mv",
    "aten::dot",
    "aten::vdot",
    "aten::inner",
)
_RULES: dict[str, Callable[[fx.Node], int]] = {
    **dict.fromkeys(("aten::conv1d", "aten::conv2d", "aten::conv3d"), _convolution),
    **dict.fromkeys(("aten::conv_transpose1d", "aten::conv_transpose2d", "aten::conv_transpose3d"), _transposed),
    **dict.fromkeys(_PRODUCTS, _product(0)),
    **dict.fromkeys(("aten::addmm", "aten::baddbmm", "aten::addmv"), _product(1)),
    "aten::scaled_dot_product_attention": _attention,
    "aten::einsum": _einsum,
    **dict.fromkeys(("aten::lstm", "aten::gru", "aten::rnn_tanh", "aten::rnn_relu"), _recurrence),
    **dict.fromkeys(("aten::lstm_cell", "aten::gru_cell", "aten::rnn_tanh_cell", "aten::rnn_relu_cell"), _cell),
}
_WITHOUT_RULE = {
    "aten::_convolution",
    "aten::addbmm",
    "aten::addr",
    "aten::bilinear",
    "aten::cdist",
    "aten::chain_matmul",
    "aten::conv_tbc",
    "aten::convolution",
    "aten::kron",
    "aten::linalg_multi_dot",
    "aten::linalg_vecdot",
    "aten::tensordot",
}


def _peak_activation_bytes(graph: fx.Graph, weights: set[str]) -> int:
    inputs = [node for node in graph.nodes if node.op == "placeholder" and node.name not in weights]
    free = {storage for node in graph.nodes if node.name in weights for storage in _storages(node)}
    nodes = [node for node in graph.nodes if node.op != "placeholder"]
    last_use: dict[int, int] = {}
    for step, node in enumerate(nodes):
        for used in (*node.all_input_nodes, node):
            last_use |= dict.fromkeys(_storages(used).keys() - free, step)
    frees: dict[int, list[int]] = {}
    for storage, step in last_use.items():
        frees.setdefault(step, []).append(storage)
    alive = {storage: size for node in inputs for storage, size in _storages(node).items()}
    peak = sum(alive.values())
    for step, node in enumerate(nodes):
        alive |= {storage: size for storage, size in _storages(node).items() if storage not in free}
        peak = max(peak, sum(alive.values()))
        for storage in frees.get(step, ()):
            del alive[storage]
    return peak


def _storages(node: fx.Node) -> dict[int, int]:
    """Returns the bytes of each memory that the node's values lie in. Those of views are the viewed tensor's."""
    value = node.meta.get("val")
    tensors = value if isinstance(value, tuple | list) else (value,)
    memories = [tensor.untyped_storage() for tensor in tensors if isinstance(tensor, Tensor)]
    return {memory._cdata: memory.nbytes() for memory in memories}


def _value(node: Any) -> Tensor:
    """Returns the tensor that stands for a node's value: its shape and dtype."""
    value = node.meta["val"]
    if not isinstance(value, Tensor):
        raise ValueError(f"{node} is not one tensor")
    return value
