"""Distances of rows → differences of all pairs.

cdist, pdist    √Σ (x − y)² for p = 2, Σ |x − y| for 1, the largest for ∞, the count of others than 0 for 0,
                (Σ |x − y|^p)^(1/p) for others, of every pair of rows
dist            the same of all values
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from edge_export.formats.legalize.rule import Rule

_aten = torch.ops.aten


def _distances(x: Tensor, y: Tensor, p: float = 2.0, compute_mode: int | None = None) -> Any:
    return _norm(x.unsqueeze(-2) - y.unsqueeze(-3), p)


def _distance(x: Tensor, y: Tensor, p: float = 2.0) -> Tensor:
    return _norm((x - y).reshape(-1), p)


def _pairs(x: Tensor, p: float = 2.0) -> Any:
    first, second = torch.triu_indices(x.shape[0], x.shape[0], 1)
    return _norm(x.index_select(0, first) - x.index_select(0, second), p) if len(first) else NotImplemented


def _norm(x: Tensor, p: float) -> Tensor:
    if p == 2:
        return torch.sqrt((x * x).sum(-1))
    size = torch.abs(x)
    if p in (0, math.inf):
        return size.amax(-1) if p else (size > 0).to(x.dtype).sum(-1)
    return size.sum(-1) if p == 1 else torch.pow(torch.pow(size, p).sum(-1), 1 / p)


DISTANCES = Rule(
    "distances",
    ("coreml", "tflite", "coreai"),
    {**dict.fromkeys((_aten.cdist.default, _aten._cdist_forward.default), _distances), _aten.pdist.default: _pairs},
)
DISTANCE = Rule("distance of two tensors", ("executorch", "coreml"), {_aten.dist.default: _distance})
