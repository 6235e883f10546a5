"""Bits of integers, and sizes of long ones, that a converter lacks → arithmetic.

x << n        x 2ⁿ
x >> n        ⌊x / 2ⁿ⌋
x & m         Σ (⌊x / 2ⁱ⌋ mod 2ᵏ) 2ⁱ over the runs of k ones in m, each from bit i on
x | m         x + m − (x & m)
x ^ m         x + m − 2 (x & m)
|x|           the larger of x and −x: LiteRT takes no int64
argmax(x)     of x as int32, likewise

m and n are numbers of the network; of two tensors there is no other form.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from edge_export.formats.legalize.rule import Rule

_aten = torch.ops.aten
_MOST = 2**31
"""Numbers that files hold in int32 are below it."""


def _is_of(x: Any, number: Any) -> bool:
    whole = isinstance(x, Tensor) and x.dtype in (torch.int32, torch.int64)
    return whole and isinstance(number, int) and not isinstance(number, bool) and 0 <= number < _MOST


def _shifted_left(x: Any, count: Any) -> Any:
    return x * 2**count if _is_of(x, count) and count < 31 else NotImplemented


def _shifted_right(x: Any, count: Any) -> Any:
    return x // 2**count if _is_of(x, count) and count < 31 else NotImplemented


def _and(x: Any, mask: Any) -> Any:
    if not _is_of(x, mask):
        return NotImplemented
    found, start = None, 0
    while mask >> start:
        if not (mask >> start) & 1:
            start += 1
            continue
        count = 0
        while (mask >> (start + count)) & 1:
            count += 1
        part = (x // 2**start if start else x) % 2**count
        part = part * 2**start if start else part
        found = part if found is None else found + part
        start += count
    return x * 0 if found is None else found


def _or(x: Any, mask: Any) -> Any:
    return x + mask - _and(x, mask) if _is_of(x, mask) else NotImplemented


def _xor(x: Any, mask: Any) -> Any:
    return x + mask - _and(x, mask) * 2 if _is_of(x, mask) else NotImplemented


def _abs(x: Tensor) -> Any:
    return torch.maximum(x, -x) if x.dtype == torch.int64 else NotImplemented


def _argmax(x: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    return torch.argmax(x.to(torch.int32), dim, keepdim) if x.dtype == torch.int64 else NotImplemented


RULE = Rule(
    "bits",
    ("coreml",),
    {
        **dict.fromkeys((_aten.__lshift__.Scalar, _aten.bitwise_left_shift.Tensor_Scalar), _shifted_left),
        **dict.fromkeys((_aten.__rshift__.Scalar, _aten.bitwise_right_shift.Tensor_Scalar), _shifted_right),
        **dict.fromkeys((_aten.__and__.Scalar, _aten.bitwise_and.Scalar), _and),
        **dict.fromkeys((_aten.__or__.Scalar, _aten.bitwise_or.Scalar), _or),
        **dict.fromkeys((_aten.__xor__.Scalar, _aten.bitwise_xor.Scalar), _xor),
    },
)
LONG = Rule(
    "sizes of long integers",
    ("tflite",),
    {
        _aten.abs.default: _abs,
        _aten.argmax.default: _argmax,
    },
)
