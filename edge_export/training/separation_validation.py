"""Validation of a separator: the SI-SDR of its configurations on whole held-out tracks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from edge_export.data.musdb import SOURCES, ChunkPlan, Track, draw_batch, find_tracks, mix_stems, read_source
from edge_export.members.calibrate import calibrate
from edge_export.training.losses import si_sdr
from edge_export.training.separation import THREADS
from edge_export.workers.threads import cpu_threads

if TYPE_CHECKING:
    from edge_export.mothers.band_split.mother import ElasticBandSplit


def read_track(track: Track, sample_rate: int, channels: int, stems: tuple[str, ...]) -> tuple[Tensor, Tensor]:
    """Reads a whole track: mixture `(1, channels, samples)` and stems `(1, stems, channels, samples)`."""
    sources = torch.stack([torch.from_numpy(read_source(track, name, sample_rate, channels)) for name in SOURCES])[None]
    return sources.sum(dim=1), mix_stems(sources, stems)


def validate(mother: ElasticBandSplit, folder: Path) -> Iterator[dict[str, str | float]]:
    """Measures the first stem of each configuration on the whole tracks of `folder/test`.

    Each configuration is recalibrated on mixtures of `folder/train`. Moves the mother to the CPU. Afterwards the mother
    has the statistics of its largest configuration.

    Yields:
        name: The name of the configuration.
        dB SI-SDR: The mean over the tracks.
        dB improvement: The mean gain over the SI-SDR of the mixture.
    """
    mother.cpu().eval()
    s = mother.settings
    tracks = [read_track(t, s.sample_rate, s.channels, s.stems) for t in find_tracks(folder, "test")]
    batches = calibration_batches(mother, folder)
    before = mean_si_sdr(lambda mixture: mixture[:, None], tracks)
    with cpu_threads(THREADS):
        for config in mother.space.all():
            member = mother.extract(config)
            calibrate(member, batches)
            after = mean_si_sdr(member, tracks)
            yield {"name": mother.space.name(config), "dB SI-SDR": after, "dB improvement": after - before}
        calibrate(mother, batches, config=mother.space.largest)


def calibration_batches(mother: ElasticBandSplit, folder: Path, seconds: float = 4.0) -> list[tuple[Tensor, ...]]:
    """Returns six batches of eight training mixtures each, `(batch, channels, samples)`, the same in every call."""
    s = mother.settings
    plan = ChunkPlan(s.stems, s.sample_rate, s.channels, int(seconds * s.sample_rate), batch=8)
    rng, tracks = np.random.default_rng(1), find_tracks(folder, "train")
    return [draw_batch(tracks, plan, rng)[:1] for _ in range(6)]


def mean_si_sdr(separate: Callable[[Tensor], Tensor], tracks: list[tuple[Tensor, Tensor]]) -> float:
    """Returns the SI-SDR of the first stem, in dB, averaged over tracks `(mixture, stems)`."""
    with torch.no_grad():
        scores = [si_sdr(separate(mixture)[:, 0].flatten(1), stems[:, 0].flatten(1)) for mixture, stems in tracks]
    return float(torch.cat(scores).mean())
