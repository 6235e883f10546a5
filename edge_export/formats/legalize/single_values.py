"""A value without axes → the same with as many axes as the others have, each of one place.

where(c, x, y)          XNNPACK fails on such a constant when the file runs
masked_fill(x, c, y)    where(c, y, x)
fill(x, y)              y expanded to the shape of x, as `x[:, 0] = y.sum()` writes it; coremltools fills in 0

And reshape(x, []) → squeeze(x): coremltools keeps the shape of x.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from edge_export.formats.legalize.rule import Rule


def _where(condition: Tensor, x: Tensor, y: Tensor) -> Any:
    values = (condition, x, y)
    axes = max(value.dim() for value in values)
    if not axes or all(value.dim() for value in values):
        return NotImplemented
    return torch.where(*(value if value.dim() else value.reshape([1] * axes) for value in values))


def _masked_fill(x: Tensor, mask: Tensor, value: Tensor) -> Any:
    return torch.where(mask, value.to(x.dtype).reshape([1] * x.dim()), x) if x.dim() else NotImplemented


def _fill(x: Tensor, value: Tensor) -> Any:
    return value.to(x.dtype).reshape([1] * x.dim()).expand(x.shape) if x.dim() else NotImplemented


def _reshape(x: Tensor, shape: list[int]) -> Any:
    return x.squeeze(list(range(x.dim()))) if x.dim() and not shape else NotImplemented


_aten = torch.ops.aten
RULE = Rule(
    "single values",
    ("executorch",),
    {_aten.where.self: _where, _aten.masked_fill.Tensor: _masked_fill},
)
# `fill_` is `fill` when rules are applied: before that, nothing is written in place.
FILL = Rule("fills", ("executorch", "coreml"), dict.fromkeys((_aten.fill.Tensor, _aten.fill_.Tensor), _fill))
NO_AXES = Rule(
    "shapes without axes",
    ("coreml",),
    dict.fromkeys((_aten.reshape.default, _aten.view.default, _aten._unsafe_view.default), _reshape),
)
