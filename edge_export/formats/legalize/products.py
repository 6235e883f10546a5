"""The product of all values along an axis → log₂ n products of one half with the other.

prod(x)     x[: n / 2] · x[n / 2 :] until one is left, an odd one out multiplied last; coremltools has none
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from edge_export.formats.legalize.rule import Rule

_aten = torch.ops.aten


def product(x: Tensor, dim: int) -> Tensor:
    """Returns the product along an axis, without it. There must be a value."""
    x = x.movedim(dim, -1)
    while (size := x.shape[-1]) > 1:
        half = size // 2
        y = x[..., :half] * x[..., half : 2 * half]
        x = y if size % 2 == 0 else torch.cat([y, x[..., 2 * half :]], -1)
    return x.squeeze(-1)


def _along(x: Tensor, dim: int, keepdim: bool = False, *, dtype: torch.dtype | None = None) -> Any:
    dtype = dtype or (x.dtype if x.is_floating_point() else torch.int64)
    x = x if x.dtype == dtype else x.to(dtype)
    if not x.dim():
        return x
    if not x.shape[dim]:
        return NotImplemented
    y = product(x, dim)
    return y.unsqueeze(dim) if keepdim else y


def _of_all(x: Tensor, *, dtype: torch.dtype | None = None) -> Any:
    return _along(x.reshape(-1), 0, dtype=dtype)


RULE = Rule("products of all", ("coreml",), {_aten.prod.dim_int: _along, _aten.prod.default: _of_all})
