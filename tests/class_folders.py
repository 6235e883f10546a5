"""A folder of digits as a user brings one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def write_class_folders(folder: Path, count: int = 8) -> Path:
    """Writes a few noisy images into each of the folders 0 to 9."""
    rng = np.random.default_rng(0)
    for label in range(10):
        (folder / str(label)).mkdir(parents=True)
        for number in range(count):
            pixels = rng.integers(0, 100, (20, 16, 3), dtype=np.uint8)
            pixels[label : label + 3] = 255
            Image.fromarray(pixels).save(folder / str(label) / f"{number}.png")
    return folder
