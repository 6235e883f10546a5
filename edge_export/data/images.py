"""Reads image files that are not trusted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge_export.errors import RequestError, one_line
from edge_export.files.arrays import Array
from edge_export.spec.tensors import TensorSpec

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".pgm", ".ppm")
BRIGHT = 0.75
"""The mean gray of what can be seen of a transparent image from which on its background is black."""


def read_image(path: Path, spec: TensorSpec) -> Array:
    """Reads an image as `(1, channels, height, width)`, normalized as `spec` defines; 0..255 for an input of uint8.

    Raises RequestError if the file is not an image.
    """
    _, channels, height, width = spec.shape
    values = read_pixels(path, channels, height, width)
    if spec.dtype == "uint8":
        values = np.rint(values * np.float32(255))
    elif spec.mean:
        values = (values - np.asarray(spec.mean, np.float32)) / np.asarray(spec.std, np.float32)
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None].astype(spec.dtype))


def read_pixels(path: Path, channels: int, height: int, width: int) -> Array:
    """Reads an image as its author saw it, resized: float32 `(height, width, channels)` in 0..1.

    It is turned upright by its EXIF orientation. 16 bits of gray, and gray numbers in 0..1, keep their range.
    Transparent parts are white, or black where the visible parts are so bright that white would hide them.

    Args:
        path: The file.
        channels: 1 for gray, 3 for RGB.
        height, width: The size of the result.

    Raises:
        RequestError: The file is not an image, or the range of its values is unknown.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            if image.format == "TIFF" and image.mode == "I":
                raise ValueError("the range of its 32-bit whole numbers is unknown; 8 and 16 bits have one")
            plain = _flat(_eight_bits_or_float(ImageOps.exif_transpose(image)), channels)
            values = np.asarray(plain.resize((width, height), Image.Resampling.BILINEAR), np.float32)
    # For a damaged file Pillow raises many kinds of exceptions: SyntaxError, struct.error, IndexError, …
    except Exception as error:
        why = one_line(error, 120) or type(error).__name__
        raise RequestError(f"{path} is no image that can be read ({why}): give another") from error
    if plain.mode == "F":
        return np.repeat(values[..., None], channels, axis=2)
    return values.reshape(height, width, channels) / np.float32(255)


def _eight_bits_or_float(image: Image) -> Image:
    """Returns gray of more than 8 bits as numbers in 0..1 (mode F), and other images as they are.

    Pillow's own conversion cuts such values at 0 and 255.

    Raises:
        ValueError: The range of its values is unknown.
    """
    from PIL import Image

    if image.mode != "F" and not image.mode.startswith("I"):
        return image
    if image.has_transparency_data:
        raise ValueError("it has a transparent value beside gray of more than 8 bits")
    values = np.asarray(image, np.float64)
    low, high = float(values.min()), float(values.max())
    if not np.isfinite(values).all() or low < 0:
        raise ValueError(f"its values are {low:g} to {high:g}, and not in 0..1")
    if image.mode == "F":
        whole = high > 1 and high <= 255 and bool((values == np.rint(values)).all())
        largest = 255.0 if whole else 1.0
    else:
        largest = 65535.0
    if high > largest:
        raise ValueError(f"its values go up to {high:g}, where {largest:g} is white")
    return Image.fromarray((values / largest).astype(np.float32))


def _flat(image: Image, channels: int) -> Image:
    """Returns an image without transparency, in mode L, RGB or F."""
    from PIL import Image

    if image.mode == "F":
        return image
    if image.has_transparency_data:
        layers = image.convert("RGBA")
        alpha = np.asarray(layers.getchannel("A"), np.float64)
        gray = np.asarray(layers.convert("RGB").convert("L"), np.float64)
        bright = (gray * alpha).sum() > BRIGHT * 255 * alpha.sum()
        image = Image.alpha_composite(Image.new("RGBA", layers.size, "black" if bright else "white"), layers)
    return image.convert("L" if channels == 1 else "RGB")
