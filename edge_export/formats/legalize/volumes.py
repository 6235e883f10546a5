"""Pooling and convolution of volumes → the same of pictures, which ExecuTorch and Core AI have.

LiteRT lacks max pooling of volumes alone.

pool3d(x)     pool over the planes of each column of pixels, then over the pixels of each plane
conv3d(x)     conv2d of each plane with its neighbors as further channels
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from edge_export.formats.legalize.rule import Rule
from edge_export.formats.legalize.windows import per_axis


def _pooled(x: Tensor, pool: Callable[[Tensor, list[int]], Tensor]) -> Tensor:
    """Pools `(batch, channels, depth, height, width)`. `pool` takes pictures, and which of the three axes they show."""
    batch, channels, depth, height, width = x.shape if x.dim() == 5 else (1, *x.shape)
    along = pool(x.reshape(batch, channels, depth, height * width), [0])
    y = pool(along.reshape(batch, -1, height, width), [1, 2])
    return y.reshape(*x.shape[:-3], -1, *y.shape[2:])


def _at(values: Sequence[int], axes: list[int], else_: int) -> list[int]:
    """Returns the values of two axes; the second one is `else_` if there is one axis only."""
    return [*(per_axis(values, 3)[axis] for axis in axes), else_][:2]


def _average(
    x: Tensor,
    kernel_size: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0,),
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    counted = (True, 1) if divisor_override else (count_include_pad,)

    def pool(x: Tensor, axes: list[int]) -> Tensor:
        where = (_at(kernel_size, axes, 1), _at(stride or kernel_size, axes, 1), _at(padding, axes, 0))
        return F.avg_pool2d(x, *where, ceil_mode, *counted)

    y = _pooled(x, pool)
    return y / float(divisor_override) if divisor_override else y


def _maximum(
    x: Tensor,
    kernel_size: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0,),
    dilation: Sequence[int] = (1,),
    ceil_mode: bool = False,
) -> Any:
    def pool(x: Tensor, axes: list[int]) -> Tensor:
        where = (_at(kernel_size, axes, 1), _at(stride or kernel_size, axes, 1), _at(padding, axes, 0))
        return F.max_pool2d(x, *where, _at(dilation, axes, 1), ceil_mode)

    return _pooled(x, pool)


def _convolution(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sequence[int] = (1,),
    padding: Sequence[int] | str = (0,),
    dilation: Sequence[int] = (1,),
    groups: int = 1,
) -> Any:
    steps, gaps = per_axis(stride, 3), per_axis(dilation, 3)
    whole = x if x.dim() == 5 else x[None]
    if isinstance(padding, str):
        reach = [gap * (size - 1) if padding == "same" else 0 for gap, size in zip(gaps, weight.shape[2:], strict=True)]
        margins = [each for size in reversed(reach) for each in (size // 2, size - size // 2)]
        whole, padding = (F.pad(whole, margins) if any(margins) else whole), (0,)
    pads = per_axis(padding, 3)
    batch, channels, _, height, width = whole.shape
    out, each, taps, *kernel = weight.shape
    padded = F.pad(whole, (0, 0, 0, 0, pads[0], pads[0])) if pads[0] else whole
    count = (padded.shape[2] - gaps[0] * (taps - 1) - 1) // steps[0] + 1
    last = (count - 1) * steps[0] + 1
    planes = [padded[:, :, tap * gaps[0] : tap * gaps[0] + last : steps[0]] for tap in range(taps)]
    beside = torch.stack(planes, 2).permute(0, 3, 1, 2, 4, 5)
    flat = beside.reshape(batch * count, channels * taps, height, width)
    y = F.conv2d(flat, weight.reshape(out, each * taps, *kernel), bias, steps[1:], pads[1:], gaps[1:], groups)
    y = y.reshape(batch, count, out, *y.shape[2:]).transpose(1, 2)
    return y if x.dim() == 5 else y[0]


_aten = torch.ops.aten
AVERAGES = Rule("averages of volumes", ("executorch", "coreai"), {_aten.avg_pool3d.default: _average})
MAXIMA = Rule("maxima of volumes", ("executorch", "tflite", "coreai"), {_aten.max_pool3d.default: _maximum})
CONVOLUTION = Rule(
    "convolution of volumes", ("executorch",), dict.fromkeys((_aten.conv3d.default, _aten.conv3d.padding), _convolution)
)
