"""Operators that a converter does not take → the simpler ones that PyTorch defines them by.

Those of the first table are written by PyTorch's own decompositions; the others stand here:

    lerp                          x + w (y − x), from the nearer end
    cosine similarity             Σ xy / (max(‖x‖, ε) max(‖y‖, ε))
    fftshift                      roll by half of each axis
    x & y, x | y, x ^ y           the logical operators, of bools
    aminmax                       amin and amax
    alias                         x itself: PyTorch exports a slice of all as one
    take_along_dim                gather, with both tensors expanded to one shape
    grid_sample, mirrored at the border's outer edge     the same with points folded into it, 1 − |(g + 1) mod 4 − 2|;
                                  Core ML's own samples differ there (microsoft/onnxruntime pull request 21431)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch._decomp import decomposition_table

from edge_export.formats.legalize.rule import Refused, Rule

_aten = torch.ops.aten
_CUBIC, _BORDER, _REFLECTION = 2, 1, 2
"""The numbers of a mode and of two padding modes among the arguments of grid_sampler."""


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


def _sampled_mirrored(
    x: Tensor, grid: Tensor, mode: int = 0, padding_mode: int = 0, align_corners: bool | None = False
) -> Any:
    if padding_mode != _REFLECTION or align_corners or mode == _CUBIC:
        return NotImplemented
    turned = grid + 1.0
    turned = turned - 4.0 * torch.floor(turned * 0.25)
    return _aten.grid_sampler.default(x, 1.0 - torch.abs(turned - 2.0), mode, _BORDER, False)


def _both_ends(x: Tensor, *, dim: int | None = None, keepdim: bool = False) -> tuple[Tensor, Tensor]:
    dims = [] if dim is None else [dim]
    return torch.amin(x, dims, keepdim), torch.amax(x, dims, keepdim)


def _take_along(x: Tensor, indices: Tensor, dim: int | None = None) -> Any:
    if dim is None:
        return torch.gather(x.reshape(-1), 0, indices.reshape(-1))
    shape = list(torch.broadcast_shapes(_without(x, dim), _without(indices, dim)))
    shape[dim] = indices.shape[dim]
    whole = list(shape)
    whole[dim] = x.shape[dim]
    return torch.gather(x.expand(whole), dim, indices.expand(shape))


def _shifted(sign: int) -> Any:
    def shift(x: Tensor, dim: Sequence[int] | None = None) -> Tensor:
        dims = list(range(x.dim()) if dim is None else dim)
        halves = [x.shape[axis] // 2 if sign > 0 else (x.shape[axis] + 1) // 2 for axis in dims]
        return torch.roll(x, halves, dims)

    return shift


def _itself(x: Tensor) -> Tensor:
    return x


def _logical(operator: Any) -> Any:
    def apply(x: Tensor, y: Any) -> Any:
        is_bool = x.dtype == torch.bool and isinstance(y, Tensor) and y.dtype == torch.bool
        return operator(x, y) if is_bool else NotImplemented

    return apply


def _without(x: Tensor, dim: int) -> list[int]:
    sizes = list(x.shape)
    sizes[dim] = 1
    return sizes


COREML = Rule(
    "composites of Core ML",
    ("coreml",),
    {
        _aten.lerp.Scalar: _lerp,
        _aten.alias.default: _itself,
        _aten.fft_fftshift.default: _shifted(1),
        _aten.fft_ifftshift.default: _shifted(-1),
        _aten.__and__.Tensor: _logical(torch.logical_and),
        _aten.__or__.Tensor: _logical(torch.logical_or),
        _aten.__xor__.Tensor: _logical(torch.logical_xor),
        **{
            operator: decomposition_table[operator]
            for operator in (
                _aten.addcdiv.default,
                _aten.addcmul.default,
                _aten.channel_shuffle.default,
                _aten.pairwise_distance.default,
                _aten.rot90.default,
            )
        },
    },
)
BOTH_ENDS = Rule("least and most", ("tflite",), {_aten.aminmax.default: _both_ends})
OURS = Rule(
    "products along an axis",
    ("coreml", "coreai"),
    {_aten.cosine_similarity.default: _cosine, _aten.take_along_dim.default: _take_along},
)
MIRRORED = Rule("sampled beyond a mirrored border", ("coreml",), {_aten.grid_sampler.default: _sampled_mirrored})
SAMPLED = Rule("sampled at a grid", ("coreai",), {_aten.grid_sampler.default: _sampled})
GRIDS = Rule(
    "affine grids",
    ("coreml", "coreai"),
    {_aten.affine_grid_generator.default: decomposition_table[_aten.affine_grid_generator.default]},
)
