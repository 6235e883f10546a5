"""Handwritten digits: scikit-learn's 1,797 real scans of 8 × 8 pixels, resized to 32 × 32 for a small CNN."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from edge_export.data.labeled_images import LabeledImages, read_class_folders, stratified_split
from edge_export.errors import RequestError
from edge_export.mothers.protocol import Recordings

RESOLUTION = 32
SCAN = (8, 8)
INK = 16
"""The darkest value of a scan."""
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
        from torch.nn.functional import interpolate

        table = np.loadtxt(_scans(), delimiter=",", dtype=np.float32)
        scans = torch.from_numpy(table[:, :-1]).reshape(-1, 1, *SCAN) / INK
        images = interpolate(scans, size=(RESOLUTION, RESOLUTION), mode="bilinear").clamp(0, 1)
        targets = torch.from_numpy(table[:, -1].astype(np.int64))
    return stratified_split(images, targets, held_out=HELD_OUT, seed=SPLIT_SEED)


def _scans() -> Path:
    """Returns the file of scikit-learn's scans: 64 pixels and the digit in each line. Importing it takes a second."""
    spec = find_spec("sklearn")
    if spec is None or spec.origin is None:
        raise RequestError("the built-in digits are scikit-learn's, which is not installed: pip install scikit-learn")
    return Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz"


def recordings() -> Recordings:
    """Returns the built-in digits as recordings, for calibration and verification."""
    return open_digits().recordings()
