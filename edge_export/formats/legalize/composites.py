"""Operators that a converter does not take → the simpler ones that PyTorch defines them by.

Those of the first table are written by PyTorch's own decompositions; the others stand here:

    lerp                  x + w (y − x), from the nearer end
    cosine similarity     Σ xy / (max(‖x‖, ε) max(‖y‖, ε))
    cdist, pdist          √Σ (x − y)² for p = 2, Σ |x − y| for 1, the largest for ∞, the count for 0,
                          (Σ |x − y|^p)^(1/p) for others, of every pair of rows
    fftshift              roll by half of each axis
    zeros_like, ones_like a constant, where the call gives another type: coremltools keeps that of x
    where with a number   where with a tensor of one place
    x & y, x | y, x ^ y   the logical operators, of bools
    narrow_copy, unbind_copy    the same as views
    alias                 x itself: PyTorch exports a slice of all as one
    to(device, non_blocking)    a cast: ExecuTorch's has no other way than to wait
    dist                  the norm of the difference of all values
    aminmax               amin and amax
    log_softmax of a type    a cast, then log_softmax: ExecuTorch's kernel does not cast
    zero_                 a constant: onnx2tf loses it
    squeeze               x itself, where no axis has one place: torch's ONNX exporter fails on it
    take_along_dim        gather, with both tensors expanded to one shape
    grid_sample, mirrored at the border's outer edge     the same with points folded into it, 1 − |(g + 1) mod 4 − 2|;
                          Core ML's own samples differ there (microsoft/onnxruntime pull request 21431)
"""

from __future__ import annotations

import math
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


def _distances(x: Tensor, y: Tensor, p: float = 2.0, compute_mode: int | None = None) -> Any:
    return _norm(x.unsqueeze(-2) - y.unsqueeze(-3), p)


def _distance(x: Tensor, y: Tensor, p: float = 2.0) -> Tensor:
    return _norm((x - y).reshape(-1), p)


def _both_ends(x: Tensor, *, dim: int | None = None, keepdim: bool = False) -> tuple[Tensor, Tensor]:
    dims = [] if dim is None else [dim]
    return torch.amin(x, dims, keepdim), torch.amax(x, dims, keepdim)


def _cast_first(operator: Any) -> Any:
    def apply(x: Tensor, dim: int, dtype: torch.dtype | None = None) -> Any:
        return NotImplemented if dtype in (None, x.dtype) else operator(x.to(dtype), dim)

    return apply


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


def _filled(value: float) -> Any:
    def like(x: Tensor, *, dtype: torch.dtype | None = None, **options: Any) -> Any:
        return NotImplemented if dtype in (None, x.dtype) else torch.full(x.shape, value, dtype=dtype)

    return like


def _scalars_where(condition: Tensor, x: Any, y: Any) -> Tensor:
    tensors = [each for each in (x, y) if isinstance(each, Tensor)]
    dtype = tensors[0].dtype if tensors else torch.float32
    ones = [1] * condition.dim()
    x, y = (each if isinstance(each, Tensor) else torch.full(ones, each, dtype=dtype) for each in (x, y))
    return torch.where(condition, x, y)


def _itself(x: Tensor) -> Tensor:
    return x


def _logical(operator: Any) -> Any:
    def apply(x: Tensor, y: Any) -> Any:
        is_bool = x.dtype == torch.bool and isinstance(y, Tensor) and y.dtype == torch.bool
        return operator(x, y) if is_bool else NotImplemented

    return apply


def _moved(x: Tensor, *, dtype: torch.dtype | None = None, non_blocking: bool = False, **options: Any) -> Any:
    if not non_blocking:
        return NotImplemented
    return x.clone() if dtype in (None, x.dtype) else x.to(dtype)


def _to_device(x: Tensor, device: Any, dtype: torch.dtype, non_blocking: bool = False, *options: Any) -> Any:
    return _moved(x, dtype=dtype, non_blocking=non_blocking)


def _to_type(x: Tensor, dtype: torch.dtype, non_blocking: bool = False, *options: Any) -> Any:
    return _moved(x, dtype=dtype, non_blocking=non_blocking)


def _narrow(x: Tensor, dim: int, start: int, length: int) -> Tensor:
    return x.narrow(dim, start, length)


def _unbind(x: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    return x.unbind(dim)


def _zeros(x: Tensor) -> Tensor:
    return torch.zeros(x.shape, dtype=x.dtype)


def _squeezed(x: Tensor, dim: Sequence[int]) -> Any:
    return x if all(x.shape[axis] != 1 for axis in dim) else NotImplemented


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
        _aten.zeros_like.default: _filled(0.0),
        _aten.ones_like.default: _filled(1.0),
        **dict.fromkeys((_aten.where.ScalarOther, _aten.where.ScalarSelf), _scalars_where),
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
COPIES = Rule(
    "copies of views",
    ("executorch", "coreml"),
    {_aten.narrow_copy.default: _narrow, _aten.unbind_copy.int: _unbind},
)
ZEROS = Rule("zeros in place", ("tflite",), {_aten.zero.default: _zeros})
DISTANCE = Rule("distance of two tensors", ("executorch", "coreml"), {_aten.dist.default: _distance})
BOTH_ENDS = Rule("least and most", ("tflite",), {_aten.aminmax.default: _both_ends})
CAST = Rule(
    "casts within softmax",
    ("executorch",),
    {operator: _cast_first(operator) for operator in (_aten.softmax.int, _aten.log_softmax.int)},
)
SQUEEZED = Rule("axes that stay", ("tflite",), {_aten.squeeze.dims: _squeezed})
MOVED = Rule(
    "moves between devices",
    ("executorch",),
    {
        _aten.to.device: _to_device,
        _aten.to.dtype: _to_type,
        **dict.fromkeys((_aten.to.dtype_layout, _aten._to_copy.default), _moved),
    },
)
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
DISTANCES = Rule(
    "distances",
    ("coreml", "tflite", "coreai"),
    {**dict.fromkeys((_aten.cdist.default, _aten._cdist_forward.default), _distances), _aten.pdist.default: _pairs},
)
