"""How many values are not 0 → the sum of the comparisons, in float32 up to 2²⁴ values.

count_nonzero(x, dims)     Σ [x ≠ 0]     over all axes if there are none given
sum(bools)                 Σ in int32    coremltools sums bools in float32, which is no index then
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from edge_export.formats.legalize.rule import Refused, Rule

_aten = torch.ops.aten
_MOST = 2**24


def _count(x: Tensor, dim: int | Sequence[int] | None = None) -> Any:
    if x.numel() > _MOST:
        return Refused(f"float32 counts no more than {_MOST:,} values")
    dims = [dim] if isinstance(dim, int) else list(dim or ())
    hits = (x if x.dtype == torch.bool else x != 0).to(torch.float32)
    if not dims or len(dims) == x.dim():
        return hits.sum().to(torch.int64)
    return hits.sum(dims).to(torch.int64)


RULE = Rule("counts", ("tflite",), {_aten.count_nonzero.default: _count, _aten.count_nonzero.dim_IntList: _count})


def _sum_of_bools(x: Tensor, *axes: Any, dtype: torch.dtype | None = None) -> Any:
    if x.dtype != torch.bool or dtype not in (None, torch.int32, torch.int64):
        return NotImplemented
    return x.to(torch.int32).sum(*axes, dtype=dtype)


BOOLS = Rule("sums of bools", ("coreml",), dict.fromkeys((_aten.sum.default, _aten.sum.dim_IntList), _sum_of_bools))
