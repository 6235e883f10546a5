"""Choices between a value and a smaller one → fills, or choices between values of one shape.

    whole(v)                    v + 0 c, which has the shape of the condition c

    where(c, v, x), Core ML     masked_fill(x, c, v) for v of one place, else where(c, whole(v), x): coremltools writes
                                v for each place of x into the file
    where(c, v, x), TFLite      where(c, whole(v), x): onnx2tf writes c v + (1 − c) x, which is NaN where x is, though
    masked_fill(x, c, v)        it is v that is chosen
    nan_to_num(x)               where(x ≠ x, 0, x), and the infinities likewise
    nansum, nanmean             Σ where(x ≠ x, 0, x), divided by the count of x = x

A condition that is constant stays a product: it is a mask of numbers that are finite, as in attention.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.fx import Node

from edge_export.formats.legalize.rule import Rule

_aten = torch.ops.aten
_FEW = 128
"""In Core ML, so many values may be repeated."""


def _whole(value: Tensor, condition: Tensor) -> Tensor:
    return value if value.shape == condition.shape else value + condition.to(value.dtype) * 0


def _where(condition: Tensor, x: Tensor, y: Tensor) -> Any:
    shape = torch.broadcast_shapes(condition.shape, x.shape, y.shape)
    if shape.numel() < _FEW or x.dtype != y.dtype or x.dtype == torch.bool or shape == x.shape == y.shape:
        return NotImplemented
    is_whole = condition.shape == shape
    if x.numel() == 1 and (y.shape == shape or is_whole):
        return (y if y.shape == shape else _whole(y, condition)).masked_fill(condition, x.reshape(()))
    if y.numel() == 1 and (x.shape == shape or is_whole):
        return (x if x.shape == shape else _whole(x, condition)).masked_fill(~condition, y.reshape(()))
    return torch.where(condition, _whole(x, condition), _whole(y, condition)) if is_whole else NotImplemented


def _masked_fill(x: Tensor, mask: Tensor, value: Any) -> Any:
    if mask.numel() <= x.numel() or x.dtype == torch.bool:
        return NotImplemented
    return _whole(x, mask).masked_fill(mask, value)


def _where_without_products(condition: Tensor, x: Any, y: Any) -> Any:
    if not isinstance(x, Tensor):
        return _where_without_products(condition, torch.as_tensor(x, dtype=y.dtype), y)
    if not isinstance(y, Tensor):
        return _where_without_products(condition, x, torch.as_tensor(y, dtype=x.dtype))
    shape = torch.broadcast_shapes(condition.shape, x.shape, y.shape)
    if shape == condition.shape == x.shape == y.shape or not (x.is_floating_point() and x.dtype == y.dtype):
        return NotImplemented
    if condition.shape != shape:  # an expansion would be a product with ones
        condition = condition.reshape([1] * (len(shape) - condition.dim()) + list(condition.shape))
        condition = condition.tile([whole // size for whole, size in zip(shape, condition.shape, strict=True)])
    return torch.where(condition, _whole(x, condition), _whole(y, condition))


def _fill_without_products(x: Tensor, mask: Tensor, value: Any) -> Any:
    return _where_without_products(mask, value, x)


def _nan_to_num(x: Tensor, nan: float | None = None, posinf: float | None = None, neginf: float | None = None) -> Any:
    if not x.is_floating_point():
        return x
    limits = torch.finfo(x.dtype)
    positive, negative = (limits.max if posinf is None else posinf), (limits.min if neginf is None else neginf)
    y = torch.where(x != x, 0.0 if nan is None else nan, x)
    return torch.where(y == torch.inf, positive, torch.where(y == -torch.inf, negative, y))


def _nansum(x: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: torch.dtype | None = None) -> Any:
    return torch.where(x != x, 0.0, x).sum(dim, keepdim, dtype=dtype)


def _nanmean(x: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: torch.dtype | None = None) -> Any:
    return _nansum(x, dim, keepdim, dtype=dtype) / (x == x).to(dtype or x.dtype).sum(dim, keepdim)


def _is_computed(node: Node) -> bool:
    """Whether the condition of a choice depends on the inputs."""
    condition: Any = node.args[1 if node.target in _FILLS else 0]
    while condition.op == "call_function" and len(condition.all_input_nodes) == 1:
        condition = condition.all_input_nodes[0]
    return bool(condition.op != "get_attr")


_FILLS = (_aten.masked_fill.Scalar, _aten.masked_fill.Tensor)
SMALL = Rule(
    "choices of small values",
    ("coreml",),
    {_aten.where.self: _where, **dict.fromkeys(_FILLS, _masked_fill)},
)
EXACT = Rule(
    "choices beside NaN",
    ("tflite",),
    {
        **dict.fromkeys((_aten.where.self, _aten.where.ScalarOther, _aten.where.ScalarSelf), _where_without_products),
        **dict.fromkeys(_FILLS, _fill_without_products),
    },
    _is_computed,
)
WITHOUT_NAN = Rule(
    "numbers for NaN",
    ("tflite", "coreml"),
    {_aten.nan_to_num.default: _nan_to_num, _aten.nansum.default: _nansum, _aten.nanmean.default: _nanmean},
)
