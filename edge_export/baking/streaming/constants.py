"""Small functions that the parts of a streaming step share."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

_MAX_AT_ONCE = 4
"""XNNPACK concatenates at most five tensors at once. Groups of four divide common counts evenly."""


def fixed(module: nn.Module, name: str, value: Tensor) -> None:
    """Registers a trained or folded weight in `module`. Its only rounding to float32 is here."""
    module.register_parameter(name, nn.Parameter(value.detach().float().contiguous(), requires_grad=False))


def constant(module: nn.Module, name: str, value: Tensor) -> None:
    """Registers an untrained matrix in `module`, such as that of a transform. It does not count as a parameter."""
    module.register_buffer(name, value.detach().float().contiguous())


def linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    """Returns a linear layer with weights `(out, in)` and biases `(out,)`, rounded to float32."""
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    fixed(layer, "weight", weight)
    fixed(layer, "bias", bias)
    return layer


def join(parts: Sequence[Tensor], dim: int) -> Tensor:
    """Concatenates any number of tensors, at most `_MAX_AT_ONCE` at a time."""
    while len(parts) > 1:
        groups = [parts[i : i + _MAX_AT_ONCE] for i in range(0, len(parts), _MAX_AT_ONCE)]
        parts = [group[0] if len(group) == 1 else torch.cat(tuple(group), dim) for group in groups]
    return parts[0]


def part(x: Tensor, dim: int, start: int, stop: int) -> Tensor:
    """Returns `x` from `start` to `stop` along `dim`.

    Returns `x` itself if that is all of it, because converters fail on a slice that removes nothing.
    """
    if (start, stop) == (0, x.shape[dim]):
        return x
    return x[(slice(None),) * dim + (slice(start, stop),)]


def rows_of(column: Tensor, rows: int) -> Tensor:
    """Returns a constant column of equal numbers, `(rows of a step, 1)`, as `(rows, 1)`.

    Whole recordings have more rows than a step.
    """
    return column if len(column) == rows else column[:1].expand(rows, 1)


def swap(x: Tensor) -> Tensor:
    """Swaps `(a, b, c)` to `(b, a, c)`. The result is a view if a or b is 1."""
    a, b, c = x.shape
    return x.view(b, a, c) if 1 in (a, b) else x.permute(1, 0, 2)


def shaped(x: Tensor, *shape: int) -> Tensor:
    """Reshapes `x`. Returns `x` itself if it has that shape, because converters fail on a reshape without effect."""
    return x if x.shape == shape else x.reshape(shape)
