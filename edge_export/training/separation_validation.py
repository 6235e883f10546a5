"""How well a separator separates: SI-SDR of whole held-out tracks, for any of its configurations."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from edge_export.members.calibrate import calibrate
from edge_export.training.data.musdb import SOURCES, Track, find_tracks, mix_stems, read_source

if TYPE_CHECKING:
    from edge_export.mothers.band_split import DepthWidth, ElasticBandSplit


@dataclass(frozen=True)
class Separated:
    """One configuration's result.

    Attributes:
        config: The configuration's name.
        si_sdr: Mean SI-SDR of the first stem over the tracks, in dB.
        improvement: Mean gain over the mixture's SI-SDR, in dB.
    """

    config: str
    si_sdr: float
    improvement: float


def si_sdr(estimate: Tensor, target: Tensor) -> Tensor:
    """Scale-invariant signal-to-distortion ratio `(…)` in dB of waveforms `(…, samples)` (arXiv 1811.02508)."""
    scale = (estimate * target).sum(-1, keepdim=True) / target.square().sum(-1, keepdim=True).clamp_min(1e-12)
    wanted = scale * target
    noise = (estimate - wanted).square().sum(-1)
    return 10.0 * torch.log10((wanted.square().sum(-1) + 1e-12) / (noise + 1e-12))


def read_track(track: Track, sample_rate: int, channels: int, stems: tuple[str, ...]) -> tuple[Tensor, Tensor]:
    """A whole track: mixture `(1, channels, samples)` and stems `(1, stems, channels, samples)`."""
    sources = torch.stack([torch.from_numpy(read_source(track, name, sample_rate, channels)) for name in SOURCES])[None]
    return sources.sum(dim=1), mix_stems(sources, stems)


def validate(
    mother: ElasticBandSplit,
    folder: Path,
    calibration: Iterable[tuple[Tensor, ...]],
    configs: Iterable[DepthWidth] | None = None,
    on_result: Callable[[Separated], None] = lambda result: None,
) -> list[Separated]:
    """Extract, recalibrate and measure each configuration (None: all) on the whole tracks of `folder/test`.

    Args:
        mother: On the CPU.
        folder: Music in MUSDB18-HQ's layout.
        calibration: Batches of training mixtures, `(batch, channels, samples)` each in a tuple.
        configs: Which.
        on_result: Called with each result.
    """
    s = mother.settings
    tracks = [read_track(t, s.sample_rate, s.channels, s.stems) for t in find_tracks(folder, "test")]
    batches = list(calibration)
    results = []
    for config in mother.space.all() if configs is None else configs:
        member = mother.extract(config)
        calibrate(member, batches)
        scores, before = [], []
        with torch.no_grad():
            for mixture, stems in tracks:
                scores.append(float(si_sdr(member(mixture)[:, 0].flatten(1), stems[:, 0].flatten(1))))
                before.append(float(si_sdr(mixture.flatten(1), stems[:, 0].flatten(1))))
        mean = sum(scores) / len(scores)
        results.append(Separated(mother.space.name(config), mean, mean - sum(before) / len(before)))
        on_result(results[-1])
    return results
