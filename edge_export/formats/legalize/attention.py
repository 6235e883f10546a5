"""Attention of which a converter changes or lacks a part → the same with plain arguments.

enable_gqa                  every head of k and v repeated for its group of queries
a query that may see nothing
    softmax(−∞, …, −∞)      0, as PyTorch defines it; a converter's mask of large numbers would let it see everything,
                            and one of −∞ gives NaN

    out = attention(q, k, v, mask or 0) [some mask_j > −∞]

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

_HIDDEN = -1e9
_LEAST = torch.finfo(torch.float32).min
"""The least number that is no infinity: a row of it alone sees everything."""


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
    is_blind = attn_mask is not None and _may_hide_all(attn_mask)
    if not grouped and not is_blind:
        return NotImplemented
    if grouped:
        k, v = (_repeated(each, q.shape[-3] // k.shape[-3]) for each in (k, v))
    if attn_mask is None or not is_blind:
        return F.scaled_dot_product_attention(q, k, v, attn_mask, dropout_p, is_causal, scale=scale)
    if attn_mask.dtype == torch.bool:
        nothing = torch.zeros([1] * attn_mask.dim(), dtype=q.dtype)
        mask = torch.where(attn_mask, nothing, nothing + _HIDDEN)
        sees = attn_mask.to(q.dtype).sum(-1, keepdim=True) > 0
        out = F.scaled_dot_product_attention(q, k, v, mask, dropout_p, is_causal, scale=scale)
    else:  # in full: the rule would be for attention with a mask of numbers again
        sees = attn_mask.amax(-1, keepdim=True) >= _LEAST
        mask = torch.where(sees, attn_mask, torch.zeros([1] * attn_mask.dim(), dtype=attn_mask.dtype))
        factor = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
        out = torch.softmax(q * factor @ k.transpose(-2, -1) + mask, -1) @ v
    return out * sees.to(q.dtype)


def _may_hide_all(mask: Tensor) -> bool:
    """Whether a row of a mask may let its query see nothing."""
    if isinstance(mask, FakeTensor):
        return True
    seen = mask if mask.dtype == torch.bool else mask >= _LEAST
    return not bool(seen.any(-1).all())


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
RULE = Rule("attention", ("coreml", "tflite"), {torch.ops.aten.scaled_dot_product_attention.default: _attention})
