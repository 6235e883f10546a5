"""Name what is in a picture, with a member that classifies images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_export.data.images import read_image
from edge_export.errors import RequestError
from edge_export.predict.choice import Choice, run_choice

TIMEOUT_S = 600.0


@dataclass(frozen=True)
class Classified:
    """The label with the largest score, and the share (softmax) of each label, the largest first."""

    label: str
    shares: dict[str, float]
    seconds: float
    runtime: str


def classify(choice: Choice, source: Path, log: Path) -> Classified:
    """Classify the image file `source`, resized to the member's input.

    Raises:
        RequestError: The member is no classifier of images, or the file is no image.
    """
    io = choice.member.io
    if not io.labels or len(io.inputs) != 1 or io.inputs[0].layout != "NCHW" or io.inputs[0].shape[1] not in (1, 3):
        raise RequestError(f"{choice.member.name} is no classifier of images: it takes {io.inputs[0].name}")
    if not source.is_file():
        raise RequestError(f"{source} is no file: give an image")
    image = read_image(source, io.inputs[0])
    ran = run_choice(choice, {io.inputs[0].name: image}, timeout_s=TIMEOUT_S, log=log)
    scores = ran.outputs[io.outputs[0].name][0].astype(np.float64)
    shares = np.exp(scores - scores.max())
    shares /= shares.sum()
    order = np.argsort(-scores, kind="stable")
    return Classified(io.labels[order[0]], {io.labels[i]: float(shares[i]) for i in order}, ran.seconds, ran.runtime)
