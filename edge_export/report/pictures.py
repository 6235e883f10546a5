"""Goldens of a classifier: what each member says of each of them, and where members disagree."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import numpy as np

from edge_export.files.arrays import Array
from edge_export.report.goldens import Goldens
from edge_export.spec.tensors import IOSpec, TensorSpec

MAX_SIDE = 96
"""Larger images are made smaller."""
MAX_SHOWN = 64


@dataclass(frozen=True)
class Golden:
    """One golden of a classifier.

    Attributes:
        number: Its number, from 1 on.
        picture: A PNG in base64. Empty: it is no image.
        says: What members say, and which: one entry if all say the same.
        target: What is right. Empty: that is not known.
    """

    number: int
    picture: str
    says: tuple[tuple[str, tuple[str, ...]], ...]
    target: str

    @property
    def disputed(self) -> bool:
        return len(self.says) > 1

    @property
    def wrong(self) -> bool:
        return bool(self.target) and any(label != self.target for label, _ in self.says)


def goldens_of(goldens: Goldens, members_io: IOSpec) -> tuple[Golden, ...]:
    """Returns the first goldens with all predictions. Empty: the outputs are no scores of classes."""
    if any(array.ndim != 2 for _, array in goldens.outputs):
        return ()
    labels, spec = members_io.labels, members_io.recorded_inputs[0]
    said = [(name, [_label(labels, int(row.argmax())) for row in array]) for name, array in goldens.outputs]
    images = goldens.inputs[0] if is_image(spec) and goldens.inputs[0].shape[1:] == spec.shape[1:] else None
    found = []
    for index in range(min(MAX_SHOWN, len(goldens.inputs[0]))):
        by_label: dict[str, list[str]] = {}
        for name, of_member in said:
            by_label.setdefault(of_member[index], []).append(name)
        target = goldens.targets[index]
        is_class = target is not None and target.size == 1 and target.dtype.kind in "iu"
        found.append(
            Golden(
                number=index + 1,
                picture="" if images is None else _png(images[index], spec),
                says=tuple((label, tuple(names)) for label, names in by_label.items()),
                target=_label(labels, int(target.item())) if is_class and target is not None else "",
            )
        )
    return tuple(found)


def is_image(spec: TensorSpec) -> bool:
    """Returns whether an input is one gray or RGB image."""
    return spec.layout == "NCHW" and spec.shape[1] in (1, 3)


def _label(labels: tuple[str, ...], index: int) -> str:
    return labels[index] if 0 <= index < len(labels) else f"class {index}"


def _png(image: Array, spec: TensorSpec) -> str:
    """Returns an image `(channels, height, width)` as PNG in base64."""
    from PIL import Image

    pixels = np.nan_to_num(image.astype(np.float64))
    if spec.dtype == "uint8":
        pixels /= 255
    if len(spec.mean) == len(pixels):
        pixels = pixels * np.array(spec.std)[:, None, None] + np.array(spec.mean)[:, None, None]
    if pixels.min() < -0.01 or pixels.max() > 1.01:  # a stranger's own scale
        pixels = (pixels - pixels.min()) / max(pixels.max() - pixels.min(), 1e-12)
    levels = np.round(np.clip(pixels, 0, 1) * 255).astype(np.uint8)
    picture = Image.fromarray(levels[0] if len(levels) == 1 else levels.transpose(1, 2, 0))
    picture.thumbnail((MAX_SIDE, MAX_SIDE))
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode("ascii")
