"""Choices between values of different shapes → the same with all three of the shape of the result.

where(c, x, y)          c, x and y expanded; a single value v is 0 c + v, so that no large constant is stored
masked_fill(x, c, y)    where(c, y, x)

onnx2tf writes such a choice as c x + (1 − c) y, so that an infinity or NaN that is left out gives NaN, as in
`where(n > 0, s / n, 0)`, and a constant −∞ becomes the lowest number. It takes no such integers.

where(c, integers, 0.5)    the same of floats: coremltools takes ½ for an integer
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch._subclasses import FakeTensor

from edge_export.formats.legalize.rule import Rule

_aten = torch.ops.aten


def _where(choice: Tensor, x: Any, y: Any) -> Any:
    given = [each for each in (choice, x, y) if isinstance(each, Tensor)]
    shape = torch.broadcast_shapes(*(each.shape for each in given))
    dtype = torch.result_type(x, y)
    is_whole = len(given) == 3 and all(each.shape == shape and each.dtype in (torch.bool, dtype) for each in given)
    if not shape or is_whole or choice.dtype != torch.bool:
        return NotImplemented
    if dtype == torch.bool or (_are_finite_constants(x, y) and dtype.is_floating_point) or _is_nan(x) or _is_nan(y):
        return NotImplemented
    choice = choice.expand(shape)
    return torch.where(choice, *(_expanded(each, choice, dtype) for each in (x, y)))


def _expanded(value: Any, choice: Tensor, dtype: torch.dtype) -> Tensor:
    if not isinstance(value, Tensor):
        return choice.to(dtype) * 0 + value
    value = value if value.dtype == dtype else value.to(dtype)
    if value.numel() == 1:
        return choice.to(dtype) * 0 + value.reshape([1] * choice.dim())
    return value.expand(choice.shape)


def _are_finite_constants(*values: Any) -> bool:
    return not any(isinstance(value, FakeTensor) or not torch.as_tensor(value).isfinite().all() for value in values)


def _is_nan(value: Any) -> bool:
    """Whether a value is a constant with NaN, which is taken for damage."""
    return not isinstance(value, FakeTensor) and bool(torch.as_tensor(value).isnan().any())


def _masked_fill(x: Tensor, mask: Tensor, value: Any) -> Any:
    value = value.to(x.dtype) if isinstance(value, Tensor) else value
    found = _where(mask, value, x)
    return found if found is NotImplemented or found.dtype == x.dtype else found.to(x.dtype)


def _of_one_type(choice: Tensor, x: Any, y: Any) -> Any:
    dtype = torch.result_type(x, y)
    types = {each.dtype for each in (x, y) if isinstance(each, Tensor)}
    if types == {dtype} or not dtype.is_floating_point or not choice.dim():
        return NotImplemented
    axes = [1] * choice.dim()
    values = (each.to(dtype) if isinstance(each, Tensor) else torch.full(axes, each, dtype=dtype) for each in (x, y))
    return torch.where(choice, *values)


_CHOICES = (_aten.where.self, _aten.where.ScalarOther, _aten.where.ScalarSelf, _aten.where.Scalar)
TYPED = Rule("choices between types", ("coreml",), dict.fromkeys(_CHOICES, _of_one_type))
RULE = Rule(
    "choices of different shapes",
    ("tflite",),
    {
        **dict.fromkeys(_CHOICES, _where),
        **dict.fromkeys((_aten.masked_fill.Scalar, _aten.masked_fill.Tensor), _masked_fill),
    },
)
