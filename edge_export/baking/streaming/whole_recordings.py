"""Modules that replace a separator's own modules by those of its streaming step, for whole recordings.

The step has its own order of bins (`transform.py`), frames and bands in one axis, and its state as input and output.
These modules adapt that to the separator's shapes. The step's recurrence over time treats a batch of recordings as more
bands.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edge_export.baking.streaming.step import StreamingSeparator
from edge_export.baking.streaming.transform import bin_order
from edge_export.mothers.band_split.dft import Analysis, Synthesis
from edge_export.mothers.band_split.recurrence import ParallelRecurrence, Recurrence
from edge_export.mothers.band_split.tac import gated_mean


class MergedRecurrence(nn.Module):
    """A `ParallelRecurrence` computed by the step's recurrence, and by the step's gated sum if `gated` is given."""

    def __init__(self, parallel: ParallelRecurrence, merged: nn.Module, gated: nn.Module | None) -> None:
        super().__init__()
        self.parallel, self.merged, self.gated = parallel, merged, gated

    def forward(self, x: Tensor, _width: int | None = None) -> Tensor:
        """Maps `(batch, frames, bands, features)` to the same shape."""
        if self.parallel.axis == "band":
            return x + self._combined(self.merged(x.flatten(0, 2))).view_as(x)
        by_frame = x.transpose(0, 1)  # the step treats a batch of recordings as more bands
        frames, sequences = len(by_frame), x.shape[0] * x.shape[2]
        first = self.parallel.branches[0]
        assert isinstance(first, Recurrence)
        zero = x.new_zeros(len(self.parallel.branches), sequences, first.lstm.hidden_size)
        hidden, _, _ = self.merged(by_frame.reshape(frames * sequences, -1), zero, zero)
        return x + self._combined(hidden).view_as(by_frame).transpose(0, 1)

    def _combined(self, hidden: Tensor) -> Tensor:
        """Maps `(rows, sub-modules × hidden)` to `(rows, features)`."""
        if self.gated is not None:
            return self.gated(hidden)  # type: ignore[no-any-return]
        branches = self.parallel.branches
        own = hidden.chunk(len(branches), dim=1)
        outputs = [branch.projection(h) for branch, h in zip(branches, own, strict=True)]  # type: ignore[operator]
        return gated_mean(torch.stack(outputs), self.parallel.gate)


class FramedAnalysis(nn.Module):
    """A mother's `Analysis`, with the DFT of the step."""

    def __init__(self, analysis: Analysis, baked: nn.Module) -> None:
        super().__init__()
        self.analysis, self.baked = analysis, baked

    def forward(self, audio: Tensor) -> Tensor:
        """Transforms `(batch, channels, samples)` into `(batch, channels, 2, frames, bins)`."""
        frames = self.analysis.frames(audio)
        batch, channels, count, n_fft = frames.shape
        ordered = self.baked(frames.transpose(1, 2).reshape(-1, n_fft))
        return _to_bins(ordered).view(batch, count, channels, 2, -1).permute(0, 2, 3, 1, 4)


class FramedSynthesis(nn.Module):
    """A mother's `Synthesis`, with the inverse DFT of the step."""

    def __init__(self, synthesis: Synthesis, baked: nn.Module) -> None:
        super().__init__()
        self.synthesis, self.baked = synthesis, baked

    def forward(self, spectrum: Tensor, samples: int) -> Tensor:
        """Transforms `(…, 2, frames, bins)` into `(…, samples)`."""
        rows = spectrum.transpose(-2, -3)
        frames: Tensor = self.baked(_in_order(rows.flatten(0, -3))).view(*rows.shape[:-2], -1)
        return self.synthesis.overlap_add(frames, samples)


class BandSplitByRuns(nn.Module):
    """A mother's `BandSplit`, computed by that of the step."""

    def __init__(self, step: StreamingSeparator) -> None:
        super().__init__()
        self.baked, self.bands = step.split, step.bands

    def forward(self, spectrum: Tensor) -> Tensor:
        """Maps `(batch, channels, 2, frames, bins)` to `(batch, frames, bands, features)`."""
        batch, frames = spectrum.shape[0], spectrum.shape[3]
        ordered = _in_order(spectrum.permute(0, 3, 1, 2, 4).flatten(0, 2))
        features: Tensor = self.baked(ordered, batch * frames)
        return features.view(batch, frames, self.bands, -1)


class MasksByRuns(nn.Module):
    """A mother's `MaskEstimation`, computed by that of the step."""

    def __init__(self, step: StreamingSeparator) -> None:
        super().__init__()
        self.baked, self.masks, self.channels = step.masks, step.settings.masks, step.settings.channels

    def forward(self, x: Tensor) -> Tensor:
        """Maps `(batch, frames, bands, features)` to `(batch, masks, channels, 2, frames, bins)`."""
        batch, frames = x.shape[:2]
        rows: Tensor = self.baked(x.flatten(0, 2), batch * frames)
        return _to_bins(rows).view(batch, frames, self.masks, self.channels, 2, -1).permute(0, 2, 3, 4, 1, 5)


def _to_bins(ordered: Tensor) -> Tensor:
    """Reorders a spectrum `(…, bins)` from the step's order to the order of frequency."""
    order = bin_order(2 * ordered.shape[-1] - 2)
    bins = torch.empty_like(ordered)
    bins[..., order] = ordered
    return bins


def _in_order(bins: Tensor) -> Tensor:
    """Reorders a spectrum `(…, bins)` from the order of frequency to the step's order."""
    return bins[..., bin_order(2 * bins.shape[-1] - 2)].contiguous()
