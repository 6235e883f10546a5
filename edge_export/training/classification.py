"""Training of an elastic image classifier.

A universally slimmable one by the sandwich rule and in-place distillation (arXiv 1903.05134); a slimmable one by the
targets at every listed width (arXiv 1812.08928).
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

from edge_export.data.labeled_images import LabeledImages
from edge_export.members.calibrate import calibrate, has_statistics
from edge_export.mothers.protocol import Config, Space
from edge_export.training.distillation import accumulate_gradients
from edge_export.training.loop import Setup
from edge_export.training.sandwich import every, sandwich
from edge_export.workers.threads import cpu_threads

if TYPE_CHECKING:
    from torch import nn

BATCH = 64
LEARNING_RATE = 0.1
WEIGHT_DECAY = 2e-4
THREADS = 1
# The limits of the augmentation: radians, share of the image's size, share of its half width.
ROTATION, ZOOM, SHIFT = 0.15, 0.1, 0.1


Rule = Callable[[Space, random.Random], list[Config]]
"""Chooses the configurations of a step, the largest first."""


def set_up_slimmable(mother: nn.Module, data: LabeledImages) -> Setup:
    """Returns the setup that trains every configuration of `mother` in each step, all of them by the targets."""
    return set_up(mother, data, every, distilled=False)


def set_up(mother: nn.Module, data: LabeledImages, rule: Rule = sandwich, *, distilled: bool = True) -> Setup:
    """Returns the setup that trains `mother` on the training part of `data`.

    Args:
        mother: The network.
        data: The images.
        rule: Chooses the configurations of each step.
        distilled: Whether the first of them teaches the others. Otherwise all learn the targets.
    """
    optimizer = torch.optim.SGD(_parameter_groups(mother), lr=LEARNING_RATE, momentum=0.9, nesterov=True)
    space: Any = mother.space
    batch_size = min(BATCH, len(data.train_images))
    batches_per_epoch = len(data.train_images) // batch_size

    def batches(generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        # A small last batch would give poor BatchNorm statistics, so it is dropped: other images in each epoch.
        order = torch.randperm(len(data.train_images), generator=generator)[: batches_per_epoch * batch_size]
        for index in order.view(batches_per_epoch, batch_size):
            yield jitter(data.train_images[index], generator), data.train_targets[index]

    def accumulate(batch: tuple[Tensor, ...], choices: random.Random, stage: int) -> float:
        images, targets = batch

        def forward(config: Config) -> Tensor:
            logits: Tensor = mother(images, config=config)
            return logits

        return accumulate_gradients(forward, rule(space, choices), targets, distilled=distilled)

    return Setup(
        mother=mother,
        optimizer=optimizer,
        batches=batches,
        batches_per_epoch=batches_per_epoch,
        accumulate=accumulate,
        learning_rate=cosine,
        settings={
            "batch": BATCH,
            "learning_rate": LEARNING_RATE,
            "weight_decay": WEIGHT_DECAY,
            "rule": rule.__name__,
            "distilled": distilled,
            "images": _digest(data.train_images, data.train_targets),
        },
        threads=THREADS,
    )


def validate(mother: nn.Module, data: LabeledImages) -> Iterator[dict[str, str | float]]:
    """Measures the top-1 of widths on the held-out images.

    Statistics that were not trained for each width are recalibrated on the training images. Afterwards the mother has
    those of its largest configuration. Those of training mix all widths.

    Yields:
        name: The name of the configuration: every listed width, or every fifth of the space's grid.
        % top-1: The share of held-out images with the right class, in percent.
    """
    elastic: Any = mother.eval()
    batches = data.recordings().batches
    # One thread here too, because the statistics are part of the checkpoint.
    with cpu_threads(THREADS):
        configs = list(elastic.space.all())
        for config in configs[:: max(1, len(configs) // 6)]:
            member = elastic.extract(config)
            if not has_statistics(elastic, config):
                calibrate(member, batches)
            with torch.no_grad():
                right = member(data.held_out_images).argmax(1) == data.held_out_targets
            yield {"name": elastic.space.name(config), "% top-1": 100 * right.float().mean().item()}
        if not has_statistics(elastic, elastic.space.largest):
            calibrate(mother, batches, config=elastic.space.largest)


def cosine(epoch: float, epochs: int) -> float:
    """Returns the learning rate: it rises linearly over the first epoch, then falls to zero as half a cosine."""
    return LEARNING_RATE * min(1.0, epoch + 0.1) * 0.5 * (1 + math.cos(math.pi * epoch / epochs))


def jitter(
    images: Tensor,
    generator: torch.Generator,
    *,
    rotation: float = ROTATION,
    zoom: float = ZOOM,
    shift: float = SHIFT,
) -> Tensor:
    """Rotates, scales and shifts each image `(batch, channels, height, width)` within limits. New borders are dark.

    Args:
        generator: Draws for each image.
        rotation: In radians.
        zoom: As a share of the image's size.
        shift: As a share of half its width.
    """

    def uniform(limit: float) -> Tensor:
        return (torch.rand(len(images), generator=generator) * 2 - 1) * limit

    angle, scale = uniform(rotation), 1 + uniform(zoom)
    cos, sin = scale * angle.cos(), scale * angle.sin()
    affine = torch.stack([torch.stack([cos, -sin, uniform(shift)], 1), torch.stack([sin, cos, uniform(shift)], 1)], 1)
    grid = functional.affine_grid(affine, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, align_corners=False)


def _parameter_groups(mother: nn.Module) -> list[dict[str, Any]]:
    """Returns two groups: weights with weight decay, and biases and BatchNorm scales without it."""
    decayed = [parameter for parameter in mother.parameters() if parameter.ndim > 1]
    free = [parameter for parameter in mother.parameters() if parameter.ndim <= 1]
    return [{"params": decayed, "weight_decay": WEIGHT_DECAY}, {"params": free, "weight_decay": 0.0}]


def _digest(*tensors: Tensor) -> str:
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()[:16]
