"""Finds where a member leaves the range of float16, or loses its digits, to tell it of a float16 file that is wrong."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from edge_export.formats.program import place_of
from edge_export.pipeline.calibration_inputs import calibration_inputs
from edge_export.pipeline.rounded_run import LARGEST, SMALLEST, RoundedRun
from edge_export.tasks.extremes import KINDS, RECORDED

if TYPE_CHECKING:
    from torch import nn
    from torch.export import ExportedProgram

    from edge_export.files.arrays import Array
    from edge_export.mothers.protocol import Recordings
    from edge_export.spec.tensors import IOSpec

SAMPLES = 8
MOST_SECONDS = 20.0
"""After so long no further sample is run: large networks show the same on few."""


def half_range(
    program: ExportedProgram,
    module: nn.Module,
    io: IOSpec,
    recordings: Recordings,
    extremes: Mapping[str, Array] | None = None,
) -> str:
    """Returns where float16 first overflows, underflows and loses its digits in a member, as a sentence.

    Empty: nowhere. Extremes are looked at only if nothing is found on recordings.

    Args:
        program, module: The member, exported and baked.
        io: Its inputs and outputs.
        recordings: Some are run: calls of the first one, if it streams.
        extremes: Inputs that no recording holds, one of each of `KINDS`, by name. Not those of a member that streams.
    """
    count = SAMPLES if io.stream is None else 1
    first = replace(recordings, batches=[tuple(tensor[:count] for tensor in recordings.goldens)])
    inputs = calibration_inputs(module, io, first)
    if told := first_beyond(program, [inputs[spec.name][:SAMPLES] for spec in io.inputs]):
        return told
    if extremes is None or io.stream is not None:
        return ""
    for index, kind in enumerate(KINDS):
        if kind == RECORDED:
            continue
        if told := first_beyond(program, [extremes[spec.name][index : index + 1] for spec in io.inputs]):
            return f"on {kind}, {told}"
    return ""


def first_beyond(program: ExportedProgram, inputs: Sequence[Array]) -> str:
    """Returns the sentence of `half_range` for inputs in the program's order, `(count, …)` each."""
    network = program.module(check_guards=False)
    assert isinstance(network, torch.fx.GraphModule)
    watched, start = RoundedRun(network), time.monotonic()
    for index in range(len(inputs[0])):
        watched.run_both(*(torch.tensor(array[index : index + 1]) for array in inputs))
        if time.monotonic() - start > MOST_SECONDS:
            break
    over = next((node for node, peak in watched.peaks.items() if peak > LARGEST), None)
    under = next((node for node, peak in watched.peaks.items() if 0 < peak < SMALLEST), None)
    told = []
    if over is not None:
        told.append(
            f"float16 overflows first at {place_of(over)}, at {watched.peaks[over]:.2g} of at most {LARGEST:.0f}"
        )
    if under is not None:
        told.append(
            f"float16 underflows first at {place_of(under)}, whose largest value is {watched.peaks[under]:.2g}, "
            f"less than {SMALLEST:.1g}"
        )
    if over is None and (lost := watched.first_not_finite()) is not None:
        told.append(f"float16 gives NaN or infinity first at {place_of(lost)}")
        told += [f"where {value:g} of {place_of(node)} is 0" for value, node in watched.vanished(lost)]
    elif over is None and (lost := watched.first_coarse()) is not None:
        told.append(f"float16 loses most digits first at {place_of(lost)}, to {watched.snr_db(lost):.0f} dB")
    return "; ".join(told)
