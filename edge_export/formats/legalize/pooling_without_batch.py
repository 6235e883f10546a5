"""Pooling without a batch → pooling of a batch of one. coremltools takes the channels for one axis too few."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from edge_export.formats.legalize.rule import Rewrite, Rule


def _with_batch(pool: Any, axes: int) -> Rewrite:
    def pooled(x: Tensor, *where: Any) -> Any:
        return NotImplemented if x.dim() > axes + 1 else pool(x[None], *where)[0]

    return pooled


_aten = torch.ops.aten
_POOLS = {
    1: (_aten.max_pool1d.default, _aten.avg_pool1d.default, _aten.adaptive_avg_pool1d.default),
    2: (_aten.max_pool2d.default, _aten.avg_pool2d.default, _aten.adaptive_avg_pool2d.default),
    3: (_aten.max_pool3d.default, _aten.avg_pool3d.default),
}
RULE = Rule(
    "pooling without a batch",
    ("coreml",),
    {pool: _with_batch(pool, axes) for axes, pools in _POOLS.items() for pool in pools},
)
