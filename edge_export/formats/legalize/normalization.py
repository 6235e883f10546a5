"""Normalization that coremltools lacks or gets wrong → sums and products.

RMSNorm                          γ x / √(mean x² + ε)
InstanceNorm with statistics     x a + c,   a = γ / √(σ² + ε),   c = β − μ a
BatchNorm with its input's own   (x − μ) / √(σ² + ε) γ + β,   μ and σ² of each channel, divided by the count
InstanceNorm with its input's    the same without running statistics beside it, which ExecuTorch lacks
std, var of all values           the same along every axis: coremltools divides by the count
std_mean, var_mean               std or var, and the mean: ExecuTorch and coremltools have no operator of both
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from edge_export.formats.legalize.rule import Rule


def _rms_norm(
    x: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Any:
    axes = list(range(-len(normalized_shape), 0))
    least = torch.finfo(x.dtype).eps if eps is None else eps
    y = x / torch.sqrt((x * x).mean(axes, keepdim=True) + least)
    return y if weight is None else y * weight


def _instance_norm(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    mean: Tensor | None,
    variance: Tensor | None,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Any:
    if use_input_stats or mean is None or variance is None:
        return NotImplemented
    scale = torch.rsqrt(variance + eps)
    scale = scale if weight is None else scale * weight
    shift = -mean * scale if bias is None else bias - mean * scale
    each = (-1, *[1] * (x.dim() - 2))
    return x * scale.view(each) + shift.view(each)


def _own_statistics(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    mean: Tensor | None,
    variance: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
) -> Any:
    """Returns the result, the channels' means, and the inverses of their standard deviations."""
    if not training:
        return NotImplemented
    axes, each = [0, *range(2, x.dim())], (1, -1, *[1] * (x.dim() - 2))
    center = x.mean(axes, keepdim=True)
    apart = x - center
    scale = torch.rsqrt((apart * apart).mean(axes, keepdim=True) + eps)
    y = apart * scale
    y = y if weight is None else y * weight.reshape(each)
    y = y if bias is None else y + bias.reshape(each)
    return y, center.reshape(-1), scale.reshape(-1)


def _batch_norm(x: Tensor, *given: Any) -> Any:
    found = _own_statistics(x, *given[:7])
    return found if found is NotImplemented else found[0]


def _without_running(
    x: Tensor, weight: Tensor | None, bias: Tensor | None, training: bool, momentum: float, eps: float
) -> Any:
    return _own_statistics(x, weight, bias, None, None, training, momentum, eps)


def _functional(*given: Any) -> Any:
    found = _own_statistics(*given)
    return found if found is NotImplemented else (*found, None, None)


def _without_running_beside(x: Tensor, weight: Any, bias: Any, mean: Any, variance: Any, own: bool, *rest: Any) -> Any:
    if mean is None or not own:
        return NotImplemented
    return torch.ops.aten.instance_norm.default(x, weight, bias, None, None, own, *rest)


def _with_mean(spread: Any) -> Any:
    def both(x: Tensor, *where: Any, **named: Any) -> Any:
        is_of_all = not where or isinstance(where[0], bool)
        dims = [] if is_of_all else where[0]
        keepdim = named.get("keepdim", False) or (not is_of_all and len(where) > 2 and where[2])
        return spread(x, *where, **named), x.mean(dims or None, keepdim=keepdim)

    return both


def _of_all(spread: Any) -> Any:
    def of_all(
        x: Tensor, dim: Any = None, unbiased: bool = True, keepdim: bool = False, *, correction: float | None = None
    ) -> Any:
        if isinstance(dim, bool):  # of all axes, the first argument is `unbiased`
            dim, unbiased = None, dim
        if dim or not x.dim():
            return NotImplemented
        less = int(unbiased) if correction is None else correction
        return spread(x, list(range(x.dim())), correction=less, keepdim=keepdim)

    return of_all


_aten = torch.ops.aten
RULE = Rule(
    "normalization", ("coreml",), {_aten.rms_norm.default: _rms_norm, _aten.instance_norm.default: _instance_norm}
)
OF_ALL = Rule(
    "spreads of all values",
    ("coreml",),
    {
        getattr(packet, overload): _of_all(spread)
        for packet, spread in ((_aten.var, torch.var), (_aten.std, torch.std))
        for overload in ("default", "dim", "correction")
    },
)
BOTH = Rule(
    "spreads with their means",
    ("executorch", "coreml"),
    {
        getattr(packet, overload): _with_mean(spread)
        for packet, spread in ((_aten.var_mean, torch.var), (_aten.std_mean, torch.std))
        for overload in ("default", "dim", "correction")
    },
)
BESIDE_RUNNING = Rule(
    "statistics of the input beside running ones",
    ("executorch",),
    {_aten.instance_norm.default: _without_running_beside},
)
OWN_STATISTICS = Rule(
    "statistics of the input itself",
    ("coreml", "tflite"),
    {
        _aten.batch_norm.default: _batch_norm,
        _aten.native_batch_norm.default: _own_statistics,
        _aten._native_batch_norm_legit.no_stats: _without_running,
        _aten._native_batch_norm_legit_functional.default: _functional,
    },
)
