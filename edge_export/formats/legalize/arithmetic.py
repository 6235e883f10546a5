"""Arithmetic of which a converter drops or changes a number → the same with plain operators.

add(x, y, α), sub(x, y, α)     x ± α y                coremltools and Core AI drop α
x ± 1e-9                       x ± a tensor of axes   torch's ONNX exporter takes a number up to 1e-8 for 0
bools · 255                    integers · 255         torch's ONNX exporter has no such product
1 / x, reciprocal(x)           ones / x               coremltools' inverse adds 1e-4 to x
rsqrt(x)                       ones / √x              coremltools' rsqrt adds 1e-12 to x
clamp(x, least > 0)            least where x < least, x elsewhere     onnx2tf writes a small positive bound as 0
exp2(x)                        e^(x ln 2)             ExecuTorch takes no exp2
fmod(x, y)                     x − trunc(x / y) y     coremltools and LiteRT have no fmod
trunc(x)                       sign(x) ⌊|x|⌋          coremltools takes no trunc
asinh(x)                       sign(x) ln(|x| + √(x² + 1))
acosh(x)                       ln(1 + z), z = t + √(t (t + 2)), t = x − 1
log1p(x)                       ln(u) x / (u − 1), u = 1 + x; x where u = 1     coremltools writes ln(1 + x)
tan(x)                         sin r / cos r, r = x − k π/2, of an odd k its negative inverse     cos x of LiteRT has no
                               digits left near a pole
atan2(y, x)                    atan of the smaller by the larger size, then moved to y's and x's octant
clamp, hardtanh with integers  floats                 coremltools refuses integers
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from edge_export.formats.legalize.rule import Rule

_aten = torch.ops.aten
_SMALL = 1e-3
_TAKEN_FOR_0 = 1e-8
_HALF_PI = (1.5703125, 4.837512969970703125e-4, 7.54978995489188216e-8)
"""Parts whose products with a small whole number are exact in float32 (Cody and Waite, 1980)."""


def _scaled(sign: float) -> Any:
    def add(x: Any, y: Any, *, alpha: float = 1) -> Any:
        if alpha == 1:
            return NotImplemented
        return x + y * (sign * alpha)

    return add


def _tiny_term(sign: float) -> Any:
    def add(x: Any, y: Any, alpha: float = 1) -> Any:
        if not isinstance(x, Tensor) or not isinstance(y, float) or not x.is_floating_point():
            return NotImplemented
        term = sign * alpha * y
        if not 0 < abs(term) <= _TAKEN_FOR_0:
            return NotImplemented
        axes = [1] * max(x.dim(), 1)
        return (x + torch.full(axes, term, dtype=x.dtype)).reshape(x.shape)

    return add


def _times(x: Any, y: Any) -> Any:
    if not isinstance(x, Tensor) or x.dtype != torch.bool or not isinstance(y, int | float) or isinstance(y, bool):
        return NotImplemented
    return x.to(torch.int64 if isinstance(y, int) else torch.get_default_dtype()) * y


def _from(x: Tensor, y: Any, alpha: float = 1) -> Any:
    return NotImplemented if alpha == 1 else y - x * alpha


def _reciprocal(x: Tensor) -> Any:
    return torch.ones([1] * x.dim(), dtype=x.dtype) / x


def _rsqrt(x: Tensor) -> Tensor:
    y: Tensor = _reciprocal(torch.sqrt(x))
    return y


def _clamp_min(x: Tensor, least: float) -> Any:
    if not x.is_floating_point() or not 0 < least < _SMALL:
        return NotImplemented
    return torch.where(x < float(least), torch.tensor([least], dtype=x.dtype), x)


def _clamp(x: Tensor, least: float | None = None, most: float | None = None) -> Any:
    if least is None or not isinstance(y := _clamp_min(x, least), Tensor):
        return NotImplemented
    return y if most is None else torch.clamp(y, max=float(most))


def _float_bounds(operator: Any) -> Any:
    def bounded(x: Tensor, *bounds: float | None) -> Any:
        if not x.is_floating_point() or not any(isinstance(bound, int) for bound in bounds):
            return NotImplemented
        return operator(x, *(None if bound is None else float(bound) for bound in bounds))

    return bounded


def _exp2(x: Tensor) -> Tensor:
    return torch.exp(x * math.log(2))


def _trunc(x: Tensor) -> Tensor:
    return torch.sign(x) * torch.floor(torch.abs(x))


def _tan(x: Tensor) -> Any:
    if not x.is_floating_point():
        return NotImplemented
    quarter = torch.floor(x * (2 / math.pi) + 0.5)
    for part in _HALF_PI:
        x = x - quarter * part
    y = torch.sin(x) / torch.cos(x)
    is_odd = quarter - 2.0 * torch.floor(quarter * 0.5) > 0.5
    return torch.where(is_odd, torch.full([1] * y.dim(), -1.0, dtype=y.dtype) / y, y)


def _fmod(x: Tensor, y: Any) -> Any:
    return x - _trunc(x / y) * y if x.is_floating_point() else NotImplemented


def _log1p(x: Tensor) -> Tensor:
    u = 1.0 + x
    same = u == 1.0
    return torch.where(same, x, torch.log(u) * x / torch.where(same, torch.ones([1] * x.dim(), dtype=x.dtype), u - 1.0))


def _asinh(x: Tensor) -> Tensor:
    size = torch.abs(x)
    # ln(1 + z) with z = |x| + x² / (1 + √(x² + 1)) keeps the digits of a small x
    z = size + size * size / (1.0 + torch.sqrt(size * size + 1.0))
    return torch.sign(x) * _log1p(z)


def _acosh(x: Tensor) -> Tensor:
    t = x - 1.0
    return _log1p(t + torch.sqrt(t * (t + 2.0)))


def _atan2(y: Tensor, x: Tensor) -> Tensor:
    high, wide = torch.abs(y), torch.abs(x)
    most = torch.maximum(high, wide)
    nothing, one = (torch.full([1] * most.dim(), value, dtype=most.dtype) for value in (0.0, 1.0))
    angle = torch.atan(torch.minimum(high, wide) / torch.where(most == 0, one, most))
    angle = torch.where(high > wide, math.pi / 2 - angle, angle)
    angle = torch.where(x < nothing, math.pi - angle, angle)
    return torch.where(y < nothing, -angle, angle)


SUMS = Rule(
    "scaled sums",
    ("coreml", "coreai"),
    {
        **{operator: _scaled(1.0) for operator in (_aten.add.Tensor, _aten.add.Scalar)},
        **{operator: _scaled(-1.0) for operator in (_aten.sub.Tensor, _aten.sub.Scalar)},
        **dict.fromkeys((_aten.rsub.Tensor, _aten.rsub.Scalar), _from),
    },
)
TINY_TERMS = Rule(
    "tiny terms",
    ("tflite",),
    {
        **dict.fromkeys((_aten.add.Tensor, _aten.add.Scalar), _tiny_term(1.0)),
        **dict.fromkeys((_aten.sub.Tensor, _aten.sub.Scalar), _tiny_term(-1.0)),
    },
)
MASKS = Rule("bools times a number", ("tflite",), dict.fromkeys((_aten.mul.Tensor, _aten.mul.Scalar), _times))
RECIPROCALS = Rule("reciprocals", ("coreml",), {_aten.reciprocal.default: _reciprocal, _aten.rsqrt.default: _rsqrt})
SMALL_BOUNDS = Rule("small bounds", ("tflite",), {_aten.clamp.default: _clamp, _aten.clamp_min.default: _clamp_min})
FLOAT_BOUNDS = Rule(
    "float bounds",
    ("coreml",),
    {
        operator: _float_bounds(operator)
        for operator in (_aten.clamp.default, _aten.clamp_min.default, _aten.clamp_max.default, _aten.hardtanh.default)
    },
)
EXP2 = Rule("exp2", ("executorch",), {_aten.exp2.default: _exp2})
FMOD = Rule("fmod", ("coreml", "tflite"), {_aten.fmod.Scalar: _fmod, _aten.fmod.Tensor: _fmod})
TAN = Rule("tan", ("tflite",), {_aten.tan.default: _tan})
TRUNC = Rule("trunc", ("coreml",), {_aten.trunc.default: _trunc, _aten.fix.default: _trunc})
LOGARITHMS = Rule(
    "logarithms near 1",
    ("coreml",),
    {_aten.asinh.default: _asinh, _aten.acosh.default: _acosh, _aten.log1p.default: _log1p},
)
ATAN2 = Rule("atan2", ("coreml",), {_aten.atan2.default: _atan2})
