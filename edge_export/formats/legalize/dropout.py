"""Noise of training, in an inference network → what is left of it.

dropout, feature_dropout, alpha_dropout, feature_alpha_dropout     x, unless they are told to train
rrelu                                                              leaky_relu of the mean slope
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from edge_export.formats.legalize.rule import Refused, Rule

_aten = torch.ops.aten


def _dropout(x: Tensor, p: float, train: bool) -> Any:
    return Refused("it draws random numbers") if train and p else x


def _rrelu(x: Tensor, noise: Tensor, lower: float, upper: float, training: bool = False, *_: Any) -> Any:
    if training and lower != upper:
        return Refused("it draws random numbers")
    return torch.nn.functional.leaky_relu(x, (lower + upper) / 2), noise


def _rrelu_alone(x: Tensor, noise: Tensor, *options: Any) -> Any:
    found = _rrelu(x, noise, *options)
    return found if isinstance(found, Refused) else found[0]


def _rrelu_without_noise(
    x: Tensor, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False, generator: Any = None
) -> Any:
    return _rrelu_alone(x, x, lower, upper, training)


NOISE = Rule(
    "leaky slopes by chance",
    ("executorch", "coreml", "tflite"),
    {
        _aten.rrelu.default: _rrelu_without_noise,
        _aten.rrelu_with_noise.default: _rrelu_alone,
        _aten.rrelu_with_noise_functional.default: _rrelu,
    },
)
RULE = Rule(
    "dropout",
    ("executorch", "coreml", "tflite"),
    dict.fromkeys(
        (_aten.feature_dropout.default, _aten.alpha_dropout.default, _aten.feature_alpha_dropout.default), _dropout
    ),
)
