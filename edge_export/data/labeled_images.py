"""Labeled images, split into a training and a held-out part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from edge_export.data.images import SUFFIXES, read_pixels
from edge_export.errors import RequestError
from edge_export.mothers.protocol import Recordings

GOLDENS = 64
CALIBRATION_BATCH = 64


@dataclass(frozen=True)
class LabeledImages:
    """Images `(count, channels, height, width)`, values in 0..1, and their class indices `(count,)`.

    The two parts have no image in common. `train_…` is for training and calibration, `held_out_…` for measurements.
    """

    train_images: Tensor
    train_targets: Tensor
    held_out_images: Tensor
    held_out_targets: Tensor

    def recordings(self) -> Recordings:
        """Returns training images in batches for calibration, and the first held-out images as goldens."""
        return Recordings(
            batches=[(batch,) for batch in torch.split(self.train_images, CALIBRATION_BATCH)],
            goldens=(self.held_out_images[:GOLDENS],),
            held_out=(self.held_out_images,),
            targets=self.held_out_targets,
            metric="top1",
        )


def stratified_split(images: Tensor, targets: Tensor, *, held_out: float, seed: int) -> LabeledImages:
    """Splits off the share `held_out` of each class; the rest is for training. Both parts are shuffled.

    The same seed gives the same split.
    """
    rng = np.random.default_rng(seed)
    train: list[int] = []
    held: list[int] = []
    for label in np.unique(targets.numpy()):
        indices = rng.permutation(np.flatnonzero(targets.numpy() == label))
        count = round(len(indices) * held_out)
        held += indices[:count].tolist()
        train += indices[count:].tolist()
    train_index, held_index = torch.from_numpy(rng.permutation(train)), torch.from_numpy(rng.permutation(held))
    return LabeledImages(images[train_index], targets[train_index], images[held_index], targets[held_index])


def read_class_folders(folder: Path, labels: Sequence[str], resolution: int) -> tuple[Tensor, Tensor]:
    """Reads the images in `folder/<label>` as gray `(count, 1, resolution, resolution)` in 0..1, and their classes.

    Raises:
        RequestError: A folder is missing, a label has fewer than two images, or an image cannot be read.
    """
    files: list[tuple[Path, int]] = []
    for index, label in enumerate(labels):
        found = sorted(path for path in (folder / label).glob("*") if path.suffix.lower() in SUFFIXES)
        if len(found) < 2:
            raise RequestError(
                f"data {folder}: {len(found)} images in {folder / label}; "
                f"give a folder for each of {', '.join(labels)}, with at least two .png or .jpg images in each"
            )
        files += [(path, index) for path in found]
    images = [
        torch.from_numpy(read_pixels(path, 1, resolution, resolution).transpose(2, 0, 1).copy()) for path, _ in files
    ]
    return torch.stack(images), torch.tensor([index for _, index in files])
