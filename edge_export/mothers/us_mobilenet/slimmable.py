"""Layers that run at any width, with the first n of their channels (arXiv 1903.05134).

A narrower layer is a slice of the full one: `weight[:active_out, :active_in]`. The shape of the input tensor gives the
active inputs, and the caller gives the active outputs, so no layer holds a width as hidden state. The `extract` method
of each layer returns torch's own layer with a copy of the slice.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


def make_divisible(value: float, divisor: int = 8, min_value: int = 1) -> int:
    """Rounds `value` channels to a multiple of `divisor`, never below 90 % of `value`.

    This is the rule of the published US-MobileNets: the nearest multiple, at least `min_value`. If that is less than
    90 % of `value`, one `divisor` more.
    """
    rounded = max(min_value, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


class AverageScale(nn.Module):
    """`y = x · factor`: the scale of an averaged layer in an extracted member. Baking folds it into weights."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """Multiplies `x`, of any shape, by the factor."""
        return x * self.factor

    def extra_repr(self) -> str:
        return f"factor={self.factor}"


class SlimmableConv2d(nn.Conv2d):
    """A 2-D convolution of the first n input and output channels; dense or depthwise.

    With `averaged`, the whole output, including the bias, is multiplied by `full_in / active_in`. The sum over the
    inputs becomes a mean over the active ones, scaled so that full width is unchanged (arXiv 1903.05134).
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
        """Returns the factor of the output: `full_in / active_in` if the layer is averaged, else 1."""
        return self.in_channels / active_in if self.averaged else 1.0

    def forward(self, input: Tensor, active_out: int | None = None) -> Tensor:
        """Maps `(batch, active_in, height, width)` to `(batch, active_out, …)`. `active_out` None: all channels."""
        active_in = input.shape[1]
        weight, bias, groups = self._slice(active_in, active_out)
        y = functional.conv2d(input, weight, bias, self.stride, self.padding, self.dilation, groups)  # type: ignore[arg-type]
        factor = self.average_factor(active_in)
        return y if factor == 1.0 else y * factor

    def extract(self, active_in: int, active_out: int | None = None) -> nn.Conv2d:
        """Returns a plain convolution with copied weights, without the average: see `average_factor`."""
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
        """Returns the factor of the output: `full_in / active_in` if the layer is averaged, else 1."""
        return self.in_features / active_in if self.averaged else 1.0

    def forward(self, input: Tensor, active_out: int | None = None) -> Tensor:
        """Maps `(…, active_in)` to `(…, active_out)`. `active_out` None: all features."""
        active_in = input.shape[-1]
        weight, bias = self._slice(active_in, active_out)
        y = functional.linear(input, weight, bias)
        factor = self.average_factor(active_in)
        return y if factor == 1.0 else y * factor

    def extract(self, active_in: int, active_out: int | None = None) -> nn.Linear:
        """Returns a plain linear layer with copied weights, without the average: see `average_factor`."""
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
    """The running statistics of one listed width. Not a BatchNorm, so that calibrating one width keeps the others."""

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.register_buffer("num_batches_tracked", torch.tensor(0, dtype=torch.long))


class SlimmableBatchNorm2d(nn.BatchNorm2d):
    """BatchNorm of the first n channels. All widths share weight and bias.

    The statistics of n active channels are the first n of one full-size set. They are computed after training, for one
    width at a time (arXiv 1903.05134). With `listed_features`, each listed width has its own set `bn.<i>`, as in the
    published checkpoints. The full-size set then serves the other widths and is not saved.
    """

    def __init__(self, num_features: int, listed_features: tuple[int, ...] = ()) -> None:
        super().__init__(num_features)
        if listed_features:
            self.bn = nn.ModuleList(ListedStatistics(features) for features in listed_features)
            for name in ("running_mean", "running_var", "num_batches_tracked"):
                self.register_buffer(name, getattr(self, name), persistent=False)

    def forward(self, input: Tensor, listed: int | None = None) -> Tensor:
        """Normalizes `(batch, active, height, width)`.

        In training mode it uses the statistics of the batch, which also update the running statistics in place. The
        update uses `momentum`. If `momentum` is None, it is the cumulative average over all batches since the last
        reset.

        Args:
            input: The active channels.
            listed: The index of the listed width whose statistics are used and updated; None: the full-size set.
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
        """Resets the full-size set and the batch counts of the listed sets.

        The listed values stay, for the widths that are not calibrated. In a calibration, the first batch of the
        cumulative average has weight 1 and overwrites them.
        """
        super().reset_running_stats()
        for statistics in getattr(self, "bn", ()):
            statistics.num_batches_tracked.zero_()

    def has_listed_statistics(self, listed: int) -> bool:
        """Returns whether the listed width's statistics differ from their initial values. True if it has none."""
        return not hasattr(self, "bn") or _are_set(self.bn[listed])

    def extract(self, active: int, listed: int | None = None) -> nn.BatchNorm2d:
        """Returns a plain BatchNorm in eval mode with copied parameters and statistics."""
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
        # Without listed widths, one set serves every width.
        return self if listed is None or not hasattr(self, "bn") else self.bn[listed]

    def _load_from_state_dict(self, *args: Any) -> None:
        # BatchNorm's own method adds `num_batches_tracked` to old state dicts, a name that a layer with listed widths
        # does not have.
        nn.Module._load_from_state_dict(self, *args)


class SwitchableBatchNorm2d(nn.Module):
    """A whole BatchNorm for each listed width: weight, bias and statistics (arXiv 1812.08928, section 3.2).

    Training updates the statistics of the width that runs, so none are computed afterwards.
    """

    def __init__(self, listed_features: tuple[int, ...]) -> None:
        super().__init__()
        self.bn = nn.ModuleList(nn.BatchNorm2d(features) for features in listed_features)

    def forward(self, input: Tensor, listed: int) -> Tensor:
        """Normalizes `(batch, active, height, width)` with the BatchNorm of the listed width of that index."""
        return self.bn[listed](input)  # type: ignore[no-any-return]

    def has_listed_statistics(self, listed: int) -> bool:
        """Returns whether the listed width's statistics differ from their initial values."""
        return _are_set(self.bn[listed])

    def extract(self, active: int, listed: int) -> nn.BatchNorm2d:
        """Returns a copy of the listed width's BatchNorm in eval mode. Raises ValueError if it is of other channels."""
        norm = self.bn[listed]
        assert isinstance(norm, nn.BatchNorm2d)
        if norm.num_features != active:
            raise ValueError(f"{active} channels are active, but the listed BatchNorm has {norm.num_features}")
        return copy.deepcopy(norm).eval()


def _are_set(statistics: Any) -> bool:
    """Returns whether the running statistics differ from their initial values."""
    return bool(statistics.running_mean.any()) or not bool((statistics.running_var == 1).all())


def _check_active(what: str, active: int, full: int) -> None:
    if not 1 <= active <= full:
        raise ValueError(f"{active} {what} are active, but the layer has {full}")


def _copy_parameters(layer: nn.Conv2d | nn.Linear, weight: Tensor, bias: Tensor | None) -> None:
    with torch.no_grad():
        layer.weight.copy_(weight)
        if bias is not None and layer.bias is not None:
            layer.bias.copy_(bias)
