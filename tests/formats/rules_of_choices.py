"""Calls of operators on integers and choices, and the rule that is for each."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from rules_of_layers import SEQUENCE


def whole(x: torch.Tensor) -> torch.Tensor:
    """Integers up to ±27."""
    return (x.clamp(-3, 3) * 9).long()


CHOICES: dict[str, tuple[str, tuple[int, ...], Callable[..., Any]]] = {
    # the rule, the shape of x, the function
    "chosen": (
        "choices of small values",
        (1, 2, 8, 8),
        lambda s, x: (
            torch.where(x > 0, x, 0.5)
            + torch.where(x > 1, -1.0, x)
            + torch.where(x > 0.2, 1, 2)
            + torch.where(x < 0, torch.tensor([[[[0.1]], [[0.2]]]], dtype=x.dtype), torch.tensor(0.3, dtype=x.dtype))
        ),
    ),
    "chosen beside NaN": (
        "choices of different shapes",
        SEQUENCE,
        lambda s, x: (
            torch.where(x > 0, x.log(), 0.5)
            + x.sqrt().masked_fill(x < 0, 0.7)
            + torch.where(x.amin(1, keepdim=True) > -1, (x + 1).log(), 0.0)
        ),
    ),
    "nan_to_num": (
        "numbers for NaN",
        SEQUENCE,
        lambda s, x: (
            x.sqrt().nan_to_num(0.3)
            + (x.sign() / 0).nan_to_num(0, 2, -3)
            + x.sqrt().nansum(1, keepdim=True)
            + x.sqrt().nanmean()
        ),
    ),
    "where of one value": (
        "choices of different shapes",
        SEQUENCE,
        lambda s, x: torch.where(x > 0, torch.log(x), 0.0) + torch.where(x[:, :1] > 0, x.sign().long(), 7),
    ),
    "masked_fill of what is not finite": (
        "choices of different shapes",
        SEQUENCE,
        lambda s, x: torch.softmax((1 / x.relu()).masked_fill(x <= 0.1, 0.0).masked_fill(x > 1, -math.inf), -1),
    ),
    "bits": (
        "bits",
        SEQUENCE,
        lambda s, x: ((whole(x) & 5) + (whole(x) | 12) + (whole(x) ^ 3) + (whole(x) << 2) + (whole(x) >> 1)).to(
            x.dtype
        ),
    ),
    "long integers": (
        "sizes of long integers",
        SEQUENCE,
        lambda s, x: whole(x).abs().to(x.dtype),
    ),
    "largest long integer": (
        "sizes of long integers",
        SEQUENCE,
        lambda s, x: whole(x).argmax(2).to(x.dtype),
    ),
    "divided integers": (
        "floored division",
        SEQUENCE,
        lambda s, x: x.gather(2, whole(x).abs() // 8) + (whole(x) // 3).fmod(4).to(x.dtype),
    ),
    "truncated integers": (
        "floored division",
        SEQUENCE,
        lambda s, x: torch.div(whole(x), whole(x)[:, :1].abs() + 2, rounding_mode="trunc").to(x.dtype),
    ),
    "scattered number": (
        "one value scattered among others of another type",
        SEQUENCE,
        lambda s, x: (
            torch.zeros_like(x).scatter(2, whole(x)[..., :2].abs() // 8, 1)
            + torch.zeros_like(x).bool().scatter(2, whole(x)[..., :2].abs() // 8, True)
        ),
    ),
    "where of types": (
        "choices between types",
        SEQUENCE,
        lambda s, x: torch.where(x > 0, whole(x), 0.5) + torch.where(x > 0, whole(x), x),
    ),
}
