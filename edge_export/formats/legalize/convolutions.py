"""Convolution along one axis → of a picture one pixel high.

onnx2tf gives a convolution the batch 1, whatever it is, and has no dilated transposed one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from edge_export.formats.legalize.rule import Rule
from edge_export.formats.legalize.windows import per_axis


def _convolution(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sequence[int] = (1,),
    padding: Sequence[int] | str = (0,),
    dilation: Sequence[int] = (1,),
    groups: int = 1,
) -> Any:
    if x.dim() < 3 or x.shape[0] == 1:
        return NotImplemented
    pads = padding if isinstance(padding, str) else [0, *per_axis(padding, 1)]
    steps, gaps = [1, *per_axis(stride, 1)], [1, *per_axis(dilation, 1)]
    return F.conv2d(x.unsqueeze(2), weight.unsqueeze(2), bias, steps, pads, gaps, groups).squeeze(2)


def _transposed(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sequence[int] = (1,),
    padding: Sequence[int] = (0,),
    output_padding: Sequence[int] = (0,),
    groups: int = 1,
    dilation: Sequence[int] = (1,),
) -> Any:
    gap = per_axis(dilation, 1)
    if (x.dim() < 3 or x.shape[0] == 1) and gap == per_axis((1,), 1):
        return NotImplemented
    pads, missing = [0, *per_axis(padding, 1)], [0, *per_axis(output_padding, 1)]
    picture = x.unsqueeze(-2) if x.dim() == 3 else x.unsqueeze(-2)[None]
    y = F.conv_transpose2d(
        picture, weight.unsqueeze(2), bias, [1, *per_axis(stride, 1)], pads, missing, groups, [1, *gap]
    ).squeeze(2)
    return y if x.dim() == 3 else y[0]


_aten = torch.ops.aten
RULE = Rule(
    "convolution along one axis",
    ("tflite",),
    {
        _aten.conv1d.default: _convolution,
        _aten.conv1d.padding: _convolution,
        _aten.conv_transpose1d.default: _transposed,
    },
)
