"""Convolutions and linear layers of a graph: y = W x + b with constant weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge_export.baking.nodes import arguments, dtype, is_call, shape

if TYPE_CHECKING:
    from torch import Tensor, fx

    from edge_export.baking.factor import Factor
    from edge_export.baking.network import Network

_CONVOLUTIONS = tuple(f"conv{axes}d" for axes in (1, 2, 3))
_TRANSPOSED = tuple(f"conv_transpose{axes}d" for axes in (1, 2, 3))


@dataclass(frozen=True)
class Layer:
    """A convolution or linear layer.

    Attributes:
        weight, bias: Its constants in float64.
        groups: 1 for a linear layer.
        given: All of the node's arguments by name.
        feature_axis: The axis on which it reads and writes its features.
    """

    node: fx.Node
    weight: Tensor
    bias: Tensor | None
    groups: int
    given: dict[str, Any]
    feature_axis: int

    @property
    def is_linear(self) -> bool:
        return is_call(self.node, "linear")

    @property
    def is_transposed(self) -> bool:
        return is_call(self.node, *_TRANSPOSED)

    @property
    def kernel_size(self) -> tuple[int, ...]:
        return tuple(self.weight.shape[2:])

    @property
    def pads_with_zeros(self) -> bool:
        padding = self.given.get("padding", 0)
        if isinstance(padding, str):
            return padding == "same" and max(self.kernel_size) > 1
        return any(padding) if isinstance(padding, list | tuple) else bool(padding)

    @property
    def stride(self) -> int:
        """The largest of its strides."""
        stride = self.given.get("stride", 1)
        return max(stride) if isinstance(stride, list | tuple) else int(stride)


def layer_of(network: Network, node: object) -> Layer | None:
    """Returns the layer that `node` calls with constant weights; None: it calls none."""
    if not is_call(node, "linear", *_CONVOLUTIONS, *_TRANSPOSED):
        return None
    given = arguments(node)  # type: ignore[arg-type]
    weight, bias = network.value(given["weight"]), network.value(given["bias"])
    if weight is None or (bias is None) != (given["bias"] is None) or dtype(given["weight"]) != dtype(node):
        return None
    if not weight.is_floating_point() or weight.dim() < 2:
        return None
    rank = len(shape(node))  # type: ignore[arg-type]
    axis = rank - 1 if is_call(node, "linear") else rank - weight.dim() + 1
    return Layer(node, weight, bias, given.get("groups", 1), given, axis)  # type: ignore[arg-type]


def features_of(layer: Layer, factor: Factor) -> tuple[Tensor, Tensor] | None:
    """Returns the scale and shift of a factor of what `layer` reads or writes, `(features,)` or `(1,)`.

    None: it differs along another axis than that of the features.
    """
    if any(factor.varies_on(axis) for axis in range(factor.scale.dim()) if axis != layer.feature_axis):
        return None
    return factor.scale.flatten(), factor.shift.flatten()


def scale_outputs(network: Network, layer: Layer, scale: Tensor, shift: Tensor) -> None:
    """Changes a layer W, b to compute scale · (W x + b) + shift."""
    weight, per_tap = layer.weight, (1,) * (layer.weight.dim() - 2)
    count = weight.shape[1] * layer.groups if layer.is_transposed else weight.shape[0]
    scale = scale.expand(count)
    if layer.is_transposed:
        grouped = weight.reshape(layer.groups, -1, *weight.shape[1:])  # (groups, in/groups, out/groups, …)
        scaled = (grouped * scale.reshape(layer.groups, 1, -1, *per_tap)).flatten(0, 1)
    else:
        scaled = weight * scale.reshape(-1, 1, *per_tap)
    bias = None if layer.bias is None else layer.bias * scale
    if shift.any():
        bias = shift.expand(count) if bias is None else bias + shift
    write(network, layer, scaled, bias)


def scale_inputs(network: Network, layer: Layer, scale: Tensor, shift: Tensor) -> None:
    """Changes a layer to read scale · x + shift in place of x."""
    weight, groups = layer.weight, layer.groups
    per_tap = (1,) * (weight.dim() - 2)
    if layer.is_transposed:
        write(network, layer, weight * scale.reshape(-1, 1, *per_tap), layer.bias)
        return
    grouped = weight.reshape(groups, -1, *weight.shape[1:])  # (groups, out/groups, in/groups, …)
    count = grouped.shape[0] * grouped.shape[2]
    per_input = (groups, 1, -1, *per_tap)
    bias = layer.bias
    if shift.any():
        shifted = (grouped * shift.expand(count).reshape(per_input)).flatten(0, 1).flatten(1).sum(1)
        bias = shifted if bias is None else bias + shifted
    write(network, layer, (grouped * scale.expand(count).reshape(per_input)).flatten(0, 1), bias)


def write(network: Network, layer: Layer, weight: Tensor, bias: Tensor | None) -> None:
    """Gives `layer` other constants."""
    network.write(layer.node, "weight", weight)
    if bias is not None and bias is not layer.bias:
        network.write(layer.node, "bias", bias, near="weight")
