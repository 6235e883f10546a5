"""Pooling along one axis → the same of a picture one pixel high.

Behind a reshape, onnx2tf leaves shapes that LiteRT's XNNPACK refuses.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from edge_export.formats.legalize.rule import Rewrite, Rule
from edge_export.formats.legalize.windows import per_axis


def _as_picture(pool: Any) -> Rewrite:
    def pooled(
        x: Tensor, kernel_size: Sequence[int], stride: Sequence[int] = (), padding: Sequence[int] = (0,), *options: Any
    ) -> Any:
        kernel, step, pad = per_axis(kernel_size, 1), per_axis(stride or kernel_size, 1), per_axis(padding, 1)
        rows = x if x.dim() == 3 else x[None]
        y = pool(rows.unsqueeze(2), [1, *kernel], [1, *step], [0, *pad], *options).squeeze(2)
        return y if x.dim() == 3 else y[0]

    return pooled


def _largest(picture: Tensor, *where: Any) -> Any:
    kernel, step, pad, *options = where
    dilation = [1, *per_axis(options[0], 1)] if options else [1, 1]
    return F.max_pool2d(picture, kernel, step, pad, dilation, *options[1:])


_aten = torch.ops.aten
RULE = Rule(
    "pooling along one axis",
    ("tflite",),
    {_aten.max_pool1d.default: _as_picture(_largest), _aten.avg_pool1d.default: _as_picture(F.avg_pool2d)},
)
