"""A song before and after separation as a picture: four spectrograms above each other.

    python benchmarks/song_picture.py --track recorded_test_0003 --out docs/pictures/separated.png

Shows ten seconds of the mixture, of its vocals, and of what the smallest and the largest member make of it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from edge_export.data.excerpts import recordings
from edge_export.data.musdb import find_tracks
from edge_export.data.music import open_music
from edge_export.members.calibrate import calibrate
from edge_export.mothers.catalog import open_mother
from edge_export.training.separation_validation import read_track

START, SECONDS = 4, 10
FRAME, HOP = 1024, 200
TOP_HZ, FLOOR_DB = 4000, -70.0
LEFT, GAP, ROW = 60, 24, 160


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="default: the separator that ships")
    parser.add_argument("--track", default="recorded_test_0000", metavar="T", help="default: recorded_test_0000")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="a .png")
    args = parser.parse_args()
    mother = open_mother("separator", args.checkpoint)
    rate = mother.settings.sample_rate
    (music,) = open_music("recorded")
    track = next(track for track in find_tracks(music.folder, "test") if track.path.name == args.track)
    mixture, stems = read_track(track, rate, mother.settings.channels, mother.settings.stems)
    rows = {"mixture": mixture[0, 0], "its vocals": stems[0, 0, 0]}
    for config in (mother.space.smallest, mother.space.largest):
        member = mother.extract(config)
        calibrate(member, recordings().batches)
        with torch.no_grad():
            rows[f"vocals by {mother.space.name(config)}"] = member(mixture)[0, 0, 0]
    here = slice(START * rate, (START + SECONDS) * rate)
    picture({name: audio[here].numpy() for name, audio in rows.items()}, rate).save(args.out, optimize=True)
    return 0


def picture(rows: dict[str, NDArray[np.float32]], rate: int) -> Image.Image:
    """Returns the spectrograms `(samples,)`, brightness in dB below the loudest of the first row."""
    levels = {name: _levels(audio, rate) for name, audio in rows.items()}
    top = next(iter(levels.values())).max()
    width = next(iter(levels.values())).shape[1]
    image = Image.new("L", (LEFT + width, len(rows) * (ROW + GAP)), 255)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(12)
    for index, (name, values) in enumerate(levels.items()):
        y = index * (ROW + GAP)
        shades = np.clip((values - top - FLOOR_DB) / -FLOOR_DB, 0, 1) * 255
        panel = Image.fromarray(shades[::-1].astype(np.uint8)).resize((width, ROW))
        image.paste(panel, (LEFT, y + GAP - 4))
        draw.text((LEFT, y + 2), name, 0, font)
        for hertz in range(0, TOP_HZ, 1000):
            draw.text((4, y + GAP - 10 + ROW * (1 - hertz / TOP_HZ)), f"{hertz // 1000} kHz", 0, font)
    return image


def _levels(audio: NDArray[np.float32], rate: int) -> NDArray[np.float64]:
    """Returns levels in dB, `(bins up to TOP_HZ, frames)`."""
    frames = np.lib.stride_tricks.sliding_window_view(audio, FRAME)[::HOP] * np.hanning(FRAME)
    spectrum = np.abs(np.fft.rfft(frames, axis=1))[:, : TOP_HZ * FRAME // rate]
    return 20.0 * np.log10(spectrum.T + 1e-6)


if __name__ == "__main__":
    sys.exit(main())
