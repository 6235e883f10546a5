"""Parts of pictures, such as every second pixel, joined as channels → joined as rows of pixels, and back.

cat([a, b], 1) of (n, c, h, w)     cat([a as (n, c, h w), b as (n, c, h w)], 1) as (n, 2 c, h, w)

Where no convolution reads what was joined, onnx2tf keeps the slices as they are, but joins them along the last axis, as
channels lie in its own layout.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.fx import Node

from edge_export.formats.legalize.rule import Rule

_aten = torch.ops.aten
_SLICES = (_aten.slice.Tensor,)
_CONVOLUTIONS = tuple(getattr(_aten, name).default for name in ("conv2d", "convolution", "max_pool2d", "avg_pool2d"))
_MOST_STEPS = 8


def _reaches(start: Node, targets: Sequence[Any], next_to: Callable[[Node], Iterable[Node]]) -> bool:
    """Whether one of the operators is reached over values of one shape."""
    level = [start]
    for _ in range(_MOST_STEPS):
        level = [each for node in level for each in next_to(node)]
        if any(node.target in targets for node in level):
            return True
        level = [node for node in level if _shape(node) == _shape(level[0]) and len(_shape(node)) == 4]
    return False


def _shape(node: Node) -> tuple[int, ...]:
    return tuple(getattr(node.meta.get("val"), "shape", ()))


def _joins_slices(node: Node) -> bool:
    return _reaches(node, _SLICES, lambda each: each.all_input_nodes) and not _reaches(
        node, _CONVOLUTIONS, lambda each: each.users
    )


def _as_rows(parts: Sequence[Tensor], dim: int = 0) -> Any:
    if dim not in (1, -3) or any(part.dim() != 4 for part in parts):
        return NotImplemented
    joined = torch.cat([part.flatten(2) for part in parts], 1)
    return joined.reshape(*joined.shape[:2], *parts[0].shape[2:])


RULE = Rule("joined slices", ("tflite",), {_aten.cat.default: _as_rows}, concerns=_joins_slices)
