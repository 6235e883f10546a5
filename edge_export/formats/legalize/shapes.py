"""Changes of shape that torch's ONNX exporter or onnx2tf gets wrong → reshapes, transpositions and picked rows.

    flip                 index_select of the reversed places       a slice of step −1 has no operator in LiteRT
    pixel_unshuffle      reshape, permute, reshape                 the exporter's file is wrong
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from edge_export.formats.legalize.rule import Rule


def _flip(x: Tensor, dims: Sequence[int]) -> Any:
    for axis in dims:
        x = x.index_select(axis, torch.arange(x.shape[axis] - 1, -1, -1))
    return x


def _pixel_unshuffle(x: Tensor, factor: int) -> Any:
    *outer, channels, height, width = x.shape
    rows, columns = height // factor, width // factor
    blocks = x.reshape(-1, channels, rows, factor, columns, factor).permute(0, 1, 3, 5, 2, 4)
    return blocks.reshape(*outer, channels * factor * factor, rows, columns)


_aten = torch.ops.aten
RULE = Rule(
    "shapes", ("tflite",), {_aten.flip.default: _flip, _aten.pixel_unshuffle.default: _pixel_unshuffle}
)
