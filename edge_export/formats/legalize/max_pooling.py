"""Max pooling with dilation or with windows of several sizes → max pooling of gathered rows and columns.

    max_pool(x, kernel k, dilation d)  →  max_pool(x[rows of window 0, rows of window 1, …], kernel k, stride k)

Windows of fewer elements, at the border or in adaptive pooling, repeat one of their elements: the maximum is the same.
Core ML's and onnx2tf's pools have no dilation; ExecuTorch and torch's ONNX exporter have no adaptive max pooling.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from edge_export.formats.legalize.rule import Rule

Windows = list[list[int]]
"""The elements of each window along one axis. All windows have the same length."""


def _dilated(
    x: Tensor,
    kernel_size: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0,),
    dilation: Sequence[int] = (1,),
    ceil_mode: bool = False,
) -> Any:
    axes = 2
    kernel, steps, pads, gaps = (
        list(values) * (axes if len(values) == 1 else 1)
        for values in (kernel_size, stride or kernel_size, padding, dilation)
    )
    if all(gap == 1 for gap in gaps):
        return NotImplemented
    sizes = F.max_pool2d(x, kernel, steps, pads, gaps, ceil_mode).shape[-axes:]
    along = []
    for size, count, k, step, pad, gap in zip(x.shape[-axes:], sizes, kernel, steps, pads, gaps, strict=True):
        places = [[window * step - pad + tap * gap for tap in range(k)] for window in range(count)]
        along.append(_filled([[place for place in window if 0 <= place < size] for window in places]))
    return _pooled(x, along)


def _adaptive(axes: int) -> Any:
    def pool(x: Tensor, output_size: Sequence[int]) -> Any:
        along = []
        for size, count in zip(x.shape[-axes:], output_size, strict=True):
            along.append(
                _filled([list(range(i * size // count, -(-(i + 1) * size // count))) for i in range(count)])
            )
        if axes == 1:
            return _pooled(x.unsqueeze(-2), [[[0]], *along]).squeeze(-2), None
        return _pooled(x, along), None

    return pool


def _filled(windows: Windows) -> Windows:
    longest = max(map(len, windows))
    return [[*window, *[window[-1]] * (longest - len(window))] for window in windows]


def _pooled(x: Tensor, along: list[Windows]) -> Tensor:
    for axis, windows in zip((-2, -1), along, strict=True):
        order = [place for window in windows for place in window]
        if order != list(range(x.shape[axis])):
            x = x.index_select(axis, torch.tensor(order))
    kernel = [len(windows[0]) for windows in along]
    return F.max_pool2d(x, kernel, kernel)


_aten = torch.ops.aten
DILATED = Rule("dilated max pooling", ("coreml", "tflite"), {_aten.max_pool2d.default: _dilated})
ADAPTIVE = Rule(
    "adaptive max pooling",
    ("executorch", "tflite"),
    {_aten.adaptive_max_pool1d.default: _adaptive(1), _aten.adaptive_max_pool2d.default: _adaptive(2)},
)
