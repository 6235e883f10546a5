"""Moves a scale and a shift into the layers before or after them, across operators that they commute with.

What is moved goes into every layer that it reaches, or into none: the reason says why.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import torch

from edge_export.baking.commuting import back, forth
from edge_export.baking.factor import STATISTICS, Factor, factor_of, norm_of
from edge_export.baking.layers import Layer, features_of, layer_of, scale_inputs, scale_outputs
from edge_export.baking.nodes import arguments, describe, is_call, name_of
from edge_export.baking.rule import Applied, Outcome, Refused

if TYPE_CHECKING:
    from torch import Tensor, fx

    from edge_export.baking.network import Network

Step = Callable[[], None]
"""Changes one layer."""
Plan = Callable[["Network", "fx.Node", "fx.Node", Factor], "list[Step] | str | None"]
"""Returns the changes instead of a node, which scales another by a factor; or the reason against it.

None: the node is no match.
"""


class NoLayer(str):
    """The reason that there is no layer to move the factor into."""


def move(network: Network, rule: str, nodes: list[fx.Node], plan: Plan) -> list[Outcome]:
    """Moves the factor of each of these nodes into other layers and removes the node, if `plan` has no reason not to.

    A node that has no factor, or is no match, is left out.
    """
    outcomes: list[Outcome] = []
    for node in nodes:
        if not node.users or (found := factor_of(network, node)) is None:
            continue
        if (steps := plan(network, node, *found)) is None:
            continue
        if isinstance(steps, str):
            outcomes.append(Refused(rule, name_of(node), steps))
            continue
        for step in steps:
            step()
        outcomes.append(Applied(rule, name_of(node)))
        network.replace(node, found[0])
    return outcomes


def into_previous(network: Network, node: fx.Node, before: fx.Node, factor: Factor) -> list[Step] | str:
    """A plan: into the layers that the value is computed by."""
    layer = layer_of(network, before)
    sources = None if layer else back(network, before, factor)
    if layer is None and sources is None:
        verb = "follows" if is_call(node, STATISTICS) else "scales"
        return NoLayer(f"it {verb} {describe(before)}, not a convolution or linear layer")
    if len(before.users) > 1:
        return f"{name_of(before)} feeds {len(before.users)} nodes"
    if before in network.changed:
        return f"{name_of(before)} is changed in place"
    if layer is None:
        return _together(into_previous(network, node, *source) for source in sources or ())
    if (of_features := features_of(layer, factor)) is None:
        return f"{_axis(node)}, but {name_of(before)} writes features on axis {layer.feature_axis}"
    return [partial(_scale_outputs, network, before, *of_features)]


def into_next(network: Network, node: fx.Node, before: fx.Node, factor: Factor) -> list[Step] | str:
    """A plan: into all layers that read the value."""
    if before in network.changed:
        return f"{name_of(before)} is changed in place"
    return _into_readers(network, node, node, factor)


def _into_readers(network: Network, node: fx.Node, value: fx.Node, factor: Factor) -> list[Step] | str:
    if value in network.changed:
        return f"{name_of(value)} is changed in place"
    return _together(_into_reader(network, node, value, reader, factor) for reader in value.users)


def _into_reader(network: Network, node: fx.Node, value: fx.Node, reader: fx.Node, factor: Factor) -> list[Step] | str:
    if layer := layer_of(network, reader):
        return _why_not(node, layer, factor) or [partial(_scale_inputs, network, reader, factor)]
    if is_call(reader, STATISTICS) and norm_of(network, reader) and arguments(reader)["input"] is value:
        if any(factor.varies_on(axis) for axis in range(factor.scale.dim()) if axis != 1) or not factor.scale.all():
            return f"{name_of(reader)} after it normalizes axis 1"
        return [partial(_scale_normalized, network, reader, factor)]
    if (after := forth(network, reader, value, factor)) is None:
        return NoLayer(f"it feeds {describe(reader)}, not a convolution or linear layer")
    return _into_readers(network, node, reader, after)


def _why_not(node: fx.Node, layer: Layer, factor: Factor) -> str | None:
    name = name_of(layer.node)
    if layer.is_transposed and factor.shifts:
        return f"{name} is transposed: its border sums fewer taps, so the shift is not constant there"
    if features_of(layer, factor) is None:
        return f"{_axis(node)}, but {name} reads features on axis {layer.feature_axis}"
    if layer.pads_with_zeros and factor.shifts:
        return f"{name} pads with zeros after it, so the shift cannot be folded into the bias"
    return None


def _axis(node: fx.Node) -> str:
    return "it normalizes axis 1" if is_call(node, STATISTICS) else "it scales along another axis"


def _together(plans: object) -> list[Step] | str:
    """Returns all steps of some plans, or the first reason."""
    steps: list[Step] = []
    for plan in plans:  # type: ignore[attr-defined]
        if isinstance(plan, str):
            return plan
        steps += plan
    return steps


# A layer is read again for each step: the steps before may have changed it.
def _scale_outputs(network: Network, node: fx.Node, scale: Tensor, shift: Tensor) -> None:
    layer = layer_of(network, node)
    assert layer is not None
    scale_outputs(network, layer, scale, shift)


def _scale_inputs(network: Network, node: fx.Node, factor: Factor) -> None:
    layer = layer_of(network, node)
    assert layer is not None
    scale_inputs(network, layer, factor.scale.flatten(), factor.shift.flatten())


def _scale_normalized(network: Network, node: fx.Node, factor: Factor) -> None:
    """(a·x + c − μ) γ/σ = (x − (μ − c)/a) a·γ/σ"""
    norm = norm_of(network, node)
    assert norm is not None
    scale, shift = factor.scale.flatten(), factor.shift.flatten()
    weight = torch.ones_like(norm.running_mean) if norm.weight is None else norm.weight
    network.write(node, "running_mean", (norm.running_mean - shift) / scale)
    network.write(node, "weight", weight * scale, near="running_mean")
