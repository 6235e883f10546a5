"""Normalization that coremltools lacks or gets wrong → sums and products.

RMSNorm                          γ x / √(mean x² + ε)
InstanceNorm with statistics     x a + c,   a = γ / √(σ² + ε),   c = β − μ a
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from edge_export.formats.legalize.rule import Rule


def _rms_norm(
    x: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Any:
    axes = list(range(-len(normalized_shape), 0))
    least = torch.finfo(x.dtype).eps if eps is None else eps
    y = x / torch.sqrt((x * x).mean(axes, keepdim=True) + least)
    return y if weight is None else y * weight


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
    if use_input_stats or mean is None or variance is None:
        return NotImplemented
    scale = torch.rsqrt(variance + eps)
    scale = scale if weight is None else scale * weight
    shift = -mean * scale if bias is None else bias - mean * scale
    each = (-1, *[1] * (x.dim() - 2))
    return x * scale.view(each) + shift.view(each)


_aten = torch.ops.aten
RULE = Rule(
    "normalization", ("coreml",), {_aten.rms_norm.default: _rms_norm, _aten.instance_norm.default: _instance_norm}
)
