"""Activations of which a converter drops an option → what they are made of.

gelu(tanh)          x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))      ExecuTorch and coremltools write the exact one
softplus(β, t)      x where βx > t, (max(βx, 0) + ln(1 + e^−|βx|)) / β elsewhere     coremltools ignores t; its operator
                    is 0 above x = 10.4 on the Neural Engine (apple/coremltools issue 2687)
mish                x tanh(max(x, 0) + ln(1 + e^−|x|))             likewise
celu(α)             max(0, x) + min(0, α (e^(x/α) − 1))
elu(α)              max(0, x) + min(0, α (eˣ − 1))                 the way by ONNX ignores α, Core AI has none
logsigmoid          −softplus(−x)
hardshrink(λ)       x where |x| > λ, 0 elsewhere
prelu               max(0, x) + w min(0, x)                        ExecuTorch's XNNPACK pass takes pictures only
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from edge_export.formats.legalize.rule import Rule


def _gelu(x: Tensor, *, approximate: str = "none") -> Any:
    if approximate != "tanh":
        return NotImplemented
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * (x * x * x))
    return 0.5 * x * (1.0 + torch.tanh(inner))


def _softplus(x: Tensor, beta: float = 1, threshold: float = 20) -> Tensor:
    scaled = x * float(beta)
    # ln(1 + eˣ) = max(x, 0) + ln(1 + e^−|x|), which no x is too large for
    y = (torch.relu(scaled) + torch.log(1.0 + torch.exp(-torch.abs(scaled)))) / float(beta)
    return torch.where(scaled > float(threshold), x, y)


def _mish(x: Tensor) -> Tensor:
    return x * torch.tanh(_softplus(x))


def _celu(x: Tensor, alpha: float = 1.0) -> Tensor:
    return torch.relu(x) + float(alpha) * (torch.exp(-torch.relu(-x) / float(alpha)) - 1.0)


def _scaled_elu(x: Tensor, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> Any:
    return NotImplemented if alpha == scale == input_scale == 1 else _elu(x, alpha, scale, input_scale)


def _elu(x: Tensor, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> Tensor:
    below = float(alpha) * (torch.exp(-torch.relu(-x) * float(input_scale)) - 1.0)
    return (torch.relu(x) + below) * float(scale)


def _selu(x: Tensor) -> Tensor:
    return _elu(x, 1.6732632423543772, 1.0507009873554805)


def _log_sigmoid(x: Tensor) -> Tensor:
    return -(torch.relu(-x) + torch.log(1.0 + torch.exp(-torch.abs(x))))


def _hardshrink(x: Tensor, lambd: float = 0.5) -> Tensor:
    return x * (torch.abs(x) > float(lambd)).to(x.dtype)


def _prelu(x: Tensor, weight: Tensor) -> Any:
    if x.dim() == 4:
        return NotImplemented
    slope = weight if weight.numel() == 1 else weight.reshape(-1, *[1] * (x.dim() - 2))
    return x.clamp(min=0.0) + slope * x.clamp(max=0.0)


_aten = torch.ops.aten
GELU = Rule("tanh GELU", ("executorch", "coreml"), {_aten.gelu.default: _gelu})
PRELU = Rule("PReLU", ("executorch",), {_aten.prelu.default: _prelu})
ELU = Rule("ELU", ("tflite",), {_aten.elu.default: _scaled_elu})
ANY_ELU = Rule("ELU of Core AI", ("coreai",), {_aten.elu.default: _elu, _aten.selu.default: _selu})
OTHERS = Rule(
    "activations",
    ("coreml",),
    {
        _aten.softplus.default: _softplus,
        _aten.mish.default: _mish,
        _aten.celu.default: _celu,
        _aten.log_sigmoid.default: _log_sigmoid,
        _aten.hardshrink.default: _hardshrink,
    },
)
