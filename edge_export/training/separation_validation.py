"""Validation of a separator: the SI-SDR of its configurations on whole tracks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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
    from edge_export.data.music import Music
    from edge_export.mothers.band_split.mother import ElasticBandSplit


def read_track(track: Track, sample_rate: int, channels: int, stems: tuple[str, ...]) -> tuple[Tensor, Tensor]:
    """Reads a whole track: mixture `(1, channels, samples)` and stems `(1, stems, channels, samples)`."""
    sources = torch.stack([torch.from_numpy(read_source(track, name, sample_rate, channels)) for name in SOURCES])[None]
    return sources.sum(dim=1), mix_stems(sources, stems)


def validate(mother: ElasticBandSplit, music: Sequence[Music]) -> Iterator[dict[str, str | float]]:
    """Measures the first stem of each configuration on whole tracks that training has not heard.

    Those are the `validation` parts of `music`, or the `test` part where there is no such. Each configuration is
    recalibrated on training mixtures of all folders. This runs on the mother's device. Afterwards the mother is on the
    CPU and has the statistics of its largest configuration.

    Yields:
        name: The name of the configuration.
        dB improvement, NAME: The mean gain of SI-SDR over that of the mixture, for each folder by its name.
    """
    mother.eval()
    s, device = mother.settings, next(mother.parameters()).device

    def read(track: Track) -> tuple[Tensor, Tensor]:
        mixture, stems = read_track(track, s.sample_rate, s.channels, s.stems)
        return mixture.to(device), stems.to(device)

    held_out = {each.name: [read(track) for track in _held_out(each)] for each in music}
    before = {name: mean_si_sdr(lambda mixture: mixture[:, None], tracks) for name, tracks in held_out.items()}
    batches = calibration_batches(mother, music)
    with cpu_threads(THREADS):
        for config in mother.space.all():
            member = mother.extract(config).to(device)
            calibrate(member, [(mixture.to(device),) for (mixture,) in batches])
            gains = {name: mean_si_sdr(member, tracks) - before[name] for name, tracks in held_out.items()}
            yield {
                "name": mother.space.name(config),
                **{f"dB improvement, {name}": gain for name, gain in gains.items()},
            }
        calibrate(mother.cpu(), batches, config=mother.space.largest)


def calibration_batches(
    mother: ElasticBandSplit, music: Sequence[Music], seconds: float = 4.0
) -> list[tuple[Tensor, ...]]:
    """Returns six batches of eight training mixtures each, `(batch, channels, samples)`, the same in every call."""
    s = mother.settings
    plan = ChunkPlan(s.stems, s.sample_rate, s.channels, int(seconds * s.sample_rate), batch=8)
    rng, tracks = np.random.default_rng(1), [track for each in music for track in find_tracks(each.folder, "train")]
    return [draw_batch(tracks, plan, rng)[:1] for _ in range(6)]


def _held_out(music: Music) -> list[Track]:
    return find_tracks(music.folder, "validation" if (music.folder / "validation").is_dir() else "test")


def mean_si_sdr(separate: Callable[[Tensor], Tensor], tracks: list[tuple[Tensor, Tensor]]) -> float:
    """Returns the SI-SDR of the first stem, in dB, averaged over tracks `(mixture, stems)`."""
    with torch.no_grad():
        scores = [si_sdr(separate(mixture)[:, 0].flatten(1), stems[:, 0].flatten(1)) for mixture, stems in tracks]
    return float(torch.cat(scores).mean())
