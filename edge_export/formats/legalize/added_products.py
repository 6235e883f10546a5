"""Products that are added to a value, with a factor for each → the product, the factors and the sum.

addmm, baddbmm    β b + α (x @ y)
addbmm            β b + α Σ_i (x_i @ y_i)
addmv             β b + α (x @ v)
addr              β b + α (v wᵀ)

With β = 0 the value is left out, as PyTorch does: NaN in it is not taken over.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from edge_export.formats.legalize.rule import Rule


def _added(b: Tensor, product: Tensor, beta: float, alpha: float) -> Tensor:
    scaled = product if alpha == 1 else product * alpha
    if beta == 0:
        return scaled.expand(torch.broadcast_shapes(b.shape, product.shape))
    return (b if beta == 1 else b * beta) + scaled


def _matrices(b: Tensor, x: Tensor, y: Tensor, *, beta: float = 1, alpha: float = 1) -> Any:
    return NotImplemented if beta == alpha == 1 else _added(b, x @ y, beta, alpha)


def _summed(b: Tensor, x: Tensor, y: Tensor, *, beta: float = 1, alpha: float = 1) -> Any:
    return _added(b, (x @ y).sum(0), beta, alpha)


def _vector(b: Tensor, x: Tensor, v: Tensor, *, beta: float = 1, alpha: float = 1) -> Any:
    return _added(b, (x @ v.unsqueeze(-1)).squeeze(-1), beta, alpha)


def _outer(b: Tensor, v: Tensor, w: Tensor, *, beta: float = 1, alpha: float = 1) -> Any:
    return _added(b, v.unsqueeze(-1) * w, beta, alpha)


_aten = torch.ops.aten
RULE = Rule(
    "added products",
    ("coreml",),
    {_aten.addmm.default: _matrices, _aten.baddbmm.default: _matrices},
)
OTHERS = Rule(
    "added sums and vectors",
    ("executorch", "coreml"),
    {
        _aten.addbmm.default: _summed,
        _aten.addmv.default: _vector,
        _aten.addr.default: _outer,
    },
)
