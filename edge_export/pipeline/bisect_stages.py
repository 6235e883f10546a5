"""The worker task "bisect_stages": bisects each stage from the mother to the exported program.

A stage is compared, operator by operator, with the network that is its reference, on a few of the goldens. The exported
program is compared with the baked module, because it has the same operators. A streaming step reads one part of a
recording per call, so the values inside it have no counterpart in a network that reads whole recordings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from edge_export.bisect.artifact import SAMPLES
from edge_export.bisect.divergence import bisect
from edge_export.bisect.values import Bisection, Value
from edge_export.formats.compile_task import Options
from edge_export.formats.program import CALIBRATION, PROGRAM
from edge_export.pipeline.mother_source import MotherSource
from edge_export.pipeline.opened import as_recorded, opened
from edge_export.spec.tolerance import Tolerance
from edge_export.workers.task import FolderPath, InputPath, Message, WorkerTask

if TYPE_CHECKING:
    from torch import nn

    from edge_export.mothers.protocol import Config

STREAMED = "values inside a streaming step can't be compared with those of whole recordings"


class BisectStagesRequest(Message):
    """The request of the worker task "bisect_stages".

    Attributes:
        source: The mother.
        config: The text that names the member's configuration.
        options: The options of its baker.
        batches: The number of batches to calibrate its statistics with. None: all, or it is not calibrated.
        inputs: A safetensors file of the golden inputs.
        tolerance: The tolerance of its stages.
        calibrate: Whether the compilation of an artifact needs calibration inputs.
        workdir: An existing folder. Receives PROGRAM, a few of its inputs (SAMPLES), and CALIBRATION if `calibrate`.
    """

    source: MotherSource
    config: str
    options: Options = Field(default_factory=dict)
    batches: int | None
    inputs: InputPath
    tolerance: Tolerance
    calibrate: bool
    workdir: FolderPath


class BisectStagesAnswer(Message):
    """The answer of the worker task "bisect_stages": one result per stage."""

    stages: tuple[Bisection, ...]


def bisect_stages(request: BisectStagesRequest) -> BisectStagesAnswer:
    """Makes a member again, as `member.py` does, and bisects every stage.

    Raises:
        RequestError: A stage could not be made.
    """
    import torch

    from edge_export.bisect.program_values import program_values
    from edge_export.bisect.samples import call_samples, whole_samples
    from edge_export.bisect.torch_values import torch_values
    from edge_export.files.arrays import load_arrays, save_arrays
    from edge_export.pipeline.calibration_inputs import calibration_inputs
    from edge_export.pipeline.member import prepare_member

    mother, recordings, _ = opened(request.source)
    recordings = as_recorded(mother, recordings, request.inputs, None)
    goldens, workdir, tolerance = load_arrays(request.inputs), request.workdir, request.tolerance
    samples = whole_samples(mother.io, goldens)
    inputs = tuple(torch.from_numpy(samples[spec.name]) for spec in mother.io.inputs)
    found: list[Bisection] = []

    def compare(stage: str, expected: tuple[list[Value], list[str]], inside: tuple[list[Value], list[str]]) -> None:
        outputs = dict(zip(inside[1], expected[1], strict=False))
        found.append(bisect(stage, expected[0], inside[0], outputs, tolerance.snr_db))

    def look(stage: str, network: nn.Module, against: nn.Module, config: Config | None) -> None:
        if stage != "exported" and not (stage == "baked" and mother.io.stream):
            compare(stage, torch_values(against, inputs, config), torch_values(network, inputs))

    config = mother.space.parse(request.config)
    prepared = prepare_member(mother, config, recordings, tolerance, request.batches, request.options, on_stage=look)
    if mother.io.stream:
        reason = next(stage.reason for stage in prepared.stages if stage.name == "baked")
        found.append(Bisection("baked", bool(reason), (), note=f"{reason}; {STREAMED}" if reason else STREAMED))
    calls = call_samples(prepared.baked.module, prepared.io, goldens)
    arrays = [calls[spec.name] for spec in prepared.io.inputs]
    compare(
        "exported",
        torch_values(prepared.baked.module, tuple(map(torch.from_numpy, arrays))),
        program_values(prepared.program, arrays),
    )
    save_arrays(workdir / SAMPLES, calls)
    torch.export.save(prepared.program, workdir / PROGRAM)
    if request.calibrate:
        observed = calibration_inputs(prepared.baked.module, prepared.io, recordings)
        save_arrays(workdir / CALIBRATION, observed)
    return BisectStagesAnswer(stages=tuple(found))


BISECT_STAGES = WorkerTask("bisect_stages", BisectStagesRequest, BisectStagesAnswer, bisect_stages)
