"""Operators that a converter does not take → the simpler ones that PyTorch defines them by.

Those of the first table are written by PyTorch's own decompositions; the others stand here:

    lerp                  x + w (y − x), from the nearer end
    cosine similarity     Σ xy / (max(‖x‖, ε) max(‖y‖, ε))
    distances p = 2       √Σ (x − y)²,   p = 1   Σ |x − y|,   for every pair of rows
    take_along_dim        gather, with both tensors expanded to one shape
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch._decomp import decomposition_table

from edge_export.formats.legalize.rule import Refused, Rule

_aten = torch.ops.aten


def _cosine(x: Tensor, y: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    lengths = [torch.sqrt((each * each).sum(dim)) for each in (x, y)]
    least, most = (torch.relu(each - eps) + eps for each in lengths)  # clamp, which converters round to 0 with a tiny ε
    return (x * y).sum(dim) / (least * most)


def _lerp(x: Tensor, y: Tensor, weight: float) -> Tensor:
    return x + (y - x) * weight if abs(weight) < 0.5 else y - (y - x) * (1 - weight)


def _sampled(x: Tensor, grid: Tensor, *options: Any) -> Any:
    if x.dim() != 4:
        return Refused("only pictures, not volumes, have another form")
    return decomposition_table[_aten.grid_sampler_2d.default](x, grid, *options)


def _distances(x: Tensor, y: Tensor, p: float = 2.0, compute_mode: int | None = None) -> Any:
    if p not in (1.0, 2.0):
        return Refused(f"only the distances p = 1 and p = 2 have another form, not p = {p:g}")
    apart = x.unsqueeze(-2) - y.unsqueeze(-3)
    return torch.abs(apart).sum(-1) if p == 1 else torch.sqrt((apart * apart).sum(-1))


def _take_along(x: Tensor, indices: Tensor, dim: int | None = None) -> Any:
    if dim is None:
        return torch.gather(x.reshape(-1), 0, indices.reshape(-1))
    shape = list(torch.broadcast_shapes(_without(x, dim), _without(indices, dim)))
    shape[dim] = indices.shape[dim]
    whole = list(shape)
    whole[dim] = x.shape[dim]
    return torch.gather(x.expand(whole), dim, indices.expand(shape))


def _without(x: Tensor, dim: int) -> list[int]:
    sizes = list(x.shape)
    sizes[dim] = 1
    return sizes


COREML = Rule(
    "composites of Core ML",
    ("coreml",),
    {
        _aten.lerp.Scalar: _lerp,
        **{
            operator: decomposition_table[operator]
            for operator in (
                _aten.addcdiv.default,
                _aten.addcmul.default,
                _aten.channel_shuffle.default,
                _aten.pairwise_distance.default,
                _aten.rot90.default,
                _aten.var_mean.correction,
            )
        },
    },
)
OURS = Rule(
    "products along an axis",
    ("coreml", "coreai"),
    {_aten.cosine_similarity.default: _cosine, _aten.take_along_dim.default: _take_along},
)
SAMPLED = Rule("sampled at a grid", ("coreai",), {_aten.grid_sampler.default: _sampled})
GRIDS = Rule(
    "affine grids",
    ("coreml", "coreai"),
    {_aten.affine_grid_generator.default: decomposition_table[_aten.affine_grid_generator.default]},
)
DISTANCES = Rule("distances", ("coreml", "tflite", "coreai"), {_aten.cdist.default: _distances})
