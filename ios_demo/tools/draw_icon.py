"""Draws the demo app's icon: a family of members, each with twice the cost of the one before.

python ios_demo/tools/draw_icon.py ios_demo/App/EdgeFamilyDemo/Assets.xcassets/AppIcon.appiconset/icon.png
"""

from __future__ import annotations

import struct
import sys
import zlib
from pathlib import Path

import numpy as np

SIZE = 1024
"""Pixels on each side: the one size from which Xcode makes the others."""
GROUND, BAR, LAST = (20, 33, 61), (120, 170, 220), (252, 163, 17)
WIDTH, GAP, FOOT = 128, 56, 824
HEIGHTS = (80, 160, 320, 640)


def covered(left: int, top: int, right: int, foot: int) -> np.ndarray:
    """Returns how much of each pixel a bar with round corners covers, `(SIZE, SIZE)`, 0 to 1."""
    radius = 32
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5
    dx = np.maximum(np.maximum(left + radius - x, x - (right - radius)), 0)
    dy = np.maximum(np.maximum(top + radius - y, y - (foot - radius)), 0)
    return np.clip(radius + 0.5 - np.hypot(dx, dy), 0, 1)


def icon() -> np.ndarray:
    """Returns the picture, `(SIZE, SIZE, 3)`, 8 bits a color. An icon has no transparency."""
    picture = np.full((SIZE, SIZE, 3), GROUND, np.float64)
    left = (SIZE - len(HEIGHTS) * WIDTH - (len(HEIGHTS) - 1) * GAP) // 2
    for number, height in enumerate(HEIGHTS):
        start = left + number * (WIDTH + GAP)
        part = covered(start, FOOT - height, start + WIDTH, FOOT)[..., None]
        picture += part * (np.array(LAST if height == HEIGHTS[-1] else BAR) - picture)
    return np.rint(picture).astype(np.uint8)


def png(picture: np.ndarray) -> bytes:
    """Returns a picture in 8 bit RGB as a PNG file."""
    height, width, _ = picture.shape
    lines = np.concatenate([np.zeros((height, 1), np.uint8), picture.reshape(height, -1)], axis=1)
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))]
    chunks += [(b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b"")]
    parts = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(png(icon()))
