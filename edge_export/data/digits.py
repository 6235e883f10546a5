"""Handwritten digits: scikit-learn's 1,797 real scans of 8 × 8 pixels, resized to 32 × 32 for a small CNN."""

from __future__ import annotations

from pathlib import Path

from edge_export.data.labeled_images import LabeledImages, read_class_folders, stratified_split
from edge_export.mothers.protocol import Recordings

RESOLUTION = 32
LABELS = tuple("0123456789")
HELD_OUT = 0.25
SPLIT_SEED = 0


def open_digits(where: str = "builtin") -> LabeledImages:
    """Opens training and held-out images, `(count, 1, 32, 32)` in 0..1, with bright ink on a dark background.

    Args:
        where: "builtin" for scikit-learn's digits, or a folder with the subfolders 0 to 9 of images.

    Raises RequestError like `read_class_folders`.
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
    """Returns the built-in digits as recordings, for calibration and verification."""
    return open_digits().recordings()
