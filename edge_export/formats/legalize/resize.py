"""Resizing that a converter lacks or gets wrong → a product with a constant matrix along each axis.

    y = R x Cᵀ      R, C: what PyTorch's own operator makes of the unit vectors along an axis

Nearest neighbors are rows that are picked. coremltools has no bicubic, exact or 3-D resize, ignores antialias, and
refuses a float scale that doesn't give the size exactly, of which XNNPACK and onnx2tf make another number. Core AI
takes other neighbors if a ratio is no whole number, as Core ML does on the GPU (coremltools' own test of fractional
scales expects that failure). Core AI's runtime dies of one pixel whose corners are aligned.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from edge_export.formats.legalize.rule import Rule

_aten = torch.ops.aten


def _by_matrices(operator: Any, needed: Callable[[Tensor, list[int], bool, Any], bool] | None = None) -> Any:
    """Returns the rule for one operator. `needed` tells of an input, the sizes and options whether it applies."""

    def resize(
        x: Tensor,
        output_size: Sequence[int] | None,
        align_corners: bool,
        scale_factors: Sequence[float] | None = None,
    ) -> Any:
        axes, sizes = x.dim() - 2, _sizes(x, output_size, scale_factors)
        if needed and not needed(x, sizes, align_corners, scale_factors):
            return NotImplemented
        for place in range(axes):
            axis, size = 2 + place, x.shape[2 + place]
            # The other axis has two pixels: with one, PyTorch's antialiased operator reads another axis.
            along = [1, size, *(size if each == place else 1 for each in range(axes))]
            copies = [1, 1, *(1 if each == place else 2 for each in range(axes))]
            units = torch.eye(size, dtype=x.dtype).reshape(along).repeat(copies)
            target, scales = [2] * axes, [1.0] * axes
            target[place] = sizes[place]
            if scale_factors is not None:
                scales[place] = scale_factors[place]
            given = (None, align_corners, scales) if scale_factors is not None else (target, align_corners, None)
            resized = operator(units, *given)
            for other in reversed([each for each in range(axes) if each != place]):
                resized = resized.select(2 + other, 0)
            weight = resized.reshape(size, sizes[place]).t()
            last = place == axes - 1
            moved = x if last else x.transpose(axis, -1)
            x = F.linear(moved, weight)
            x = x if last else x.transpose(axis, -1)
        return x

    return resize


def _sizes(x: Tensor, output_size: Sequence[int] | None, scale_factors: Sequence[float] | None) -> list[int]:
    return list(output_size or (int(size * s) for size, s in zip(x.shape[2:], scale_factors or (), strict=True)))


def _odd_scale(x: Tensor, sizes: list[int], align_corners: bool, scale_factors: Sequence[float] | None) -> bool:
    """Whether the scale factors are not the ratios of the sizes."""
    exact = [size * scale for size, scale in zip(x.shape[2:], scale_factors or (), strict=False)]
    return any(size != int(size) for size in exact)


def _to_one(x: Tensor, sizes: list[int], align_corners: bool, scale_factors: Sequence[float] | None) -> bool:
    """Whether the corners of one pixel are aligned, whose distance is 0."""
    return align_corners and 1 in sizes


def _picked(operator: Any, any_ratio: bool = False, only_odd: bool = False) -> Any:
    """Picks the neighbors along one axis after the other, which the operator itself finds among the places 0, 1, …

    Without `any_ratio`, sizes that are multiples stay; with `only_odd`, all whose scale factors are the ratios.
    """

    def resize(x: Tensor, output_size: Sequence[int] | None, scale_factors: Sequence[float] | None = None) -> Any:
        axes, sizes = x.dim() - 2, _sizes(x, output_size, scale_factors)
        if not any_ratio and all(count % size == 0 for count, size in zip(sizes, x.shape[2:], strict=True)):
            return NotImplemented
        if only_odd and not _odd_scale(x, sizes, False, scale_factors):
            return NotImplemented
        for place, count in enumerate(sizes):
            shape, target, scales = [1] * (2 + axes), [1] * axes, [1.0] * axes
            shape[2 + place], target[place] = x.shape[2 + place], count
            places = torch.arange(x.shape[2 + place], dtype=torch.float32).reshape(shape)
            if scale_factors is None:
                found = operator(places, target, None)
            else:
                scales[place] = scale_factors[place]
                found = operator(places, None, scales)
            x = x.index_select(2 + place, found.reshape(-1).to(torch.int64))
        return x

    return resize


EXACT = Rule(
    "exact resize",
    ("coreml",),
    {
        operator: _picked(operator, any_ratio=True)
        for operator in (
            _aten._upsample_nearest_exact1d.vec,
            _aten._upsample_nearest_exact2d.vec,
            _aten._upsample_nearest_exact3d.vec,
        )
    },
)
NEAREST = Rule(
    "resize to nearest neighbors",
    ("coreml", "coreai"),
    {
        operator: _picked(operator)
        for operator in (_aten.upsample_nearest1d.vec, _aten.upsample_nearest2d.vec, _aten.upsample_nearest3d.vec)
    },
)
NEAREST_ODD = Rule(
    "resize to neighbors by a float scale",
    ("coreml",),
    {
        operator: _picked(operator, any_ratio=True, only_odd=True)
        for operator in (_aten.upsample_nearest1d.vec, _aten.upsample_nearest2d.vec)
    },
)
VOLUMES = Rule(
    "resize of volumes",
    ("coreml",),
    {
        _aten.upsample_nearest3d.vec: _picked(_aten.upsample_nearest3d.vec, any_ratio=True),
        _aten.upsample_trilinear3d.vec: _by_matrices(_aten.upsample_trilinear3d.vec),
    },
)
CUBIC = Rule("bicubic resize", ("coreml",), {_aten.upsample_bicubic2d.vec: _by_matrices(_aten.upsample_bicubic2d.vec)})
ANTIALIAS = Rule(
    "antialiased resize",
    ("executorch", "coreml", "tflite", "coreai"),
    {
        operator: _by_matrices(operator)
        for operator in (_aten._upsample_bilinear2d_aa.vec, _aten._upsample_bicubic2d_aa.vec)
    },
)
ODD_SCALE = Rule(
    "resize by a float scale",
    ("executorch", "coreml", "tflite"),
    {
        operator: _by_matrices(operator, _odd_scale)
        for operator in (_aten.upsample_linear1d.vec, _aten.upsample_bilinear2d.vec)
    },
)
TO_ONE = Rule(
    "resize to one pixel",
    ("coreai",),
    {
        operator: _by_matrices(operator, _to_one)
        for operator in (_aten.upsample_linear1d.vec, _aten.upsample_bilinear2d.vec)
    },
)
