"""Softmax of rows that are −∞ throughout → 0, as PyTorch's own attention defines it.

_safe_softmax(x)     0 where max x = −∞, softmax(x) elsewhere
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from edge_export.formats.legalize.rule import Rule


def _safe(x: Tensor, dim: int, dtype: torch.dtype | None = None) -> Any:
    x = x if dtype is None else x.to(dtype)
    if not x.dim():
        return torch.where(x == -math.inf, torch.zeros_like(x), torch.ones_like(x))
    nothing = x.amax(dim, keepdim=True) == -math.inf
    zero = torch.zeros([1] * x.dim(), dtype=x.dtype)
    # A row of numbers in place of one of −∞: what is left out must not be NaN, which some converters multiply by 0.
    return torch.where(nothing, zero, torch.softmax(torch.where(nothing, zero, x), dim))


RULE = Rule("softmax of nothing", ("executorch", "coreml", "tflite"), {torch.ops.aten._safe_softmax.default: _safe})
