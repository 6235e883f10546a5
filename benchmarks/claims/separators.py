"""Separators that claims compare: the same songs, optimizer and schedule. Each is trained and scored once, and kept."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

import torch

from benchmarks.claims.gates import fix_at_mean, fix_gates
from benchmarks.claims.kept import finish, key_of
from benchmarks.claims.small_songs import BOOK, Songs, open_songs
from edge_export.files.atomic import write_atomically
from edge_export.members.calibrate import calibrate
from edge_export.mothers.band_split.mother import DepthWidth, DepthWidthSpace, ElasticBandSplit
from edge_export.mothers.band_split.network import BandSplitSettings
from edge_export.tasks.separation import si_sdr
from edge_export.training.separation import SeparationPlan, set_up
from edge_export.workers.threads import cpu_threads

SETTINGS = BandSplitSettings(
    sample_rate=BOOK.sample_rate,
    channels=1,
    stems=("vocals", "accompaniment"),
    remainder=True,
    n_fft=512,
    hop=256,
    window="sqrt_hann",
    bands=((1000, 250), (2000, 500), (4000, 1000)),
    compressed=True,
    features=16,
    hidden=12,
    gate_hidden=8,
    mask_hidden=16,
    norm="batch",
    causal=True,
)
"""The package's separator in small: 8 bands up to 4 kHz."""
SPACE = DepthWidthSpace(3, 3)
EPOCHS = 90
PLAN = SeparationPlan(
    seconds=2.0,
    batch=4,
    batches_per_epoch=9,
    rate=3e-3,
    warm_up=1 / 20,
    falling=0.3,
    growth=((0.0, 1.0),),
    fused=True,
)
"""The schedule of all sides. `warm_up` is a share of the epochs here; the network does not grow."""
FULL = SPACE.name(SPACE.largest)
Gates = Literal["on", "off", "fixed"]


class OneSize(DepthWidthSpace):
    """The space of a network alone: its largest configuration, and no other."""

    @property
    def smallest(self) -> DepthWidth:
        return self.largest


@dataclass(frozen=True)
class Training:
    """One training.

    Attributes:
        seed: Draws the initial weights, the examples, and every choice.
        rule: A key of `training.separation.RULES`: the configurations of each step.
        alone: The name of the only configuration of a network alone; "": the network is elastic.
        gates: "on": TAC gates; "off": none; "fixed": a learned number for each sub-module.
        epochs: Of `PLAN.batches_per_epoch` steps.
    """

    seed: int
    rule: str = "random"
    alone: str = ""
    gates: Gates = "on"
    epochs: int = EPOCHS

    @property
    def configs(self) -> list[DepthWidth]:
        """The configurations that are scored: all, but for a network alone that is not of full size."""
        return SPACE.all() if self.alone in ("", FULL) else [SPACE.parse(self.alone)]

    @property
    def cost(self) -> float:
        """About how long it takes, to begin with the longest: a layer costs as much as the rest of a configuration."""
        largest = SPACE.parse(self.alone or FULL)
        return self.epochs * (1 + largest.depth * (1 + largest.width) / 2) * (1 if self.alone else 2)


def build(training: Training) -> ElasticBandSplit:
    """Returns the untrained network, its weights drawn by the seed."""
    largest = SPACE.parse(training.alone or FULL)
    settings = SETTINGS if training.gates == "on" else replace(SETTINGS, gate_hidden=None)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(training.seed)
        mother = ElasticBandSplit(settings, largest.depth, largest.width)
    if training.gates == "fixed":
        fix_gates(mother)
    if training.alone:
        mother.space = OneSize(largest.depth, largest.width)
    return mother


def settings_of(training: Training) -> dict[str, Any]:
    """Returns all that a training depends on."""
    return {"network": str(SETTINGS), "songs": str(BOOK), "plan": str(PLAN), "training": str(asdict(training))}


def trained(training: Training, folder: Path) -> ElasticBandSplit:
    """Returns the trained network, in eval mode; from `folder` if it is there, or trained on from its last epoch."""
    mother, songs, settings = build(training), open_songs(folder / "songs"), settings_of(training)
    plan = replace(PLAN, rule=training.rule, warm_up=PLAN.warm_up * training.epochs)
    setup = replace(set_up(mother, [songs.music], plan=plan), settings=settings)
    return finish(mother, setup, key_of(settings), training.epochs, training.seed, folder)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Gains:
    """How much better than the mixture the vocals of held-out songs are: SI-SDR in dB, the mean over the songs.

    Attributes:
        plain: By the name of the configuration.
        mean_gates: The same with each gate fixed at its mean over the training songs; of elastic networks with gates.
    """

    plain: dict[str, float]
    mean_gates: dict[str, float]


@cpu_threads(1)
def gains(training: Training, folder: Path) -> Gains:
    """Returns the gains of a training, from `folder` if they are there. Statistics are those of all training songs."""
    path = folder / f"{key_of(settings_of(training))}.gains.json"
    if not path.exists():
        mother, songs = trained(training, folder), open_songs(folder / "songs")
        fixed = training.configs if training.gates == "on" and not training.alone else []
        found = Gains(
            {SPACE.name(config): gain(mother, config, songs) for config in training.configs},
            {SPACE.name(config): gain(mother, config, songs, mean_gates=True) for config in fixed},
        )
        write_atomically(path, json.dumps({**settings_of(training), **asdict(found)}, indent=1).encode())
    kept = json.loads(path.read_bytes())
    return Gains(kept["plain"], kept["mean_gates"])


def gain(mother: ElasticBandSplit, config: DepthWidth, songs: Songs, mean_gates: bool = False) -> float:
    """Returns the mean gain over the held-out songs at `config`, after its statistics are computed anew."""
    mother = deepcopy(mother)
    mother.space = DepthWidthSpace(mother.space.max_depth, mother.space.max_width)
    calibrate(mother, [(songs.calibration,)], config)
    if mean_gates:
        fix_at_mean(mother, config, songs.calibration)
        calibrate(mother, [(songs.calibration,)], config)
    with torch.no_grad():
        found = [
            si_sdr(mother(torch.from_numpy(mixture), config).numpy(), vocals[:, None])
            - si_sdr(mixture[:, None], vocals[:, None])
            for mixture, vocals in songs.held_out
        ]
    return sum(found) / len(found)


def train_all(trainings: Iterable[Training], folder: Path, jobs: int) -> None:
    """Trains and scores what is not in `folder` yet, in `jobs` processes of one thread each. Results are the same.

    The longest begin first. What is finished stays when the rest is stopped.
    """
    open_songs(folder / "songs")
    missing = [t for t in dict.fromkeys(trainings) if not (folder / f"{key_of(settings_of(t))}.gains.json").exists()]
    missing.sort(key=lambda training: training.cost, reverse=True)
    if not missing:
        return
    with ProcessPoolExecutor(min(jobs, len(missing)), get_context("spawn"), _one_thread) as pool:
        futures = {pool.submit(gains, training, folder): training for training in missing}
        for count, future in enumerate(as_completed(futures), 1):
            future.result()
            print(f"{count} of {len(missing)} trained: {futures[future]}", flush=True)


def _one_thread() -> None:
    """No worker takes a GPU, or more than one core."""
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    torch.set_num_threads(1)
