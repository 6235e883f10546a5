"""Values that are repeated for a reader that repeats them anyway → the values themselves.

    x · y.expand_as(x)           x · y
    x · ones(x.shape)            x · a one: `folding.py` keeps one place of each axis along which a constant repeats
    full_like, new_ones, …       a number, expanded; coremltools keeps the type of x where the call gives another

As they are, Core ML and TFLite files hold a constant of the full size for each, 3 MB for 64 channels of 112 × 112, and
ExecuTorch repeats the values in memory.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.fx import Node

from edge_export.formats.legalize.rule import Rule

_aten = torch.ops.aten
_BROADCASTING = frozenset(
    {
        *(_aten.add.Tensor, _aten.sub.Tensor, _aten.mul.Tensor, _aten.div.Tensor, _aten.div.Tensor_mode),
        *(_aten.rsub.Tensor, _aten.remainder.Tensor, _aten.fmod.Tensor, _aten.pow.Tensor_Tensor),
        *(_aten.maximum.default, _aten.minimum.default, _aten.atan2.default, _aten.where.self),
        *(_aten.eq.Tensor, _aten.ne.Tensor, _aten.lt.Tensor, _aten.le.Tensor, _aten.gt.Tensor, _aten.ge.Tensor),
        *(_aten.masked_fill.Scalar, _aten.masked_fill.Tensor),
        *(_aten.logical_and.default, _aten.logical_or.default, _aten.logical_xor.default),
    }
)
_EXPANSIONS = (_aten.expand.default, _aten.expand_as.default, _aten.broadcast_to.default, _aten.repeat.default)
_FEW = 128
"""Constants of fewer values may be repeated."""


def _is_needless(node: Node) -> bool:
    """Whether all readers of an expanded value give the same without the expansion."""
    return bool(node.users) and all(
        user.target in _BROADCASTING and _shape_of_sources(user) == tuple(user.meta["val"].shape) for user in node.users
    )


def _shape_of_sources(reader: Node) -> tuple[int, ...]:
    """Returns the shape of a reader's result if none of its operands were expanded."""
    return tuple(torch.broadcast_shapes(*(_source(each).meta["val"].shape for each in reader.all_input_nodes)))


def _source(operand: Node) -> Node:
    """Returns what an operand expands, or itself."""
    if operand.target not in _EXPANSIONS:
        return operand
    source = operand.all_input_nodes[0]
    shape, expanded = source.meta["val"].shape, operand.meta["val"].shape
    fits = all(size in (1, whole) for size, whole in zip(reversed(shape), reversed(expanded), strict=False))
    return source if fits else operand  # what `repeat` repeats may have more than one place


def _unexpanded(x: Tensor, *_arguments: Any, **_options: Any) -> Tensor:
    return x if x.dim() else x.reshape(1)  # a value without axes would decide no type


def _filled(shape: Sequence[int], value: Any, dtype: torch.dtype) -> Tensor:
    few = math.prod(shape) < _FEW
    return torch.full(shape if few else [1] * len(shape), value, dtype=dtype).expand(shape)


def _like(value: float) -> Any:
    def like(x: Tensor, *, dtype: torch.dtype | None = None, **_options: Any) -> Any:
        return _filled(x.shape, value, dtype or x.dtype)

    return like


def _full_like(x: Tensor, value: Any, *, dtype: torch.dtype | None = None, **_options: Any) -> Any:
    return _filled(x.shape, value, dtype or x.dtype)


def _new(value: float) -> Any:
    def new(x: Tensor, size: Sequence[int], *, dtype: torch.dtype | None = None, **_options: Any) -> Any:
        return _filled(size, value, dtype or x.dtype)

    return new


def _new_full(x: Tensor, size: Sequence[int], value: Any, *, dtype: torch.dtype | None = None, **_options: Any) -> Any:
    return _filled(size, value, dtype or x.dtype)


EXPANDED = Rule(
    "expanded values",
    ("executorch", "coreml", "tflite", "coreai"),
    dict.fromkeys(_EXPANSIONS, _unexpanded),
    _is_needless,
)
FILLED = Rule(
    "filled values",
    ("coreml", "tflite"),
    {
        _aten.full_like.default: _full_like,
        _aten.zeros_like.default: _like(0),
        _aten.ones_like.default: _like(1),
        _aten.new_full.default: _new_full,
        _aten.new_zeros.default: _new(0),
        _aten.new_ones.default: _new(1),
    },
)
