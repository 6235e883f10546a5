"""Sums of many values, which XNNPACK and ExecuTorch's kernels add up one by one in float32 → sums of sums.

sum, mean                    of rows of 1024, then of their sums
group_norm, instance_norm    γ (x − μ) / √(σ² + ε) + β,    μ = mean x,    σ² = mean (x − μ)²
var, std                     Σ (x − μ)² / (n − correction), and its square root
vector norm                  √(Σ x²)

A million values, as in a second of sound of many channels, lose half of the digits: 64 to 72 dB.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from edge_export.formats.legalize.rule import Rewrite, Rule

MOST = 8192
"""The values of one sum up to which the kernels are right: 120 dB and more."""
ROW = 1024


def _axes(x: Tensor, dim: Sequence[int] | int | None) -> list[int]:
    """Returns the axes of one statistic. None and an empty list are all of them."""
    given = [dim] if isinstance(dim, int) else list(dim or range(x.dim()))
    return [axis % x.dim() for axis in given]


def _count(x: Tensor, axes: Sequence[int]) -> int:
    return math.prod(x.shape[axis] for axis in axes)


def _is_long(x: Tensor, axes: Sequence[int]) -> bool:
    return x.is_floating_point() and _count(x, axes) > MOST


def _total(x: Tensor, axes: Sequence[int], keepdim: bool = False) -> Tensor:
    """Returns the sum along the axes, in rows."""
    kept = [axis for axis in range(x.dim()) if axis not in axes]
    shape = [x.shape[axis] for axis in kept]
    y = x.permute(*kept, *axes) if [*kept, *axes] != list(range(x.dim())) else x
    y = y.reshape(*shape, -1)
    while y.shape[-1] > ROW:
        y = functional.pad(y, (0, -y.shape[-1] % ROW)) if y.shape[-1] % ROW else y
        y = y.reshape(*shape, -1, ROW).sum(-1)
    y = y.sum(-1)
    return y.reshape([1 if axis in axes else size for axis, size in enumerate(x.shape)]) if keepdim else y


def _sum(x: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: torch.dtype | None = None) -> Any:
    axes = _axes(x, dim)
    return _total(x, axes, keepdim) if dtype in (None, x.dtype) and _is_long(x, axes) else NotImplemented


def _mean(x: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: torch.dtype | None = None) -> Any:
    y = _sum(x, dim, keepdim, dtype=dtype)
    return y if y is NotImplemented else y * (1 / _count(x, _axes(x, dim)))


def _pooled(x: Tensor, output_size: Sequence[int]) -> Any:
    if any(size != 1 for size in output_size):
        return NotImplemented
    return _mean(x, list(range(-len(output_size), 0)), keepdim=True)


def _centered(x: Tensor, axes: list[int]) -> tuple[Tensor, Tensor, Tensor]:
    """Returns `x` without its mean, the mean, and the mean of squares, both with all axes."""
    share = 1 / _count(x, axes)
    mean = _total(x, axes, keepdim=True) * share
    off = x - mean
    return off, mean, _total(off * off, axes, keepdim=True) * share


def _normalized(x: Tensor, groups: int, weight: Tensor | None, bias: Tensor | None, eps: float) -> Any:
    rows = x.reshape(x.shape[0], groups, -1)
    if not _is_long(rows, [2]):
        return NotImplemented
    off, _, square = _centered(rows, [2])
    scale = 1 / torch.sqrt(square + eps)
    each = (-1, *[1] * (x.dim() - 2))
    if weight is not None:  # one product with all pixels instead of two
        scale = (scale * weight.reshape(1, groups, -1)).reshape(x.shape[0], *each)
        y = off.reshape(x.shape) * scale
    else:
        y = (off * scale).reshape(x.shape)
    return y if bias is None else y + bias.reshape(each)


def _group_norm(
    x: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Any:
    return _normalized(x, num_groups, weight, bias, eps)


def _instance_norm(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    mean: Tensor | None,
    variance: Tensor | None,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Any:
    return _normalized(x, x.shape[1], weight, bias, eps) if use_input_stats else NotImplemented


def _spread(root: bool, with_mean: bool) -> Rewrite:
    """Returns the rule for a variance or a standard deviation, perhaps with the mean as a second result."""

    def spread(
        x: Tensor,
        dim: Sequence[int] | int | bool | None = None,
        unbiased: bool = True,
        keepdim: bool = False,
        *,
        correction: float | None = None,
    ) -> Any:
        if isinstance(dim, bool):  # of all axes, the first argument is `unbiased`
            return spread(x, None, dim, correction=correction)
        axes = _axes(x, dim)
        if not _is_long(x, axes):
            return NotImplemented
        _, mean, square = _centered(x, axes)
        count = _count(x, axes)
        y = square * (count / (count - (int(unbiased) if correction is None else correction)))
        results = [torch.sqrt(y) if root else y, *([mean] if with_mean else [])]
        if not keepdim:
            results = [each.squeeze(axes) for each in results]
        return tuple(results) if with_mean else results[0]

    return spread


def _vector_norm(
    x: Tensor,
    ord: float = 2,
    dim: Sequence[int] | int | None = None,
    keepdim: bool = False,
    *,
    dtype: torch.dtype | None = None,
) -> Any:
    axes = _axes(x, dim)
    if ord != 2 or dtype not in (None, x.dtype) or not _is_long(x, axes):
        return NotImplemented
    return torch.sqrt(_total(x * x, axes, keepdim))


_aten = torch.ops.aten
_SPREADS = {"var": (False, False), "std": (True, False), "var_mean": (False, True), "std_mean": (True, True)}
RULE = Rule(
    "long sums",
    ("executorch",),
    {
        **dict.fromkeys((_aten.sum.default, _aten.sum.dim_IntList), _sum),
        **dict.fromkeys((_aten.mean.default, _aten.mean.dim), _mean),
        **dict.fromkeys((_aten.adaptive_avg_pool1d.default, _aten.adaptive_avg_pool2d.default), _pooled),
        _aten.group_norm.default: _group_norm,
        _aten.instance_norm.default: _instance_norm,
        _aten.linalg_vector_norm.default: _vector_norm,
        **{
            getattr(getattr(_aten, name), overload): _spread(*kind)
            for name, kind in _SPREADS.items()
            for overload in ("default", "dim", "correction")
        },
    },
)
