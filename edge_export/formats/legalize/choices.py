"""Choices between values of different shapes or types → choices between values of one shape and type, or fills.

    whole(v)                    v + 0 c, which has the shape of the condition c: the file holds no constant of that size

    where(c, v, x), Core ML     masked_fill(x, c, v) for v of one place, else where(c, whole(v), x): coremltools writes
                                v for each place of x into the file
    where(c, integers, ½)       the same of floats, ½ a tensor of one place: coremltools takes it for an integer

    where(c, v, x), TFLite      where(c, whole(v), whole(x)): onnx2tf writes c v + (1 − c) x, which is NaN where x is,
    masked_fill(x, c, v)        as in where(n > 0, s / n, 0), takes −∞ for the lowest number, and takes no such integers
    nan_to_num(x)               where(x ≠ x, 0, x), and the infinities likewise
    nansum, nanmean             Σ where(x ≠ x, 0, x), divided by the count of x = x

In TFLite, a choice between floats by a constant condition stays a product: it is a mask, as in attention.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch._subclasses import FakeTensor
from torch.fx import Node

from edge_export.formats.legalize.rule import Rule

_aten = torch.ops.aten
_FEW = 128
"""In Core ML, so many values may be repeated."""


def _whole(value: Any, condition: Tensor, dtype: torch.dtype) -> Tensor:
    """Returns a value or a number in the shape of a condition."""
    value = value.to(dtype) if isinstance(value, Tensor) and value.dtype != dtype else value
    is_whole = isinstance(value, Tensor) and value.shape == condition.shape
    whole: Tensor = value if is_whole else condition.to(dtype) * 0 + value
    return whole


def _where_of_small(condition: Tensor, x: Tensor, y: Tensor) -> Any:
    shape = torch.broadcast_shapes(condition.shape, x.shape, y.shape)
    if shape.numel() < _FEW or x.dtype != y.dtype or x.dtype == torch.bool or shape == x.shape == y.shape:
        return NotImplemented
    in_full = condition.shape == shape
    for value, other in ((x, y), (y, x)):
        if value.numel() == 1 and (in_full or other.shape == shape):
            whole = other if other.shape == shape else _whole(other, condition, other.dtype)
            return whole.masked_fill(condition if value is x else ~condition, value.reshape(()))
    return (
        torch.where(condition, *(_whole(each, condition, each.dtype) for each in (x, y))) if in_full else NotImplemented
    )


def _fill_of_small(x: Tensor, mask: Tensor, value: Any) -> Any:
    if mask.numel() <= x.numel() or x.dtype == torch.bool:
        return NotImplemented
    return _whole(x, mask, x.dtype).masked_fill(mask, value)


def _where_of_one_type(condition: Tensor, x: Any, y: Any) -> Any:
    dtype = torch.result_type(x, y)
    if all(isinstance(each, Tensor) and each.dtype == dtype for each in (x, y)):
        return NotImplemented
    axes = [1] * condition.dim()
    values = (each.to(dtype) if isinstance(each, Tensor) else torch.full(axes, each, dtype=dtype) for each in (x, y))
    return torch.where(condition, *values)


def _where_of_one_shape(condition: Tensor, x: Any, y: Any) -> Any:
    given = [each for each in (condition, x, y) if isinstance(each, Tensor)]
    shape, dtype = torch.broadcast_shapes(*(each.shape for each in given)), torch.result_type(x, y)
    is_whole = len(given) == 3 and all(each.shape == shape and each.dtype in (torch.bool, dtype) for each in given)
    if not shape or is_whole or condition.dtype != torch.bool or dtype == torch.bool:
        return NotImplemented
    if (_are_finite_constants(x, y) and dtype.is_floating_point) or _is_nan(x) or _is_nan(y):
        return NotImplemented
    if condition.shape != shape:  # an expansion would be a product with ones
        condition = condition.reshape([1] * (len(shape) - condition.dim()) + list(condition.shape))
        condition = condition.tile([whole // size for whole, size in zip(shape, condition.shape, strict=True)])
    return torch.where(condition, _whole(x, condition, dtype), _whole(y, condition, dtype))


def _fill_of_one_shape(x: Tensor, mask: Tensor, value: Any) -> Any:
    value = value.to(x.dtype) if isinstance(value, Tensor) else value
    found = _where_of_one_shape(mask, value, x)
    return found if found is NotImplemented or found.dtype == x.dtype else found.to(x.dtype)


def _are_finite_constants(*values: Any) -> bool:
    return not any(isinstance(value, FakeTensor) or not torch.as_tensor(value).isfinite().all() for value in values)


def _is_nan(value: Any) -> bool:
    """Whether a value is a constant with NaN, which is taken for damage."""
    return not isinstance(value, FakeTensor) and bool(torch.as_tensor(value).isnan().any())


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


def _is_no_mask(node: Node) -> bool:
    """Whether the condition of a choice depends on the inputs, or integers are chosen."""
    if not node.meta["val"].dtype.is_floating_point:
        return True
    condition: Any = node.args[1 if node.target in _FILLS else 0]
    while condition.op == "call_function" and len(condition.all_input_nodes) == 1:
        condition = condition.all_input_nodes[0]
    return bool(condition.op != "get_attr")


_CHOICES = (_aten.where.self, _aten.where.ScalarOther, _aten.where.ScalarSelf, _aten.where.Scalar)
_FILLS = (_aten.masked_fill.Scalar, _aten.masked_fill.Tensor)
OF_ONE_TYPE = Rule("choices between types", ("coreml",), dict.fromkeys(_CHOICES, _where_of_one_type))
OF_SMALL = Rule(
    "choices of small values",
    ("coreml",),
    {_aten.where.self: _where_of_small, **dict.fromkeys(_FILLS, _fill_of_small)},
)
OF_ONE_SHAPE = Rule(
    "choices of different shapes",
    ("tflite",),
    {**dict.fromkeys(_CHOICES, _where_of_one_shape), **dict.fromkeys(_FILLS, _fill_of_one_shape)},
    _is_no_mask,
)
WITHOUT_NAN = Rule(
    "numbers for NaN",
    ("tflite", "coreml"),
    {_aten.nan_to_num.default: _nan_to_num, _aten.nansum.default: _nansum, _aten.nanmean.default: _nanmean},
)
