"""Images are read as people see them, or refused in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_export.data.images import read_image, read_pixels
from edge_export.errors import RequestError
from edge_export.spec.tensors import TensorSpec

SHAPE = np.array([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 1.0, 0.5], [0.0, 0.0, 0.25]])
"""Gray values that no turn and no mirror maps onto themselves."""
BYTES = np.rint(255 * SHAPE).astype(np.uint8)
TURNED = {
    1: SHAPE,
    2: SHAPE[:, ::-1],
    3: SHAPE[::-1, ::-1],
    4: SHAPE[::-1],
    5: SHAPE.T,
    6: np.rot90(SHAPE),
    7: SHAPE[::-1, ::-1].T,
    8: np.rot90(SHAPE, -1),
}
"""What a camera stores under each EXIF orientation, so that a viewer shows `SHAPE`."""


def gray(path: Path) -> np.ndarray:
    return read_pixels(path, 1, *SHAPE.shape)[..., 0]


@pytest.mark.parametrize("orientation", TURNED)
def test_a_photo_is_turned_upright(orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.rint(255 * TURNED[orientation]).astype(np.uint8))
    stored.save(tmp_path / "a.png", exif=exif)
    np.testing.assert_allclose(gray(tmp_path / "a.png"), SHAPE, atol=0.01)


def pgm(path: Path, largest: int) -> None:
    values = np.rint(SHAPE * largest).astype(">u2")
    path.write_bytes(f"P5 3 4 {largest}\n".encode() + values.tobytes())


def save(values: np.ndarray, **options: object) -> Callable[[Path], None]:
    return lambda path: Image.fromarray(values).save(path, **options)


RGBA = np.stack([np.full_like(BYTES, 0)] * 3 + [BYTES], axis=-1)
"""Black ink whose transparency holds the shape."""
WHITE = np.stack([np.full_like(BYTES, 255)] * 3 + [BYTES], axis=-1)

READ: dict[str, tuple[str, Callable[[Path], None], np.ndarray]] = {
    "8 bits": ("a.png", save(BYTES), SHAPE),
    "16 bits": ("a.png", save(np.rint(SHAPE * 65535).astype(np.uint16)), SHAPE),
    "16 bits, TIFF": ("a.tif", save(np.rint(SHAPE * 65535).astype(np.uint16)), SHAPE),
    "16 bits, dark": ("a.png", save(np.rint(SHAPE * 4095).astype(np.uint16)), SHAPE / 16),
    "10 bits": ("a.pgm", lambda path: pgm(path, 1023), SHAPE),
    "float": ("a.tif", save(SHAPE.astype(np.float32)), SHAPE),
    "float, 8 bits": ("a.tif", save(BYTES.astype(np.float32)), SHAPE),
    "palette": ("a.gif", lambda path: Image.fromarray(BYTES).convert("P").save(path), SHAPE),
    "one bit": ("a.png", lambda path: Image.fromarray(SHAPE > 0.4).save(path), SHAPE > 0.4),
    "black ink": ("a.png", save(RGBA), 1 - SHAPE),
    "white ink": ("a.png", save(WHITE), SHAPE),
    "gray and alpha": ("a.png", lambda path: Image.fromarray(RGBA).convert("LA").save(path), 1 - SHAPE),
    "WebP": ("a.webp", save(WHITE, lossless=True, exact=True), SHAPE),
    "one transparent value": ("a.png", save(BYTES, transparency=0), SHAPE),
}


@pytest.mark.parametrize("kind", READ)
def test_every_kind_of_image_shows_what_is_seen(kind: str, tmp_path: Path) -> None:
    name, write, seen = READ[kind]
    write(tmp_path / name)
    np.testing.assert_allclose(gray(tmp_path / name), seen, atol=0.01)
    color = read_pixels(tmp_path / name, 3, *SHAPE.shape)
    np.testing.assert_allclose(color, np.repeat(np.asarray(seen)[..., None], 3, axis=2), atol=0.01)


REFUSED: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "not an image": ("a.png", lambda path: path.write_text("la la"), "is no image that can be read"),
    "empty": ("a.png", lambda path: path.write_bytes(b""), "is no image that can be read"),
    "truncated": (
        "a.png",
        lambda path: (save(np.zeros((64, 64, 3), np.uint8))(path), path.write_bytes(path.read_bytes()[:70])),
        "is no image that can be read",
    ),
    "float beyond white": ("a.tif", save((SHAPE * 3.5).astype(np.float32)), "up to 3.5, where 1 is white"),
    "negative": ("a.tif", save((SHAPE - 0.5).astype(np.float32)), r"-0.5 to 0.5, and not in 0\.\.1"),
    "NaN": ("a.tif", save(np.where(SHAPE == 1, np.nan, SHAPE).astype(np.float32)), "nan to nan"),
    "32 bits": ("a.tif", save(BYTES.astype(np.int32)), "range of its 32-bit whole numbers is unknown"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_read_right_is_refused_in_one_line(kind: str, tmp_path: Path) -> None:
    name, write, message = REFUSED[kind]
    write(tmp_path / name)
    with pytest.raises(RequestError, match=message) as error:
        gray(tmp_path / name)
    assert "\n" not in str(error.value)
    assert name in str(error.value)


def test_an_input_of_8_bits_gets_the_bytes_of_the_image(tmp_path: Path) -> None:
    save(BYTES)(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png", TensorSpec("pixels", (1, 1, 4, 3), "uint8", "NCHW"))
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image[0, 0], BYTES)
