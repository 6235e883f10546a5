"""Attention of which a converter changes or lacks a part → the same with plain arguments.

enable_gqa                  every head of k and v repeated for its group of queries
a query that may see nothing
    softmax(−∞, …, −∞)      0, as PyTorch defines it; a converter's mask of large numbers would let it see everything

    out = attention(q, k, v, mask) [some mask_j]

other axes than (batch, heads, steps, features)     torch's ONNX exporter takes these four only
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch._subclasses import FakeTensor
from torch.nn import functional as F

from edge_export.formats.legalize.rule import Rule


def _repeated(x: Tensor, times: int) -> Tensor:
    *outer, heads, steps, features = x.shape
    groups = x.unsqueeze(-3).expand(*outer, heads, times, steps, features)
    return groups.reshape(*outer, heads * times, steps, features)


def _attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    grouped = enable_gqa and q.shape[-3] != k.shape[-3]
    is_blind = attn_mask is not None and attn_mask.dtype == torch.bool
    if is_blind and attn_mask is not None and not isinstance(attn_mask, FakeTensor):
        is_blind = not bool(attn_mask.any(-1).all())
    if not grouped and not is_blind:
        return NotImplemented
    if grouped:
        k, v = (_repeated(each, q.shape[-3] // k.shape[-3]) for each in (k, v))
    mask = attn_mask
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        nothing = torch.zeros([1] * attn_mask.dim(), dtype=q.dtype)
        mask = torch.where(attn_mask, nothing, nothing - 1e9)
    out = F.scaled_dot_product_attention(q, k, v, mask, dropout_p, is_causal, scale=scale)
    if mask is attn_mask or attn_mask is None:
        return out
    return out * (attn_mask.to(q.dtype).sum(-1, keepdim=True) > 0).to(q.dtype)


def _of_four_axes(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    if q.dim() == k.dim() == v.dim() == 4 or enable_gqa:
        return NotImplemented
    outer = torch.broadcast_shapes(*(each.shape[:-2] for each in (q, k, v)))
    heads = (math.prod(outer[:-1]), outer[-1]) if outer else (1, 1)
    q, k, v = (each.expand(*outer, *each.shape[-2:]).reshape(*heads, *each.shape[-2:]) for each in (q, k, v))
    if attn_mask is not None and attn_mask.dim() > 2:
        attn_mask = attn_mask.expand(*outer, *attn_mask.shape[-2:]).reshape(*heads, *attn_mask.shape[-2:])
    out = F.scaled_dot_product_attention(q, k, v, attn_mask, dropout_p, is_causal, scale=scale)
    return out.reshape(*outer, *out.shape[-2:])


AXES = Rule(
    "attention of other axes", ("tflite",), {torch.ops.aten.scaled_dot_product_attention.default: _of_four_axes}
)
RULE = Rule("attention", ("coreml",), {torch.ops.aten.scaled_dot_product_attention.default: _attention})
