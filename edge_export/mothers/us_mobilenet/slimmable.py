"""Layers that run at any width: with the first n of their channels (arXiv 1903.05134).

A narrower layer is a slice of the full one: `weight[:active_out, :active_in]`. The active inputs are read off the input
tensor, the active outputs are given by the caller, so that no layer carries a width as hidden state. Each layer's
`extract` gives torch's own layer with a copy of the slice.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


def make_divisible(value: float, divisor: int = 8, min_value: int = 1) -> int:
    """`value` channels rounded to a multiple of `divisor`, never below 90 % of `value`.

    The rule of the published US-MobileNets: the nearest multiple, at least `min_value`, one `divisor` more where the
    result lost more than a tenth.
    """
    rounded = max(min_value, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


class AverageScale(nn.Module):
    """`y = x · factor`: what an extracted member keeps of a layer averaged over its inputs, until it is baked away."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """`x` of any shape, times the factor."""
        return x * self.factor

    def extra_repr(self) -> str:
        return f"factor={self.factor}"


class SlimmableConv2d(nn.Conv2d):
    """A 2-D convolution of the first n input and output channels; dense or depthwise.

    With `averaged`, the whole output (the bias, if any, included) is multiplied by `full_in / active_in`: the sum over
    the inputs becomes a mean over the active ones, scaled so that nothing changes at full width (arXiv 1903.05134).
    A depthwise convolution sums over a single channel at any width and is never averaged.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        depthwise: bool = False,
        bias: bool = False,
        averaged: bool = False,
    ) -> None:
        """Raises ValueError for a depthwise convolution with `in_channels != out_channels`."""
        if depthwise and in_channels != out_channels:
            raise ValueError(f"a depthwise convolution keeps its channels, not {in_channels} -> {out_channels}")
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride=stride,
            padding=kernel_size // 2,
            groups=in_channels if depthwise else 1,
            bias=bias,
        )
        self.depthwise = depthwise
        self.averaged = averaged and not depthwise

    def average_factor(self, active_in: int) -> float:
        """What the output is multiplied by: `full_in / active_in` where the layer is averaged, else 1."""
        return self.in_channels / active_in if self.averaged else 1.0

    def forward(self, input: Tensor, active_out: int | None = None) -> Tensor:
        """`(batch, active_in, height, width)` to `(batch, active_out, …)`; `active_out` None: all of them."""
        active_in = input.shape[1]
        weight, bias, groups = self._slice(active_in, active_out)
        y = functional.conv2d(input, weight, bias, self.stride, self.padding, self.dilation, groups)  # type: ignore[arg-type]
        factor = self.average_factor(active_in)
        return y if factor == 1.0 else y * factor

    def extract(self, active_in: int, active_out: int | None = None) -> nn.Conv2d:
        """A plain convolution with copied weights, without the average: see `average_factor`."""
        weight, bias, groups = self._slice(active_in, active_out)
        conv = nn.Conv2d(
            active_in,
            weight.shape[0],
            self.kernel_size,  # type: ignore[arg-type]
            self.stride,  # type: ignore[arg-type]
            self.padding,  # type: ignore[arg-type]
            groups=groups,
            bias=bias is not None,
        )
        _copy_parameters(conv, weight, bias)
        return conv

    def _slice(self, active_in: int, active_out: int | None) -> tuple[Tensor, Tensor | None, int]:
        if active_out is None:
            active_out = active_in if self.depthwise else self.out_channels
        _check_active("input channels", active_in, self.in_channels)
        _check_active("output channels", active_out, self.out_channels)
        if self.depthwise and active_in != active_out:
            raise ValueError(f"a depthwise convolution keeps its channels, not {active_in} -> {active_out}")
        weight = self.weight[:active_out] if self.depthwise else self.weight[:active_out, :active_in]
        bias = None if self.bias is None else self.bias[:active_out]
        return weight, bias, active_in if self.depthwise else 1


class SlimmableLinear(nn.Linear):
    """A linear layer of the first n input and output features; averaged like `SlimmableConv2d`."""

    def __init__(self, in_features: int, out_features: int, *, bias: bool = True, averaged: bool = False) -> None:
        super().__init__(in_features, out_features, bias=bias)
        self.averaged = averaged

    def average_factor(self, active_in: int) -> float:
        """What the output is multiplied by: `full_in / active_in` where the layer is averaged, else 1."""
        return self.in_features / active_in if self.averaged else 1.0

    def forward(self, input: Tensor, active_out: int | None = None) -> Tensor:
        """`(…, active_in)` to `(…, active_out)`; `active_out` None: all of them."""
        active_in = input.shape[-1]
        weight, bias = self._slice(active_in, active_out)
        y = functional.linear(input, weight, bias)
        factor = self.average_factor(active_in)
        return y if factor == 1.0 else y * factor

    def extract(self, active_in: int, active_out: int | None = None) -> nn.Linear:
        """A plain linear layer with copied weights, without the average: see `average_factor`."""
        weight, bias = self._slice(active_in, active_out)
        linear = nn.Linear(active_in, weight.shape[0], bias=bias is not None)
        _copy_parameters(linear, weight, bias)
        return linear

    def _slice(self, active_in: int, active_out: int | None) -> tuple[Tensor, Tensor | None]:
        active_out = self.out_features if active_out is None else active_out
        _check_active("input features", active_in, self.in_features)
        _check_active("output features", active_out, self.out_features)
        return self.weight[:active_out, :active_in], None if self.bias is None else self.bias[:active_out]


class ListedStatistics(nn.Module):
    """Running statistics of one listed width; no BatchNorm, so that calibrating one width leaves the others alone."""

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.register_buffer("num_batches_tracked", torch.tensor(0, dtype=torch.long))


class SlimmableBatchNorm2d(nn.BatchNorm2d):
    """BatchNorm of the first n channels; weight and bias are shared by all widths.

    The statistics of n active channels are the first n of one full-size set (arXiv 1903.05134: they are
    computed after training, for one width at a time). With `listed_features` there is one more set for each listed
    width, `bn.<i>`, as in the published checkpoints; the full-size set then serves the other widths and is not saved.
    """

    def __init__(self, num_features: int, listed_features: tuple[int, ...] = ()) -> None:
        super().__init__(num_features)
        if listed_features:
            self.bn = nn.ModuleList(ListedStatistics(features) for features in listed_features)
            for name in ("running_mean", "running_var", "num_batches_tracked"):
                self.register_buffer(name, getattr(self, name), persistent=False)

    def forward(self, input: Tensor, listed: int | None = None) -> Tensor:
        """`(batch, active, height, width)` normalized.

        In training mode by the batch, whose statistics update the running ones in place: with `momentum`, or as the
        cumulative average over all batches since the last reset when `momentum` is None.

        Args:
            input: The active channels.
            listed: The index of the listed width whose statistics to use and update; None: the full-size set.
        """
        active = input.shape[1]
        statistics = self._statistics(listed)
        # Slices are views: torch updates the running statistics of the active channels in place.
        running_mean, running_var = statistics.running_mean[:active], statistics.running_var[:active]
        factor = 0.0
        if self.training:
            statistics.num_batches_tracked.add_(1)
            factor = 1.0 / int(statistics.num_batches_tracked) if self.momentum is None else self.momentum
        return functional.batch_norm(
            input,
            running_mean,
            running_var,
            self.weight[:active],
            self.bias[:active],
            self.training,
            factor,
            self.eps,
        )

    def reset_running_stats(self) -> None:
        """Forget the full-size set, and let the next calibration of a listed width start anew.

        The listed values stay, for the widths that are not calibrated: the first batch of a cumulative average has
        weight 1 and overwrites them.
        """
        super().reset_running_stats()
        for statistics in getattr(self, "bn", ()):
            statistics.num_batches_tracked.zero_()

    def has_listed_statistics(self, listed: int) -> bool:
        """Whether the listed width's statistics are more than their initial values."""
        statistics = self._statistics(listed)
        return bool(statistics.running_mean.any()) or not bool((statistics.running_var == 1).all())

    def extract(self, active: int, listed: int | None = None) -> nn.BatchNorm2d:
        """A plain BatchNorm in eval mode with copied parameters and statistics."""
        _check_active("channels", active, self.num_features)
        plain = nn.BatchNorm2d(active, self.eps, self.momentum)
        statistics = self._statistics(listed)
        with torch.no_grad():
            plain.weight.copy_(self.weight[:active])
            plain.bias.copy_(self.bias[:active])
            for name in ("running_mean", "running_var"):
                getattr(plain, name).copy_(getattr(statistics, name)[:active])
            plain.get_buffer("num_batches_tracked").copy_(statistics.num_batches_tracked)
        return plain.eval()

    def _statistics(self, listed: int | None) -> Any:
        # A BatchNorm without lists serves every width with its one set.
        return self if listed is None or not hasattr(self, "bn") else self.bn[listed]

    def _load_from_state_dict(self, *args: Any) -> None:
        # Not BatchNorm's own: it adds a `num_batches_tracked` to old state dicts, unknown to a layer with lists.
        nn.Module._load_from_state_dict(self, *args)


def _check_active(what: str, active: int, full: int) -> None:
    if not 1 <= active <= full:
        raise ValueError(f"{active} {what} are active, but the layer has {full}")


def _copy_parameters(layer: nn.Conv2d | nn.Linear, weight: Tensor, bias: Tensor | None) -> None:
    with torch.no_grad():
        layer.weight.copy_(weight)
        if bias is not None and layer.bias is not None:
            layer.bias.copy_(bias)
