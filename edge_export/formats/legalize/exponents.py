"""Powers of two, and what belongs to the error function.

ldexp(x, n)          x 2^n
logaddexp2(x, y)     m + ln(1 + 2^(n − m)) / ln 2, m and n the larger and the smaller of x, y
frexp(x)             x and 0, halved or doubled by 2^64, 2^64, 2^32, … 2 while it is too large or too small: exact
erfc(x)              1 − erf(x)
erfinv(x)            a polynomial in w = −ln((1 − x) (1 + x)), another one in √w where w ≥ 5 (Giles, "Approximating
                     the erfinv function", 2010)
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from edge_export.formats.legalize.rule import Rule

_aten = torch.ops.aten
_STEPS = (64, 64, 32, 16, 8, 4, 2, 1)
_CENTER = (
    *(2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087),
    *(-0.00125372503, -0.00417768164, 0.246640727, 1.50140941),
)
_TAIL = (
    *(-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773),
    *(-0.0076224613, 0.00943887047, 1.00167406, 2.83297682),
)


def _ldexp(x: Tensor, n: Tensor) -> Tensor:
    dtype = torch.result_type(x, 1.0)
    return x.to(dtype) * torch.exp2(n.to(dtype))


def _logaddexp2(x: Tensor, y: Tensor) -> Tensor:
    most, least = torch.maximum(x, y), torch.minimum(x, y)
    zero = torch.zeros([1] * most.dim(), dtype=most.dtype)
    apart = torch.where(most == least, zero, least - most)  # of equal infinities, too
    return most + torch.log(1.0 + torch.exp(apart * math.log(2))) / math.log(2)


def _frexp(x: Tensor) -> tuple[Tensor, Tensor]:
    exponent = torch.zeros(x.shape, dtype=x.dtype)
    is_number = torch.logical_and(x != 0, torch.abs(x) < math.inf)
    for step in _STEPS:
        size = torch.abs(x)
        large = torch.logical_and(is_number, size >= 2.0 ** (step - 1))
        small = torch.logical_and(is_number, size < 2.0 ** (-step))
        x = torch.where(large, x * 2.0**-step, torch.where(small, x * 2.0**step, x))
        exponent = torch.where(large, exponent + step, torch.where(small, exponent - step, exponent))
    return x, exponent.to(torch.int32)


def _erfc(x: Tensor) -> Tensor:
    return 1.0 - torch.erf(x)


def _polynomial(x: Tensor, factors: tuple[float, ...]) -> Tensor:
    y = x * factors[0] + factors[1]
    for factor in factors[2:]:
        y = y * x + factor
    return y


def _erfinv(x: Tensor) -> Tensor:
    w = -torch.log((1.0 - x) * (1.0 + x))
    far = _polynomial(torch.sqrt(torch.relu(w)) - 3.0, _TAIL)
    scale = torch.where(w < 5.0, _polynomial(w - 2.5, _CENTER), far)
    infinite = torch.full([1] * x.dim(), math.inf, dtype=x.dtype)
    return torch.where(torch.abs(x) == 1.0, infinite, scale) * x


RULE = Rule(
    "powers of two", ("executorch", "coreml"), {_aten.ldexp.Tensor: _ldexp, _aten.logaddexp2.default: _logaddexp2}
)
PARTS = Rule("parts of numbers", ("executorch", "coreml", "tflite"), {_aten.frexp.Tensor: _frexp})
ERFC = Rule("erfc", ("executorch", "coreml"), {_aten.erfc.default: _erfc})
ERFINV = Rule("erfinv", ("executorch", "coreml", "tflite"), {_aten.erfinv.default: _erfinv})
