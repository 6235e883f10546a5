"""Powers that Core ML gets wrong or coarse → products, roots and exponentials.

    x^n           x x … x, by squaring, for whole n up to 8; 1 / (x x … x) for n < 0
    √x, 1 / √x    for the exponents ½ and −½
    b^x           2^x by `exp2`, e^(x ln b) for other b > 0

Core ML's `pow` was seen to give 0 for 2⁰ (apple/coremltools issue 2628), and to lose digits of x² in float16 (issue
2601).
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from edge_export.formats.legalize.rule import Rule

_aten = torch.ops.aten
_MOST = 8
"""The largest exponent that is written as products: three squarings."""


def _to_a_number(x: Tensor, exponent: float) -> Any:
    size = abs(exponent)
    if not x.is_floating_point() and exponent < 2:
        return NotImplemented
    if size == 0.5:
        y = torch.sqrt(x)
    elif size in range(2, _MOST + 1) or exponent == -1:
        y = _product(x, int(size))
    else:
        return NotImplemented
    return y if exponent > 0 else torch.ones([1] * y.dim(), dtype=y.dtype) / y


def _product(x: Tensor, count: int) -> Tensor:
    if count == 1:
        return x
    half = _product(x, count // 2)
    return half * half * x if count % 2 else half * half


def _of_a_number(base: float, x: Tensor) -> Any:
    if not x.is_floating_point() or base <= 0:
        return NotImplemented
    return torch.exp2(x) if base == 2 else torch.exp(x * math.log(base))


RULE = Rule("powers", ("coreml",), {_aten.pow.Tensor_Scalar: _to_a_number, _aten.pow.Scalar: _of_a_number})
