"""Arithmetic of which a converter drops or changes a number → the same with plain operators.

    add(x, y, α), sub(x, y, α)     x ± α y                coremltools drops α
    1 / x, reciprocal(x)           ones / x               coremltools' inverse adds 1e-4 to x
    clamp(x, least > 0)            max(x, constant)       onnx2tf writes a small positive bound as 0
    clamp, hardtanh with integers  floats                 coremltools refuses integers
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from edge_export.formats.legalize.rule import Rule

_aten = torch.ops.aten
_SMALL = 1e-3


def _scaled(sign: float) -> Any:
    def add(x: Any, y: Any, *, alpha: float = 1) -> Any:
        if alpha == 1:
            return NotImplemented
        return x + y * (sign * alpha)

    return add


def _from(x: Tensor, y: Any, alpha: float = 1) -> Any:
    return NotImplemented if alpha == 1 else y - x * alpha


def _reciprocal(x: Tensor) -> Any:
    return torch.ones([1] * x.dim(), dtype=x.dtype) / x


def _clamp_min(x: Tensor, least: float) -> Any:
    if not x.is_floating_point() or not 0 < least < _SMALL:
        return NotImplemented
    return torch.maximum(x, torch.full([1] * x.dim(), float(least), dtype=x.dtype))


def _clamp(x: Tensor, least: float | None = None, most: float | None = None) -> Any:
    if least is None or not isinstance(y := _clamp_min(x, least), Tensor):
        return NotImplemented
    return y if most is None else torch.minimum(y, torch.full([1] * x.dim(), float(most), dtype=x.dtype))


def _float_bounds(operator: Any) -> Any:
    def bounded(x: Tensor, *bounds: float | None) -> Any:
        if not x.is_floating_point() or not any(isinstance(bound, int) for bound in bounds):
            return NotImplemented
        return operator(x, *(None if bound is None else float(bound) for bound in bounds))

    return bounded


SUMS = Rule(
    "scaled sums",
    ("coreml",),
    {
        **{operator: _scaled(1.0) for operator in (_aten.add.Tensor, _aten.add.Scalar)},
        **{operator: _scaled(-1.0) for operator in (_aten.sub.Tensor, _aten.sub.Scalar)},
        **{operator: _from for operator in (_aten.rsub.Tensor, _aten.rsub.Scalar)},
    },
)
RECIPROCALS = Rule("reciprocals", ("coreml",), {_aten.reciprocal.default: _reciprocal})
SMALL_BOUNDS = Rule(
    "small bounds", ("tflite",), {_aten.clamp.default: _clamp, _aten.clamp_min.default: _clamp_min}
)
FLOAT_BOUNDS = Rule(
    "float bounds",
    ("coreml",),
    {
        operator: _float_bounds(operator)
        for operator in (_aten.clamp.default, _aten.clamp_min.default, _aten.clamp_max.default, _aten.hardtanh.default)
    },
)
