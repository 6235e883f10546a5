"""The error of members on held-out images, and its mean and spread over the seeds."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from edge_export.data.labeled_images import LabeledImages
from edge_export.members.calibrate import calibrate, has_statistics
from edge_export.mothers.us_mobilenet.width_space import Width, WidthConfig


@dataclass(frozen=True)
class Spread:
    """The mean over the seeds and the standard deviation between them, and how many decimals of them are shown."""

    mean: float
    deviation: float
    decimals: int = 1

    def __str__(self) -> str:
        return f"{self.mean:.{self.decimals}f} ± {self.deviation:.{self.decimals}f}"

    def signed(self) -> str:
        """Returns the text of a difference."""
        return f"{self.mean:+.{self.decimals}f} ± {self.deviation:.{self.decimals}f}"


def spread(values: Iterable[float], decimals: int = 1) -> Spread:
    """Returns the spread of one value for each seed; that of one seed has no deviation: NaN."""
    listed = list(values)
    deviation = statistics.stdev(listed) if len(listed) > 1 else float("nan")
    return Spread(statistics.mean(listed), deviation, decimals)


def error(member: nn.Module, data: LabeledImages) -> float:
    """Returns the share of held-out images whose class is wrong, in percent."""
    with torch.no_grad():
        wrong = member(data.held_out_images).argmax(1) != data.held_out_targets
    return 100 * float(wrong.float().mean())


def errors(mother: Any, data: LabeledImages, widths: Sequence[float]) -> list[float]:
    """Returns the error at each width, as `error_at` does."""
    return [error_at(mother, data, Width(width)) for width in widths]


def error_at(mother: Any, data: LabeledImages, config: WidthConfig) -> float:
    """Returns the error at `config`, with trained statistics or those of all training images."""
    member = mother.extract(config)
    if not has_statistics(mother, config):
        calibrate(member, data.recordings().batches)
    return error(member, data)
