"""The worker task "prepare": one member, extracted, calibrated, baked, exported and proven; see `member.py`."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pydantic import Field

from edge_export.bundle.manifest import Refusal
from edge_export.files.arrays import load_arrays, save_arrays
from edge_export.formats.program import CALIBRATION, PROGRAM
from edge_export.pipeline.mother_source import MotherSource, RecordedFiles
from edge_export.pipeline.opened import as_recorded, opened
from edge_export.spec.results import Approximation, Stage
from edge_export.spec.tensors import IO
from edge_export.spec.tolerance import Tolerance
from edge_export.workers.task import FolderPath, Message, WorkerTask

if TYPE_CHECKING:
    from torch.export import ExportedProgram

GOLDEN, EXTREMES = "golden.safetensors", "extremes.safetensors"
"""What the task leaves in its workdir beside PROGRAM and CALIBRATION: the mother's outputs."""

Options = dict[str, bool | int | float | str]


class PrepareRequest(Message):
    """Which member to prepare.

    Attributes:
        config: The text that names its configuration.
        options: Of the member's baker.
        batches: How many batches to calibrate over; None for all.
        calibrate: Whether quantizers will want real inputs, CALIBRATION.
        workdir: A folder, which exists.
    """

    source: MotherSource
    recorded: RecordedFiles
    config: str
    options: Options = Field(default_factory=dict)
    batches: int | None
    calibrate: bool
    workdir: FolderPath


class PrepareAnswer(Message):
    """A proven member: what a manifest says of it.

    Attributes:
        stages: How each stage agrees with the mother, free of any tolerance.
        approximation: What its options approximate.
        sounds: Names of files in the workdir that show its outputs to people.
        digest: Of the exported program.
        seconds: How long it took.
    """

    io: IO
    latency_ms: float | None
    params: int
    macs: int
    peak_activation_bytes: int
    calibration_batches: int
    folded: int
    refused: tuple[Refusal, ...]
    metric: float | None
    stages: tuple[Stage, ...]
    approximation: Approximation | None
    sounds: tuple[str, ...]
    digest: str
    seconds: float


def prepare(request: PrepareRequest) -> PrepareAnswer:
    """Extract, calibrate, bake, export and prove one member.

    Raises:
        RequestError: A stage could not be made at all.
    """
    import torch

    from edge_export.pipeline.calibration_inputs import calibration_inputs
    from edge_export.pipeline.member import prepare_member
    from edge_export.pipeline.recordings import task_of

    started = time.monotonic()
    mother, recordings = opened(request.source)
    io, workdir = mother.io, request.workdir
    recordings = as_recorded(mother, recordings, request.recorded.inputs, request.recorded.held_out)
    extremes = load_arrays(request.recorded.extremes)
    config = mother.space.parse(request.config)
    prepared = prepare_member(
        mother,
        config,
        recordings,
        Tolerance(snr_db=0, max_abs_of_peak=1),
        request.batches,
        request.options,
        extremes=tuple(torch.from_numpy(extremes[spec.name]) for spec in io.inputs),
    )
    torch.export.save(prepared.program, workdir / PROGRAM)
    save_arrays(workdir / GOLDEN, prepared.golden)
    save_arrays(workdir / EXTREMES, prepared.extremes)
    if request.calibrate:
        save_arrays(workdir / CALIBRATION, calibration_inputs(prepared.baked.module, prepared.io, recordings))
    task = task_of(request.source.spec, mother)
    sounds = task.write_goldens(workdir, mother.space.name(config), prepared.golden[io.outputs[0].name], io)
    return PrepareAnswer(
        io=prepared.io,
        latency_ms=prepared.io.stream.latency_ms if prepared.io.stream else None,
        params=prepared.complexity.params,
        macs=prepared.complexity.macs,
        peak_activation_bytes=prepared.complexity.peak_activation_bytes,
        calibration_batches=prepared.calibration_batches,
        folded=len(prepared.baked.applied),
        refused=tuple(Refusal(**asdict(refusal)) for refusal in prepared.baked.refused),
        metric=prepared.metric,
        stages=tuple(Stage(stage.name, stage.agreement) for stage in prepared.stages),
        approximation=prepared.approximation,
        sounds=tuple(path.name for path in sounds),
        digest=program_digest(prepared.program),
        seconds=time.monotonic() - started,
    )


def program_digest(program: ExportedProgram) -> str:
    """SHA-256 of all that an exported program computes: its graph, its boundary, and every constant."""
    digest = hashlib.sha256(f"{program.graph}\n{program.graph_signature}\n".encode())
    tensors: Mapping[str, Any] = {**program.state_dict, **program.constants}
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().contiguous().numpy().tobytes())
    return digest.hexdigest()


PREPARE = WorkerTask("prepare", PrepareRequest, PrepareAnswer, prepare)
