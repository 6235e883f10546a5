"""Softmax of rows that are −∞ throughout → 0, as PyTorch's own attention defines it.

_safe_softmax(x)     softmax(max(x, m)) [max x > m],   m = −10³⁸: e to the power of m − max x is 0
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from edge_export.formats.legalize.rule import Rule

_LEAST = -1e38


def _safe(x: Tensor, dim: int, dtype: torch.dtype | None = None) -> Any:
    x = x if dtype is None else x.to(dtype)
    if not x.dim():
        return torch.ones_like(x) * (x > _LEAST).to(x.dtype)
    # TFLite's `where` multiplies by 0 what it leaves out: nothing may be infinite or NaN.
    finite = x.clamp(min=_LEAST)
    some = (finite.amax(dim, keepdim=True) > _LEAST).to(x.dtype)
    return torch.softmax(finite, dim) * some


RULE = Rule("softmax of nothing", ("executorch", "coreml", "tflite"), {torch.ops.aten._safe_softmax.default: _safe})
