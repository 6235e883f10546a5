"""Dropout of an inference network → its input.

dropout, feature_dropout, alpha_dropout, feature_alpha_dropout     x, unless they are told to train
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from edge_export.formats.legalize.rule import Refused, Rule

_aten = torch.ops.aten


def _dropout(x: Tensor, p: float, train: bool) -> Any:
    return Refused("it draws random numbers") if train and p else x


RULE = Rule(
    "dropout",
    ("executorch", "coreml", "tflite"),
    dict.fromkeys(
        (_aten.feature_dropout.default, _aten.alpha_dropout.default, _aten.feature_alpha_dropout.default), _dropout
    ),
)
