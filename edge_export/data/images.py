"""Reads image files that are not trusted."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edge_export.errors import RequestError, one_line
from edge_export.files.arrays import Array
from edge_export.spec.tensors import TensorSpec


def read_image(path: Path, spec: TensorSpec) -> Array:
    """Reads an image as `(1, channels, height, width)`, normalized as `spec` defines.

    Raises RequestError if the file is not an image.
    """
    from PIL import Image, UnidentifiedImageError

    _, channels, height, width = spec.shape
    try:
        with Image.open(path) as image:
            pixels = image.convert("L" if channels == 1 else "RGB").resize((width, height), Image.Resampling.BILINEAR)
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        raise RequestError(f"{path} is no image that can be read ({one_line(error, 120)}): give another") from error
    values = np.asarray(pixels, np.float32).reshape(height, width, channels) / np.float32(255)
    if spec.mean:
        values = (values - np.asarray(spec.mean, np.float32)) / np.asarray(spec.std, np.float32)
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None])
