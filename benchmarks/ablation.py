"""What a separator learns from which songs: short trainings, each on songs that lack one thing.

    python benchmarks/ablation.py
    python benchmarks/ablation.py --epochs 27 --seeds 2 --jobs 8

Prints the gain of SI-SDR over the mixture's, for the vocals of recorded validation songs, in dB. All trainings have the
same network, plan and number of steps, those of a machine without a GPU; only their songs differ. Members are
calibrated as a build calibrates them. Songs are rendered into the cache folder, finished trainings are kept in
`benchmarks/cache/ablation`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from edge_export.data.excerpts import recordings
from edge_export.data.musdb import find_tracks
from edge_export.data.music import Music, builtin_songs, recorded_songs
from edge_export.data.recorded_songs import RecordedBook
from edge_export.data.songs import SongBook
from edge_export.members.calibrate import calibrate
from edge_export.mothers.catalog import build_untrained
from edge_export.mothers.checkpoint import load_checkpoint, save_checkpoint
from edge_export.training.loop import run_epochs
from edge_export.training.separation import SeparationPlan, set_up
from edge_export.training.separation_validation import mean_si_sdr, read_track

KEPT = Path(__file__).parent / "cache" / "ablation"
SONGS = 100
EPOCHS = 27
MEMBERS = ("d1w1", "d2w2", "d4w4")


def recorded(sung: bool = True, effects: bool = True) -> Music:
    """Returns recorded songs to train on."""
    book = RecordedBook(train=SONGS, validation=0, test=0, sung=sung, effects=effects)
    return Music("recorded", recorded_songs(book))


def rendered() -> Music:
    """Returns the songs of synthesizers."""
    return Music("builtin", builtin_songs(SongBook(train=SONGS)))


VARIANTS: dict[str, Callable[[], tuple[Music, ...]]] = {
    "recorded songs": lambda: (recorded(),),
    "voices speak, nobody sings": lambda: (recorded(sung=False),),
    "without effects": lambda: (recorded(effects=False),),
    "neither singing nor effects": lambda: (recorded(sung=False, effects=False),),
    "rendered songs": lambda: (rendered(),),
    "recorded and rendered songs": lambda: (recorded(), rendered()),
}


@dataclass(frozen=True)
class Short:
    """A short training: a key of `VARIANTS`, the seed, and the number of epochs."""

    variant: str
    seed: int
    epochs: int

    @property
    def path(self) -> Path:
        """Where its weights are kept."""
        return KEPT / f"{self.variant.replace(' ', '_').replace(',', '')}-{self.seed}-{self.epochs}.safetensors"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="seeds 0 to N - 1 (default: 1)")
    parser.add_argument(
        "--epochs", type=int, default=EPOCHS, metavar="N", help=f"default: {EPOCHS}, eight minutes each"
    )
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="trainings at the same time (default: 2)")
    args = parser.parse_args()
    for variant in VARIANTS.values():
        variant()  # rendered once, before several processes look for them
    shorts = [Short(variant, seed, args.epochs) for seed in range(args.seeds) for variant in VARIANTS]
    with ProcessPoolExecutor(args.jobs, get_context("spawn")) as pool:
        gains = dict(zip(shorts, pool.map(measured, shorts), strict=True))
    print(f"| songs | {' | '.join(f'`{name}`' for name in MEMBERS)} |\n|---|{'---|' * len(MEMBERS)}")
    for variant in VARIANTS:
        rows = np.array([gains[short] for short in shorts if short.variant == variant])
        print(f"| {variant} | {' | '.join(_cell(column) for column in rows.T)} |")
    return 0


def measured(short: Short) -> list[float]:
    """Trains, unless that was done, and returns the gain of each of `MEMBERS` in dB."""
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    torch.set_num_threads(1)
    kept = short.path.with_suffix(".json")
    if kept.exists():
        return list(json.loads(kept.read_text()))
    KEPT.mkdir(parents=True, exist_ok=True)
    mother = build_untrained("separator", short.seed)
    if not short.path.exists():
        state, setup = (
            short.path.with_suffix(".state"),
            set_up(mother, VARIANTS[short.variant](), plan=SeparationPlan()),
        )
        run_epochs(setup, epochs=short.epochs, seed=short.seed, state_path=state, progress=False)
        save_checkpoint(mother, short.path)
        state.unlink()
    load_checkpoint(mother, short.path)
    s = mother.settings
    folder = recorded_songs(RecordedBook(train=0, test=0))
    tracks = [read_track(track, s.sample_rate, s.channels, s.stems) for track in find_tracks(folder, "validation")]
    before, gains = mean_si_sdr(lambda mixture: mixture[:, None], tracks), []
    for name in MEMBERS:
        member = mother.extract(mother.space.parse(name))
        calibrate(member, recordings().batches)
        gains.append(mean_si_sdr(member, tracks) - before)
    kept.write_text(json.dumps(gains))
    return gains


def _cell(values: np.ndarray) -> str:
    return f"{values.mean():.2f}" + (f" ± {values.std(ddof=1):.2f}" if len(values) > 1 else "")


if __name__ == "__main__":
    sys.exit(main())
