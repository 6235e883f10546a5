"""Store the weights of a program in 8 bits. They are widened to the precision of the arithmetic when they are used.

linear8         8-bit integers, symmetric, a scale per output channel: the weights of convolutions and linear layers,
                and the constant matrices of products
linear8_blocks  the same, with a scale for each block of up to 32 inputs of an output channel

Weights of a layer with a loud input stay float (`formats/outliers.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from edge_export.formats.constants import constant_named, drop_unused
from edge_export.formats.outliers import has_loud_input

if TYPE_CHECKING:
    from torch import Tensor
    from torch.fx import GraphModule, Node

_LARGEST = 127
_SMALLEST = 200
"""Weights of up to this many values stay float, because the data that describes a compressed one is as large."""
_BLOCK = {"linear8": None, "linear8_blocks": 32}
"""The largest number of inputs that share a scale, by scheme; None: all of a channel do."""
_ATEN = torch.ops.aten
_ROWS: dict[Any, tuple[int, ...]] = {_ATEN.linear.default: (1,)}
_COLUMNS: dict[Any, tuple[int, ...]] = dict.fromkeys(
    (_ATEN.bmm.default, _ATEN.mm.default, _ATEN.matmul.default, _ATEN.mv.default), (-2,)
)
_FILTERS: dict[Any, tuple[int, ...]] = {
    _ATEN.conv1d.default: (1, 2),
    _ATEN.conv2d.default: (1, 2, 3),
    _ATEN.conv3d.default: (1, 2, 3, 4),
}
_LAYERS = (*_ROWS, *_FILTERS)
AXES = _ROWS | _COLUMNS | _FILTERS
"""The axes of a weight that have one scale for all their values, by operator; the first one is that of the inputs."""


def compress(network: GraphModule, scheme: str) -> tuple[str, ...]:
    """Stores the weights of `network`, a module of an exported program, in int8. Returns notes for the user."""
    import coreai_torch._compression.custom_layers  # noqa: F401 it registers the operator

    widen = torch.ops.coreai.constexpr_blockwise_shift_scale.default
    widened: dict[tuple[str, tuple[int, ...]], Node] = {}
    for node in list(network.graph.nodes):
        if (axes := AXES.get(node.target)) is None:
            continue
        weight: Any = node.args[1]  # of every operator in the table
        if getattr(weight, "op", "") != "get_attr":
            continue
        value = constant_named(network, str(weight.target))
        if value.numel() <= _SMALLEST or value.dim() < 2 or not value.is_floating_point():
            continue
        if node.target in _LAYERS and has_loud_input(value.numpy()):
            continue
        key = (str(weight.target), axes)
        if key not in widened:
            scale = _scale(value, axes, _BLOCK[scheme])
            name = str(weight.target).replace(".", "_")
            with network.graph.inserting_before(node):
                whole = _constant(network, f"{name}_int8", _rounded(value, scale))
                scales = _constant(network, f"{name}_scale", scale)
                widened[key] = network.graph.call_function(widen, (whole, scales, None, None, None, torch.float32))
        node.replace_input_with(weight, widened[key])
    drop_unused(network)
    floats = [value for value in [*network.parameters(), *network.buffers()] if value.is_floating_point()]
    return (
        "inputs and outputs are float32, everything computes in float16",
        f"{len(floats)} constants of {2 * sum(value.numel() for value in floats)} bytes together are stored as float16",
    )


def _scale(weight: Tensor, axes: tuple[int, ...], block: int | None) -> Tensor:
    """Returns the scale of the int8 values: one for all values along `axes`, or for each block of the first of them.

    A scale is 1 where all values are 0. Blocks are of equal size.
    """
    size = weight.shape[axes[0]]
    values = next(n for n in range(min(block or size, size), 0, -1) if size % n == 0)
    in_blocks = weight.movedim(axes[0], 0).unflatten(0, (size // values, values)).abs().amax(1).movedim(0, axes[0])
    scale = (in_blocks.amax(axes[1:], keepdim=True) if axes[1:] else in_blocks) / _LARGEST
    return torch.where(scale > 0, scale, 1.0)


def _rounded(weight: Tensor, scale: Tensor) -> Tensor:
    for axis, (size, scales) in enumerate(zip(weight.shape, scale.shape, strict=True)):
        scale = scale.repeat_interleave(size // scales, axis)
    return torch.clamp(torch.round(weight / scale), -_LARGEST, _LARGEST).to(torch.int8)


def _constant(network: GraphModule, name: str, value: Tensor) -> Node:
    network.register_buffer(name, value.contiguous())
    return network.graph.get_attr(name)
