"""Trainings that claims compare: the same data, optimizer and schedule. Each is done once and kept."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from benchmarks.claims.hard_digits import RESOLUTION, open_hard_digits
from benchmarks.claims.kept import finish, key_of
from edge_export.data.labeled_images import LabeledImages
from edge_export.mothers.protocol import Config, Space
from edge_export.mothers.us_mobilenet.architecture import mobilenet_v2
from edge_export.mothers.us_mobilenet.mother import UsMobileNet
from edge_export.training.classification import Rule, set_up
from edge_export.training.sandwich import every, sandwich

LISTED = (0.25, 0.5, 0.75, 1.0)
EPOCHS = 40


def random_widths(space: Space, rng: random.Random) -> list[Config]:
    """Four random configurations: as many as a sandwich has."""
    return [space.sample(rng) for _ in range(4)]


def smallest_and_random(space: Space, rng: random.Random) -> list[Config]:
    """The smallest configuration and three random ones."""
    return [space.smallest, *(space.sample(rng) for _ in range(3))]


def largest_and_random(space: Space, rng: random.Random) -> list[Config]:
    """The largest configuration and three random ones."""
    return [space.largest, *(space.sample(rng) for _ in range(3))]


RULES: dict[str, Rule] = {
    rule.__name__: rule for rule in (sandwich, random_widths, smallest_and_random, largest_and_random, every)
}


@dataclass(frozen=True)
class Training:
    """One training.

    Attributes:
        seed: Draws the data, the initial weights, and every choice.
        rule: A name of `RULES`: the widths of each step.
        distilled: Whether the first width of a step teaches the others.
        widths: Two bounds of a universally slimmable network; one width, of a network alone; more: those of a slimmable
            network with switchable BatchNorm.
        epochs: Passes over the training images.
    """

    seed: int
    rule: str = "sandwich"
    distilled: bool = True
    widths: tuple[float, ...] = (LISTED[0], LISTED[-1])
    epochs: int = EPOCHS


def build(widths: Sequence[float]) -> UsMobileNet:
    """Returns an untrained network of the shapes of `Training.widths`.

    Channels are not rounded to multiples, so every step of the width changes some. A network alone has the channels of
    its width only, and draws its initial weights for them.
    """
    architecture = mobilenet_v2(
        stem=16,
        stages=((1, 8, 1, 1), (3, 16, 1, 2), (3, 24, 1, 2)),
        head=48,
        narrowest=widths[0],
        widest=widths[-1],
        divisor=1,
    )
    return UsMobileNet(
        architecture,
        resolution=RESOLUTION,
        image_channels=1,
        classes=10,
        labels=tuple("0123456789"),
        mean=(),
        std=(),
        listed_widths=tuple(widths) if len(widths) > 2 else (),
        switchable=len(widths) > 2,
    )


@lru_cache(maxsize=4)
def data_of(seed: int) -> LabeledImages:
    """Returns the images of a seed."""
    return open_hard_digits(seed)


def trained(training: Training, folder: Path) -> Any:
    """Returns the trained mother, in eval mode; from `folder` if it is there, or trained on from its last epoch."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(training.seed)
        mother = build(training.widths)
    setup = set_up(mother, data_of(training.seed), RULES[training.rule], distilled=training.distilled)
    key = key_of({**setup.settings, **asdict(training)})
    return finish(mother, setup, key, training.epochs, training.seed, folder)
