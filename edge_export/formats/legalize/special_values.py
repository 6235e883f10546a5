"""Questions about infinities and signs, and what depends on them → comparisons.

isinf(x)           |x| = ∞                    isposinf, isneginf likewise; false for integers
isfinite(x)        |x| < ∞                    NaN is less than nothing
signbit(x)         x < 0 or 1 / x < 0, which is −∞ for −0
copysign(x, y)     −|x| where the sign bit of y is set, |x| elsewhere
fmax, fmin(x, y)   the other one where one is NaN, else the larger, smaller one
angle(x)           π where x < 0, 0 elsewhere: the angle of a real number
hypot(x, y)        m √(1 + (n / m)²), m and n the larger and the smaller of |x|, |y|: nothing overflows
clamp to tensors   the smaller of y and the larger of x and the least: where the least is above the most, the most
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from edge_export.formats.legalize.rule import Rule

_aten = torch.ops.aten


def _as(x: Tensor, dtype: torch.dtype) -> Tensor:
    return x if x.dtype == dtype else x.to(dtype)


def _none(x: Tensor) -> Tensor:
    return torch.logical_and(x == 0, x != 0)


def _isinf(x: Tensor) -> Tensor:
    return torch.abs(x) == math.inf if x.is_floating_point() else _none(x)


def _isposinf(x: Tensor) -> Tensor:
    return x == math.inf if x.is_floating_point() else _none(x)


def _isneginf(x: Tensor) -> Tensor:
    return x == -math.inf if x.is_floating_point() else _none(x)


def _isfinite(x: Tensor) -> Tensor:
    return torch.abs(x) < math.inf if x.is_floating_point() else torch.logical_not(_none(x))


def _ones(x: Tensor) -> Tensor:
    return torch.ones([1] * x.dim(), dtype=x.dtype)


def _signbit(x: Tensor) -> Tensor:
    if not x.is_floating_point():
        return _none(x) if x.dtype == torch.bool else x < 0
    return torch.logical_or(x < 0, _ones(x) / x < 0)


def _copysign(x: Tensor, y: Any) -> Tensor:
    size = torch.abs(_as(x, torch.result_type(x, 1.0)))
    if isinstance(y, Tensor):
        size = _as(size, torch.promote_types(size.dtype, y.dtype))
        return torch.where(_signbit(y), -size, size)
    return -size if math.copysign(1.0, y) < 0 else size


def _angle(x: Tensor) -> Tensor:
    x = _as(x, torch.result_type(x, 1.0))
    half_turn, nothing = (torch.full([1] * x.dim(), value, dtype=x.dtype) for value in (math.pi, 0.0))
    return torch.where(x != x, x, torch.where(x < 0, half_turn, nothing))


def _ignoring_nan(operator: Any) -> Any:
    def extreme(x: Tensor, y: Tensor) -> Tensor:
        dtype = torch.promote_types(x.dtype, y.dtype)
        x, y = torch.broadcast_tensors(_as(x, dtype), _as(y, dtype))
        if not dtype.is_floating_point:
            return operator(x, y)  # type: ignore[no-any-return]
        return torch.where(x != x, y, torch.where(y != y, x, operator(x, y)))

    return extreme


def _hypot(x: Tensor, y: Tensor) -> Tensor:
    x, y = torch.abs(x), torch.abs(y)
    most, least = torch.maximum(x, y), torch.minimum(x, y)
    ratio = torch.where(torch.logical_or(most == 0, least == math.inf), _ones(most), least) / torch.where(
        torch.logical_or(most == 0, least == math.inf), _ones(most), most
    )
    return most * torch.sqrt(1.0 + ratio * ratio)


def _clamp(x: Tensor, least: Tensor | None = None, most: Tensor | None = None) -> Tensor:
    for bound in (least, most):
        if bound is not None:
            x = _as(x, torch.promote_types(x.dtype, bound.dtype))
    x = x if least is None else torch.maximum(x, _as(least, x.dtype))
    return x if most is None else torch.minimum(x, _as(most, x.dtype))


def _clamp_above(x: Tensor, least: Tensor) -> Tensor:
    return _clamp(x, least)


def _clamp_below(x: Tensor, most: Tensor) -> Tensor:
    return _clamp(x, None, most)


INFINITE = Rule(
    "infinities",
    ("coreml", "tflite"),
    {
        _aten.isinf.default: _isinf,
        _aten.isposinf.default: _isposinf,
        _aten.isneginf.default: _isneginf,
        _aten.isfinite.default: _isfinite,
    },
)
SIGNS = Rule(
    "signs",
    ("executorch", "coreml", "tflite"),
    {
        _aten.signbit.default: _signbit,
        _aten.copysign.Tensor: _copysign,
        _aten.copysign.Scalar: _copysign,
    },
)
ANGLES = Rule("angles of real numbers", ("executorch", "coreml"), {_aten.angle.default: _angle})
LARGER = Rule(
    "larger values without NaN",
    ("executorch", "coreml", "tflite"),
    {_aten.fmax.default: _ignoring_nan(torch.maximum), _aten.fmin.default: _ignoring_nan(torch.minimum)},
)
LENGTH = Rule("lengths", ("executorch", "coreml", "tflite"), {_aten.hypot.default: _hypot})
TENSOR_BOUNDS = Rule(
    "bounds that are tensors",
    ("coreml", "tflite"),
    {
        _aten.clamp.Tensor: _clamp,
        _aten.clamp_min.Tensor: _clamp_above,
        _aten.clamp_max.Tensor: _clamp_below,
    },
)
