"""Max pooling with dilation or with windows of several sizes → max pooling of gathered rows and columns.

    max_pool(x, kernel k, dilation d)  →  max_pool(x[rows of window 0, rows of window 1, …], kernel k, stride k)

    its places             the first index of a window whose element is the maximum, of gathered windows

Windows of fewer elements, at the border or in adaptive pooling, repeat one of their elements: the maximum is the same.
Core ML's and onnx2tf's pools have no dilation; ExecuTorch, Core AI and torch's ONNX exporter have no adaptive max
pooling; coremltools and LiteRT give no places.

    max_pool(x, kernel)  →  max_pool(x, kernel, stride = kernel)

ExecuTorch and coremltools fail on a pool whose stride is left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.fx import Node
from torch.nn import functional as F

from edge_export.formats.legalize.rule import Rewrite, Rule
from edge_export.formats.legalize.windows import Axis, per_axis

Windows = list[list[int]]
"""The elements of each window along one axis. All windows have the same length."""


def _dilated(axes: int) -> Rewrite:
    def pool(
        x: Tensor,
        kernel_size: Sequence[int],
        stride: Sequence[int] = (),
        padding: Sequence[int] = (0,),
        dilation: Sequence[int] = (1,),
        ceil_mode: bool = False,
    ) -> Any:
        if all(gap == 1 for gap in dilation):
            return NotImplemented
        return _pooled(x, _windows(x, axes, kernel_size, stride, padding, dilation, ceil_mode))

    return pool


def _with_places(axes: int) -> Rewrite:
    def pool(x: Tensor, *where: Any, **named: Any) -> Any:
        along = _windows(x, axes, *where, **named)
        return _pooled(x, along), _places(x, along)

    return pool


def _windows(
    x: Tensor,
    axes: int,
    kernel_size: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0,),
    dilation: Sequence[int] = (1,),
    ceil_mode: bool = False,
) -> list[Windows]:
    kernel, steps, pads, gaps = (
        per_axis(values, axes) for values in (kernel_size, stride or kernel_size, padding, dilation)
    )
    along = []
    for size, k, step, pad, gap in zip(x.shape[-axes:], kernel, steps, pads, gaps, strict=True):
        count = Axis(size, (k - 1) * gap + 1, step, pad, ceil_mode).windows
        places = [[window * step - pad + tap * gap for tap in range(k)] for window in range(count)]
        along.append(_filled([[place for place in window if 0 <= place < size] for window in places]))
    return along


def _adaptive(axes: int) -> Rewrite:
    def pool(x: Tensor, output_size: Sequence[int]) -> Any:
        along = []
        for size, count in zip(x.shape[-axes:], output_size, strict=True):
            along.append(_filled([list(range(i * size // count, -(-(i + 1) * size // count))) for i in range(count)]))
        return _pooled(x, along), _places(x, along)

    return pool


def _filled(windows: Windows) -> Windows:
    longest = max(map(len, windows))
    return [[*window, *[window[-1]] * (longest - len(window))] for window in windows]


def _pooled(x: Tensor, along: list[Windows]) -> Tensor:
    for place, windows in enumerate(along):
        axis = x.dim() - len(along) + place
        order = [index for window in windows for index in window]
        if order != list(range(x.shape[axis])):
            x = x.index_select(axis, torch.tensor(order))
    kernel = [len(windows[0]) for windows in along]
    return (F.max_pool1d, F.max_pool2d, F.max_pool3d)[len(along) - 1](x, kernel, kernel)


def _places(x: Tensor, along: list[Windows]) -> Tensor:
    """Returns the place of each window's maximum in the flattened picture, of equal ones the first."""
    axes = len(along)
    size, counts = x.shape[-axes:], [len(windows) for windows in along]
    index = torch.zeros([1] * (2 * axes), dtype=torch.int64)
    for axis, windows in enumerate(along):
        shape = [1] * (2 * axes)
        shape[axis], shape[axes + axis] = len(windows), len(windows[0])
        index = index * size[axis] + torch.tensor(windows).reshape(shape)
    flat = index.reshape(math.prod(counts), -1)
    outer = x.shape[:-axes]
    values = x.reshape(math.prod(outer), -1).index_select(1, flat.reshape(-1)).reshape(-1, *flat.shape)
    none = torch.full([1, 1, 1], float(math.prod(size)))
    is_most = values >= values.amax(2, keepdim=True)
    return torch.where(is_most, flat.to(torch.float32)[None], none).amin(2).to(torch.int64).reshape(*outer, *counts)


def _is_asked_for_places(call: Node) -> bool:
    return any(user.args[1] == 1 and user.users for user in call.users)


def _strided(operator: Any) -> Rewrite:
    def pool(x: Tensor, kernel_size: Sequence[int], stride: Sequence[int] = (), *options: Any) -> Any:
        return NotImplemented if stride else operator(x, kernel_size, kernel_size, *options)

    return pool


_aten = torch.ops.aten
STRIDED = Rule(
    "pooling without a stride",
    ("executorch", "coreml"),
    {
        operator: _strided(operator)
        for operator in (_aten.max_pool1d.default, _aten.max_pool2d.default, _aten.max_pool3d.default)
    },
)
DILATED = Rule(
    "dilated max pooling",
    ("coreml", "tflite"),
    {
        _aten.max_pool1d.default: _dilated(1),
        _aten.max_pool2d.default: _dilated(2),
        _aten.max_pool3d.default: _dilated(3),
    },
)
ADAPTIVE = Rule(
    "adaptive max pooling",
    ("executorch", "tflite", "coreai"),
    {
        _aten.adaptive_max_pool1d.default: _adaptive(1),
        _aten.adaptive_max_pool2d.default: _adaptive(2),
        _aten.adaptive_max_pool3d.default: _adaptive(3),
    },
)
ADAPTIVE_PLACES = Rule("places of adaptive maxima", ("coreml",), ADAPTIVE.rewrites, _is_asked_for_places)
PLACES_OF_VOLUMES = Rule(
    "places of maxima of volumes",
    ("executorch",),
    {_aten.max_pool3d_with_indices.default: _with_places(3)},
    _is_asked_for_places,
)
PLACES = Rule(
    "places of pooled maxima",
    ("coreml", "tflite"),
    {
        _aten.max_pool1d_with_indices.default: _with_places(1),
        _aten.max_pool2d_with_indices.default: _with_places(2),
        _aten.max_pool3d_with_indices.default: _with_places(3),
    },
    _is_asked_for_places,
)
