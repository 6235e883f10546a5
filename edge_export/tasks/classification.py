"""Classification: maps an image, or any tensors, to a score for each class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge_export.data.images import SUFFIXES, read_image
from edge_export.data.result_file import check_file, write_result
from edge_export.errors import RequestError
from edge_export.files.arrays import Array
from edge_export.spec.metric import Metric
from edge_export.spec.tensors import IOSpec
from edge_export.tasks.extremes import extreme_samples
from edge_export.tasks.task import Prediction, PredictionRequest, RunMember, Task
from edge_export.tasks.tensor_files import read_tensor_files

IMAGE_DTYPES = ("float32", "float16", "uint8")
SHOWN = 5
"""The number of classes that are printed."""
TIMEOUT_S = 600.0


def top1(scores: Array, targets: Array) -> float:
    """Returns the share of rows of `scores` `(count, classes)` whose largest score is at `targets` `(count,)`, in %.

    A row with a score that is not finite counts as wrong.
    """
    right = (scores.argmax(-1) == targets) & np.isfinite(scores).all(-1)
    return float(100.0 * right.mean())


def takes_images(io: IOSpec) -> bool:
    """Returns whether the only input is one gray or RGB image, as numbers or as 8 bits."""
    if len(io.inputs) != 1:
        return False
    spec = io.inputs[0]
    return spec.layout == "NCHW" and spec.shape[1] in (1, 3) and spec.dtype in IMAGE_DTYPES


def read_files(files: Sequence[Path], io: IOSpec) -> list[list[Array]] | None:
    """Reads safetensors files, or else images, resized to the input and scaled to 0..1."""
    if (tensors := read_tensor_files(files, io)) is not None:
        return tensors
    images = [path for path in files if path.suffix.lower() in SUFFIXES]
    return [[read_image(path, io.inputs[0])] for path in images] or None if takes_images(io) else None


def extremes(io: IOSpec, goldens: dict[str, Array]) -> dict[str, Array]:
    """Returns extreme samples in the range of the goldens."""
    return {
        spec.name: extreme_samples(goldens[spec.name][0], goldens[spec.name].min(), goldens[spec.name].max())
        for spec in io.inputs
    }


def predict(request: PredictionRequest, run: RunMember) -> Prediction:
    """Classifies an image: the label with the largest score, and the share (softmax) of each label.

    Raises:
        RequestError: The member is not a classifier of images, or the file is not an image.
    """
    io = request.io
    if not io.labels or not takes_images(io):
        raise RequestError(
            f"{request.about['member']} is not a classifier of images; its first input is {io.inputs[0].name}: "
            "choose a member that classifies images"
        )
    if request.output is not None:
        check_file(request.output)
    if not request.source.is_file():
        raise RequestError(f"{request.source} is not a file: give an image")
    ran = run({io.inputs[0].name: read_image(request.source, io.inputs[0])}, timeout_s=TIMEOUT_S)
    scores = ran.outputs[io.outputs[0].name][0].astype(np.float64)
    shares = np.exp(scores - scores.max())
    shares /= shares.sum()
    by_share = {io.labels[index]: float(shares[index]) for index in np.argsort(-scores, kind="stable")}
    label = next(iter(by_share))
    record = {
        **request.about,
        "runtime": ran.runtime,
        "label": label,
        "scores": by_share,
        "seconds": ran.seconds,
    }
    if request.output is not None:
        write_result(request.output, record)
    shown = "  ".join(f"{name} {100 * share:.1f} %" for name, share in list(by_share.items())[:SHOWN])
    return Prediction((label, shown), record)


TASK = Task(
    name="classification",
    description="scores for each class, of an image or any tensors; top-1 on held-out samples",
    metric=Metric("top1", "points", top1),
    fits=lambda io: io.stream is None,
    read_files=read_files,
    max_goldens=64,
    extremes=extremes,
    write_goldens=lambda *_: [],
    predict=predict,
)
