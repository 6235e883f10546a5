"""Small things that every piece of a streaming step needs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

_MAX_AT_ONCE = 4
"""XNNPACK joins at most five tensors at once; four divide evenly."""


def fixed(module: nn.Module, name: str, value: Tensor) -> None:
    """Give `module` a trained or folded weight that is rounded to float32 here, once."""
    module.register_parameter(name, nn.Parameter(value.detach().float().contiguous(), requires_grad=False))


def constant(module: nn.Module, name: str, value: Tensor) -> None:
    """Give `module` a matrix that no training made, such as a transform's; it does not count as a parameter."""
    module.register_buffer(name, value.detach().float().contiguous())


def linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    """A linear layer with these weights `(out, in)` and biases `(out,)`, rounded to float32."""
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    fixed(layer, "weight", weight)
    fixed(layer, "bias", bias)
    return layer


def join(parts: Sequence[Tensor], dim: int) -> Tensor:
    """Concatenate any number of tensors, a few at a time."""
    while len(parts) > 1:
        groups = [parts[i : i + _MAX_AT_ONCE] for i in range(0, len(parts), _MAX_AT_ONCE)]
        parts = [group[0] if len(group) == 1 else torch.cat(tuple(group), dim) for group in groups]
    return parts[0]


def part(x: Tensor, dim: int, start: int, stop: int) -> Tensor:
    """`x` from `start` to `stop` along `dim`; `x` itself where that is all: converters stumble over an empty cut."""
    if (start, stop) == (0, x.shape[dim]):
        return x
    return x[(slice(None),) * dim + (slice(start, stop),)]


def rows_of(column: Tensor, rows: int) -> Tensor:
    """A constant `(made for, 1)` of equal numbers as `(rows, 1)`: whole recordings have more rows than a step."""
    return column if len(column) == rows else column[:1].expand(rows, 1)


def swap(x: Tensor) -> Tensor:
    """`(a, b, c)` to `(b, a, c)`; only a view when one of the two is 1."""
    a, b, c = x.shape
    return x.view(b, a, c) if 1 in (a, b) else x.permute(1, 0, 2)


def shaped(x: Tensor, *shape: int) -> Tensor:
    """`x` in another shape; `x` itself if it has it: converters stumble over a reshape that does nothing."""
    return x if x.shape == shape else x.reshape(shape)
