"""How well the separator separates: all of its members on songs that training has not heard.

    python benchmarks/songs.py
    python benchmarks/songs.py --checkpoint mine.safetensors --json mine.json

Prints a table for each kind of song: the mean gain of SI-SDR over the mixture's, for vocals and accompaniment, with its
95 % interval over the tracks. Then what is left in the vocals of music without voice, and of silence. The songs are
those of `train --data builtin,recorded`, rendered unless they are in the cache.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from edge_export.data.excerpts import recordings
from edge_export.data.musdb import find_tracks
from edge_export.data.music import open_music
from edge_export.members.calibrate import calibrate
from edge_export.mothers.catalog import open_mother
from edge_export.training.losses import si_sdr
from edge_export.training.separation_validation import read_track

KINDS = "builtin,recorded"
SILENCE_SECONDS = 10


@dataclass(frozen=True)
class Gain:
    """The mean gain of SI-SDR over the mixture's in dB, and half of its 95 % interval."""

    mean: float
    interval: float


@dataclass(frozen=True)
class Quality:
    """One member on one kind of song.

    Attributes:
        member: Its name.
        vocals, accompaniment: The gains.
        leak_db: The level of the vocals that it finds in music without voice, relative to that music: the mean over
            the tracks in dB.
        worst_leak_db: The same on the track with the most.
    """

    member: str
    vocals: Gain
    accompaniment: Gain
    leak_db: float
    worst_leak_db: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="default: the separator that ships")
    parser.add_argument("--part", default="test", choices=("test", "validation"), help="default: test")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers there, too")
    args = parser.parse_args()
    torch.set_num_threads(1)
    mother = open_mother("separator", args.checkpoint)
    s = mother.settings
    members = {}
    for config in mother.space.all():
        members[mother.space.name(config)] = mother.extract(config)
        calibrate(members[mother.space.name(config)], recordings().batches)
    results = {}
    for music in open_music(KINDS):
        part = args.part if (music.folder / args.part).is_dir() else "test"
        tracks = [read_track(track, s.sample_rate, s.channels, s.stems) for track in find_tracks(music.folder, part)]
        results[music.name] = [_measure(name, member, tracks) for name, member in members.items()]
        print(f"\n{music.name}: {len(tracks)} tracks of the {part} part\n\n{table(results[music.name])}", flush=True)
    quiet = {name: _silence_db(member, s.sample_rate, s.channels) for name, member in members.items()}
    loudest = max(quiet, key=lambda name: quiet[name])
    print(f"\nsilence in, loudest vocals out: {quiet[loudest]:.0f} dB of full scale ({loudest})")
    if args.json:
        rows = {name: [asdict(row) for row in each] for name, each in results.items()}
        args.json.write_text(json.dumps({"songs": rows, "silence_db": quiet}, indent=1) + "\n")
    return 0


def table(rows: Sequence[Quality]) -> str:
    """Returns the rows as a Markdown table."""
    lines = ["| member | vocals, dB | accompaniment, dB | voice in music alone, dB (worst) |", "|---|---|---|---|"]
    for row in rows:
        gains = " | ".join(f"{gain.mean:+.2f} ± {gain.interval:.2f}" for gain in (row.vocals, row.accompaniment))
        lines.append(f"| `{row.member}` | {gains} | {row.leak_db:.0f} ({row.worst_leak_db:.0f}) |")
    return "\n".join(lines)


def _measure(name: str, member: nn.Module, tracks: Sequence[tuple[Tensor, Tensor]]) -> Quality:
    gains, leaks = [], []
    with torch.no_grad():
        for mixture, stems in tracks:
            before = si_sdr(mixture[:, None].flatten(2), stems.flatten(2))
            gains.append((si_sdr(member(mixture).flatten(2), stems.flatten(2)) - before)[0].numpy())
            music = stems[:, 1]
            leaks.append(_level_db(member(music)[:, 0], music))
    vocals, accompaniment = (_gain(column) for column in np.array(gains).T)
    return Quality(name, vocals, accompaniment, float(np.mean(leaks)), max(leaks))


def _gain(values: Sequence[float]) -> Gain:
    return Gain(float(np.mean(values)), float(1.96 * np.std(values, ddof=1) / math.sqrt(len(values))))


def _level_db(part: Tensor, whole: Tensor) -> float:
    return 10.0 * math.log10((float(part.square().mean()) + 1e-20) / (float(whole.square().mean()) + 1e-12))


def _silence_db(member: nn.Module, sample_rate: int, channels: int) -> float:
    with torch.no_grad():
        vocals = member(torch.zeros(1, channels, SILENCE_SECONDS * sample_rate))[:, 0]
    return 10.0 * math.log10(float(vocals.square().mean()) + 1e-20)


if __name__ == "__main__":
    sys.exit(main())
