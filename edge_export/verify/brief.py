"""Shortens what an artifact that streams is compared on, for a runtime that would take an hour for all of it.

A stream's outputs do not depend on later input, but for its delay. So the beginning of a recording needs no other
reference than the beginning of the mother's outputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge_export.files.arrays import Array, load_arrays, save_arrays
from edge_export.spec.recorded import TARGETS
from edge_export.spec.tensors import IOSpec
from edge_export.tasks import METRICS

if TYPE_CHECKING:
    from edge_export.runtimes import Runtime
    from edge_export.verify.artifact import Reference

SECONDS = 1.0
EXTREME_SECONDS = 0.1
LOUD = 0.1
"""A beginning must reach this share of each output's peak. Otherwise it is longer than `SECONDS`."""
CALLS = 400
"""The largest number of calls for the beginnings of all goldens together. A call of `d4w4` takes 0.3 s of this CPU."""
NOTE = "on the beginning of the goldens alone, because this runtime computes float16 in software"


def is_brief(runtime: Runtime, io: IOSpec, precision: str) -> bool:
    """Returns whether a member's artifact at a precision is only compared on beginnings in a runtime."""
    return io.stream is not None and precision in runtime.brief_at


def brief(reference: Reference, io: IOSpec, folder: Path) -> Reference:
    """Returns a reference with the beginnings of the goldens and the extremes, without the rest of the held-out set.

    The task metric is measured on the goldens, if they are a part of the held-out set.

    Args:
        io: The member's inputs and outputs, with a stream.
        folder: A folder for its files.
    """
    assert io.stream is not None
    golden, inputs = load_arrays(reference.golden), load_arrays(reference.inputs)
    count = len(next(iter(golden.values())))
    inputs = {name: array[:count] for name, array in inputs.items()}
    most = max(1, CALLS // count) * io.stream.hop * io.stream.frames_per_call
    samples = _loud_samples(golden, min(most, round(SECONDS * io.stream.sample_rate)), most)
    shorter = replace(
        reference,
        inputs=_save(folder / "brief_inputs.safetensors", inputs, samples + io.stream.delay),
        golden=_save(folder / "brief_golden.safetensors", golden, samples),
        held_out=None,
        mother_metric=None,
    )
    if reference.extremes is not None:
        short = round(EXTREME_SECONDS * io.stream.sample_rate)
        files = (folder / f"brief_extreme_{side}.safetensors" for side in ("inputs", "outputs"))
        lengths = (short + io.stream.delay, short)
        given, expected = (
            _save(file, load_arrays(path), length)
            for file, path, length in zip(files, reference.extremes, lengths, strict=True)
        )
        shorter = replace(shorter, extremes=(given, expected))
    held_out = {} if reference.held_out is None else load_arrays(reference.held_out)
    same = bool(held_out) and all(np.array_equal(held_out[name][:count], array) for name, array in inputs.items())
    if not same or reference.metric not in METRICS:
        return shorter
    targets = held_out[TARGETS][:count, ..., :samples]
    save_arrays(folder / "brief_held_out.safetensors", {TARGETS: np.ascontiguousarray(targets)})
    of_mother = METRICS[reference.metric].measure(golden[io.outputs[0].name][..., :samples], targets)
    return replace(shorter, held_out=folder / "brief_held_out.safetensors", mother_metric=of_mother)


def _loud_samples(golden: Mapping[str, Array], samples: int, most: int) -> int:
    """Returns the number of samples of a beginning in which every output of every golden is loud, at most `most`."""
    longest = min(most, max(array.shape[-1] for array in golden.values()))
    peaks = {name: np.abs(array).reshape(len(array), -1).max(1) for name, array in golden.items()}

    def loud(count: int) -> bool:
        beginnings = {name: np.abs(array[..., :count]).reshape(len(array), -1).max(1) for name, array in golden.items()}
        return all((beginnings[name] >= LOUD * peaks[name]).all() for name in golden)

    return next((count for count in range(samples, longest, samples) if loud(count)), longest)


def _save(path: Path, arrays: Mapping[str, Array], samples: int) -> Path:
    save_arrays(path, {name: np.ascontiguousarray(array[..., :samples]) for name, array in arrays.items()})
    return path
