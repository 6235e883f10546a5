"""Hard-swish, hard-sigmoid, SiLU and GELU written by hand → PyTorch's own operators, which converters know.

    hardsigmoid   min(max(x + 3, 0), 6) / 6
    hardswish     x · hardsigmoid(x)
    silu          x / (1 + e⁻ˣ)
    gelu          x/2 (1 + erf(x/√2)),    tanh: x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))

However it is written, it is a function of one value. The nodes that compute it from that value are run, in float64,
on numbers of both signs from 10⁻¹² to 10¹². What equals one of these functions on all of them, to float32's rounding,
is that function. References: arXiv 1905.02244 (hard-swish), 1710.05941 (SiLU), 1606.08415 (GELU).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from torch.fx.node import map_arg

from edge_export.baking.nodes import dtype, is_call, operator_of, shape
from edge_export.baking.rule import Applied, Outcome

if TYPE_CHECKING:
    from torch import Tensor, fx

    from edge_export.baking.network import Network

NAME = "recognize_activation"
_aten = torch.ops.aten
_ACTIVATIONS: tuple[tuple[Any, dict[str, Any]], ...] = (
    (_aten.hardswish.default, {}),
    (_aten.hardsigmoid.default, {}),
    (_aten.silu.default, {}),
    (_aten.gelu.default, {}),
    (_aten.gelu.default, {"approximate": "tanh"}),
)
_LAST = frozenset({"mul", "div", "clamp", "clamp_max", "hardtanh", "relu6", "minimum"})
"""What such a function ends with."""
_ELEMENTWISE = _LAST | {
    *("add", "sub", "rsub", "neg", "relu", "clamp_min", "maximum", "sigmoid", "tanh", "erf", "exp", "pow", "square"),
    *("reciprocal", "hardsigmoid"),
}
_MOST_NODES = 12
_MAGNITUDES = torch.cat([torch.logspace(-12, 12, 500, dtype=torch.float64), torch.linspace(0.01, 12, 1200).double()])
_NUMBERS = torch.cat([-_MAGNITUDES.flip(0), torch.zeros(1, dtype=torch.float64), _MAGNITUDES])
_ROUNDING, _SMALL = 4e-7, 1e-3
"""Relative to values, or to `_SMALL` where they are smaller."""


def apply(network: Network) -> list[Outcome]:
    """Replaces every function of one value that is written with several operators, and is such an activation."""
    outcomes: list[Outcome] = []
    order = {node: index for index, node in enumerate(network.graph.nodes)}
    for node in reversed(list(order)):
        if not node.users or not is_call(node, *_LAST):
            continue
        for source, inside in _of_one_value(network, node, order):
            found = _recognized(network, node, source, inside)
            if found is not None:
                outcomes.append(Applied(NAME, node.name))
                _write(network, node, source, *found)
                break
    return outcomes


def _of_one_value(network: Network, node: fx.Node, order: dict[fx.Node, int]) -> list[tuple[fx.Node, list[fx.Node]]]:
    """Returns values that `node` is a function of one by one, each with the nodes that compute `node` from it."""
    found, inside, edge = [], [node], set(_sources(network, node))
    while len(inside) <= _MOST_NODES:
        if len(edge) == 1 and len(inside) > 1:
            found.append((next(iter(edge)), list(inside)))
        latest = max(edge, key=order.__getitem__, default=None)
        if latest is None or operator_of(latest) not in _ELEMENTWISE or latest in network.changed:
            break
        if not latest.users.keys() <= set(inside) or shape(latest) != shape(node):
            break
        inside.append(latest)
        edge = (edge - {latest}) | set(_sources(network, latest))
    return found


def _sources(network: Network, node: fx.Node) -> list[fx.Node]:
    return [source for source in node.all_input_nodes if network.value(source) is None]


def _recognized(
    network: Network, node: fx.Node, source: fx.Node, inside: list[fx.Node]
) -> tuple[Any, dict[str, Any]] | None:
    if shape(source) != shape(node) or dtype(source) != dtype(node) or source in network.changed:
        return None
    got = _computed(network, source, inside)
    if got is None:
        return None
    for (target, options), expected in zip(_ACTIVATIONS, _expected(), strict=True):
        if bool(((got - expected).abs() <= _ROUNDING * expected.abs().clamp(min=_SMALL)).all()):
            return target, options
    return None


@cache
def _expected() -> list[Tensor]:
    """Returns what the activations are of `_NUMBERS`."""
    return [target(_NUMBERS, **options) for target, options in _ACTIVATIONS]


def _computed(network: Network, source: fx.Node, inside: list[fx.Node]) -> Tensor | None:
    """Returns what the nodes compute from `_NUMBERS` in place of `source`; None: a constant is no single number."""
    values: dict[fx.Node, Any] = {source: _NUMBERS}

    def value(node: fx.Node) -> Any:
        return values[node] if node in values else constants[node]

    constants = {each: network.value(each) for node in inside for each in node.all_input_nodes if each not in inside}
    constants.pop(source)
    if any(constant is None or constant.numel() != 1 for constant in constants.values()):
        return None
    constants = {node: constant.reshape(()) for node, constant in constants.items() if constant is not None}
    with torch.no_grad():
        for node in reversed(inside):
            values[node] = node.target(*map_arg(node.args, value), **map_arg(node.kwargs, value))  # type: ignore[operator]
    result: Tensor = values[inside[0]]
    return result


def _write(network: Network, node: fx.Node, source: fx.Node, target: Any, options: dict[str, Any]) -> None:
    with network.graph.inserting_before(node):
        call = network.graph.call_function(target, (source,), options)
    call.meta = dict(node.meta)
    network.replace(node, call)
