"""Handwritten digits that tell networks apart: turned, shifted, scaled, blurred and noisy, with few to learn from."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from edge_export.data.digits import open_digits
from edge_export.data.labeled_images import LabeledImages
from edge_export.training.classification import jitter

RESOLUTION = 16
TRAINING_IMAGES = 400
VIEWS = 2
"""How often each held-out scan is distorted anew."""
ROTATION, ZOOM, SHIFT, BLUR, NOISE = 0.5, 0.25, 0.2, 1.2, 0.1
"""The limits: radians, share of the size, share of the half width, pixels (sigma); the deviation of the noise."""


def open_hard_digits(seed: int) -> LabeledImages:
    """Returns distorted digits `(count, 1, 16, 16)` in 0..1. The seed draws the distortions and who is for training.

    Training images are `TRAINING_IMAGES` scans of scikit-learn's digits, each distorted once; all other scans are held
    out, each distorted `VIEWS` times.
    """
    digits = open_digits()
    scans = torch.cat([digits.train_images, digits.held_out_images])
    targets = torch.cat([digits.train_targets, digits.held_out_targets])
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(scans), generator=generator)
    train, held = order[:TRAINING_IMAGES], order[TRAINING_IMAGES:].repeat(VIEWS)
    scans = functional.interpolate(scans, size=(RESOLUTION, RESOLUTION), mode="area")
    return LabeledImages(
        distorted(scans[train], generator), targets[train], distorted(scans[held], generator), targets[held]
    )


def distorted(images: Tensor, generator: torch.Generator) -> Tensor:
    """Turns, scales, shifts and blurs each image `(count, 1, height, width)`, and adds noise."""
    moved = jitter(images, generator, rotation=ROTATION, zoom=ZOOM, shift=SHIFT)
    noise = torch.randn(moved.shape, generator=generator) * NOISE
    sigmas = torch.rand(len(images), generator=generator).mul(2).sub(1).mul(BLUR).abs()
    return (_blurred(moved, sigmas) + noise).clamp(0, 1)


def _blurred(images: Tensor, sigmas: Tensor) -> Tensor:
    reach = math.ceil(2 * BLUR)
    offsets = torch.arange(-reach, reach + 1)
    kernels = torch.exp(-(offsets**2) / (2 * sigmas[:, None].clamp_min(1e-3) ** 2))
    kernels = kernels / kernels.sum(1, keepdim=True)
    batch = images.transpose(0, 1)
    rows = functional.conv2d(batch, kernels[:, None, None, :], padding=(0, reach), groups=len(images))
    columns = functional.conv2d(rows, kernels[:, None, :, None], padding=(reach, 0), groups=len(images))
    return columns.transpose(0, 1)
