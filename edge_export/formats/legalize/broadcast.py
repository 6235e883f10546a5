"""Products and sums with constants that onnx2tf gets wrong → the same with shapes that leave no choice.

x (N, C, H, W) ∘ c of fewer axes     c (1, …, H, W)
x (N, C, H, W) ∘ c (1, 1, H, 1)      x (N, C, H W) ∘ c (1, 1, H W), where c also fits the sizes (N, H, W, C)
relu(x a) b                          where(x a > 0, x a, 0) b

onnx2tf keeps pictures as (N, H, W, C) around convolutions. It leaves a constant of fewer axes as it is, and takes one
that fits both orders for one that is in its own order. It joins two products with constants, and drops a relu between.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.fx import Node

from edge_export.formats.legalize.rule import Rule

_aten = torch.ops.aten
_PRODUCTS = (_aten.mul.Tensor, _aten.mul.Scalar, _aten.div.Tensor, _aten.div.Scalar)


def _with_axes(shape: torch.Size, axes: int) -> tuple[int, ...]:
    return (1,) * (axes - len(shape)) + tuple(shape)


def _fits_channels_last(constant: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether a constant along axes behind the channels also broadcasts to `(batch, …, channels)`."""
    last = (shape[0], *shape[2:], shape[1])
    fits = all(size in (1, wanted) for size, wanted in zip(constant, last, strict=True))
    return fits and any(size > 1 for size in constant[2:])


def _is_misread(node: Node) -> bool:
    """Whether an operand is a constant along other axes than the channels whose order onnx2tf may misread."""
    operands = [each for each in node.args[:2] if isinstance(each, Node)]
    constants = [each for each in operands if each.op == "get_attr"]
    if len(operands) != 2 or len(constants) != 1:
        return False
    result, constant = node.meta["val"].shape, constants[0].meta["val"].shape
    whole = _with_axes(constant, len(result))
    if len(result) < 4 or all(size == 1 for size in whole[2:]):
        return False
    return len(constant) < len(result) or _fits_channels_last(whole, result)


def _plain(operator: Any) -> Any:
    def apply(x: Tensor, y: Tensor, **options: Any) -> Any:
        shape = torch.broadcast_shapes(x.shape, y.shape)
        x, y = (x if x.dim() == len(shape) else x.reshape(_with_axes(x.shape, len(shape))) for x in (x, y))
        if not any(_fits_channels_last(each.shape, shape) for each in (x, y)):
            return operator(x, y, **options)
        x, y = (each.expand(*each.shape[:2], *shape[2:]).reshape(*each.shape[:2], -1) for each in (x, y))
        return operator(x, y, **options).reshape(shape)

    return apply


def _is_between_products(node: Node) -> bool:
    """Whether a relu reads a product with a constant, and such a product reads the relu."""
    return any(map(_by_constant, node.all_input_nodes)) and any(map(_by_constant, node.users))


def _by_constant(node: Node) -> bool:
    factors = node.args[:2]
    return node.target in _PRODUCTS and any(not isinstance(each, Node) or each.op == "get_attr" for each in factors)


def _relu(x: Tensor) -> Tensor:
    return torch.where(x > 0, x, torch.zeros([1] * x.dim(), dtype=x.dtype))


def _clamp(x: Tensor, least: float | None = None, most: float | None = None) -> Any:
    return _relu(x) if least == 0 and most is None else NotImplemented


CONSTANTS = Rule(
    "constants along other axes than the channels",
    ("tflite",),
    {
        operator: _plain(operator)
        for operator in (
            *(_aten.add.Tensor, _aten.sub.Tensor, _aten.mul.Tensor, _aten.div.Tensor),
            *(_aten.maximum.default, _aten.minimum.default, _aten.lt.Tensor, _aten.gt.Tensor),
            *(_aten.le.Tensor, _aten.ge.Tensor, _aten.eq.Tensor, _aten.ne.Tensor),
        )
    },
    _is_misread,
)
RELU = Rule(
    "relu between products",
    ("tflite",),
    {_aten.relu.default: _relu, _aten.clamp.default: _clamp, _aten.clamp_min.default: _clamp},
    _is_between_products,
)
