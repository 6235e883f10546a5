"""Bags of embeddings and bilinear layers → products with matrices.

    embedding_bag     M @ W[indices], M = 1 where an index lies in a bag; the mean divides by the count, the largest is
                      that of the values in the bag. An empty bag is 0
    bilinear          y_o = Σ_j (Σ_i x_i W_oij) z_j + b_o

No converter takes the first, and coremltools and ExecuTorch not the second.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from edge_export.formats.legalize.rule import Refused, Rule

_MEAN, _LARGEST = 1, 2
_MOST = 2**22
"""Values of all bags with all embeddings: 16 MB of float32."""


def _bags(
    weight: Tensor,
    indices: Tensor,
    offsets: Tensor,
    scale_grad_by_freq: bool = False,
    mode: int = 0,
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Any:
    count = len(indices)
    begin = offsets.to(torch.int32).unsqueeze(1)
    if include_last_offset:
        begin, end = begin[:-1], begin[1:]
    else:
        end = torch.cat([begin[1:], torch.full([1, 1], count, dtype=torch.int32)])
    values = len(begin) * count * (weight.shape[1] if mode == _LARGEST else 1)
    if values > _MOST:
        return Refused(f"{values:,} values are more than {_MOST:,}: give it fewer indices")
    each = F.embedding(indices, weight)
    if per_sample_weights is not None:
        each = each * per_sample_weights.unsqueeze(1)
    place = torch.arange(count, dtype=torch.int32)
    is_in = torch.logical_and(place >= begin, place < end)
    if padding_idx is not None:
        is_in = torch.logical_and(is_in, indices.to(torch.int32) != padding_idx % len(weight))
    share = is_in.to(each.dtype)
    size = share.sum(1, keepdim=True)
    if mode == _LARGEST:
        none = torch.full([1, 1, 1], -math.inf, dtype=each.dtype)
        most = torch.where(is_in.unsqueeze(2), each, none).amax(1)
        return torch.where(size > 0, most, torch.zeros([1, 1], dtype=each.dtype)), None, None, None
    total = share @ each
    return total / (torch.relu(size - 1.0) + 1.0) if mode == _MEAN else total, None, None, None


def _bilinear(x: Tensor, z: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    out, inner, other = weight.shape
    rows = F.linear(x.reshape(-1, inner), weight.transpose(1, 2).reshape(out * other, inner))
    y = (rows.reshape(-1, out, other) * z.reshape(-1, 1, other)).sum(-1)
    y = y if bias is None else y + bias
    return y.reshape(*x.shape[:-1], out)


_aten = torch.ops.aten
BAGS = Rule(
    "bags of embeddings",
    ("executorch", "coreml", "tflite"),
    dict.fromkeys((_aten.embedding_bag.default, _aten.embedding_bag.padding_idx), _bags),
)
BILINEAR = Rule("bilinear layers", ("executorch", "coreml"), {_aten.bilinear.default: _bilinear})
