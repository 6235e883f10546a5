"""Operators that PyTorch itself writes with simpler ones, for a converter that lacks them or gets them wrong."""

from __future__ import annotations

from typing import Any

import torch
from torch._decomp import decomposition_table

from edge_export.formats.legalize.rule import Rule

_aten = torch.ops.aten
_OPERATORS: tuple[Any, ...] = (
    _aten.addcmul.default,
    _aten.channel_shuffle.default,
    _aten.cosine_similarity.default,
    _aten.nan_to_num.default,
    _aten.rot90.default,
    _aten.take_along_dim.default,
)


def _decomposed(operator: Any) -> Any:
    """Returns PyTorch's own decomposition of an operator."""
    return decomposition_table.get(operator) or operator.decompose


COREML = Rule("composites of Core ML", ("coreml",), {operator: _decomposed(operator) for operator in _OPERATORS})
