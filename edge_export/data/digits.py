"""Handwritten digits: scikit-learn's 1,797 real scans of 8 × 8 pixels, enlarged to the 32 × 32 of a small CNN."""

from __future__ import annotations

from pathlib import Path

from edge_export.data.labeled_images import LabeledImages, read_class_folders, stratified_split
from edge_export.mothers.protocol import Recordings

RESOLUTION = 32
LABELS = tuple("0123456789")
HELD_OUT = 0.25
SPLIT_SEED = 0


def open_digits(where: str = "builtin") -> LabeledImages:
    """The digits' training and held-out images, `(count, 1, 32, 32)` in 0..1, ink bright on a dark ground.

    Args:
        where: "builtin" for scikit-learn's digits, or a folder with the sub-folders 0 to 9 of images.

    Raises RequestError as `read_class_folders` does.
    """
    if where != "builtin":
        images, targets = read_class_folders(Path(where), LABELS, RESOLUTION)
    else:
        import torch
        from sklearn.datasets import load_digits
        from torch.nn.functional import interpolate

        bunch = load_digits()
        scans = torch.tensor(bunch.images, dtype=torch.float32)[:, None] / 16
        images = interpolate(scans, size=(RESOLUTION, RESOLUTION), mode="bilinear").clamp(0, 1)
        targets = torch.tensor(bunch.target, dtype=torch.long)
    return stratified_split(images, targets, held_out=HELD_OUT, seed=SPLIT_SEED)


def recordings() -> Recordings:
    """The built-in digits for calibration and proof."""
    return open_digits().recordings()
