"""The worker task "prepare": extracts, calibrates, bakes, exports and proves one member. See `member.py`."""

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
from edge_export.spec.agreement import Agreement
from edge_export.spec.results import Approximation, Stage
from edge_export.spec.tensors import IO
from edge_export.spec.tolerance import Tolerance
from edge_export.workers.task import FolderPath, Message, WorkerTask

if TYPE_CHECKING:
    from torch.export import ExportedProgram

GOLDEN, EXTREMES = "golden.safetensors", "extremes.safetensors"
"""The mother's outputs, which the worker task writes to its workdir in addition to PROGRAM and CALIBRATION."""

Options = dict[str, bool | int | float | str]


class PrepareRequest(Message):
    """The request of the worker task "prepare".

    Attributes:
        source: The mother.
        recorded: The recorded data to prove the member on.
        config: The text that names its configuration.
        options: The options of the member's baker.
        batches: The number of batches to calibrate with. None: all.
        calibrate: Whether to write CALIBRATION, the inputs that quantizers are calibrated with.
        halved: Whether to find where it leaves the range of float16.
        workdir: An existing folder.
    """

    source: MotherSource
    recorded: RecordedFiles
    config: str
    options: Options = Field(default_factory=dict)
    batches: int | None
    calibrate: bool
    halved: bool = False
    workdir: FolderPath


class PrepareAnswer(Message):
    """The answer of the worker task "prepare": the facts for the manifest.

    Attributes:
        stages: The agreement of each stage with the mother, not yet judged by a tolerance.
        approximation: The approximation that its options request.
        rounding: How far the mother's outputs are rounded by float32. None: unknown.
        half_range: Where it leaves the range of float16. Empty: nowhere, or it was not asked for.
        coarsest: Where int8 costs most: see `coarsest_layer`. Empty: nowhere much, or no calibration was asked for.
        lines: Where the user's own file calls its operators: see `operator_lines`.
        sounds: The names of sound files of its outputs in the workdir.
        digest: The digest of the exported program.
        seconds: The duration.
    """

    io: IO
    latency_ms: float | None
    params: int
    macs: int
    weight_bytes: int
    peak_activation_bytes: int
    calibration_batches: int
    folded: int
    refused: tuple[Refusal, ...]
    metric: float | None
    stages: tuple[Stage, ...]
    approximation: Approximation | None
    rounding: Agreement | None
    half_range: str
    coarsest: str
    lines: dict[str, str]
    sounds: tuple[str, ...]
    digest: str
    seconds: float


def prepare(request: PrepareRequest) -> PrepareAnswer:
    """Extracts, calibrates, bakes, exports and proves one member.

    Raises:
        RequestError: A stage could not be made.
    """
    import torch

    from edge_export.baking import expand_batchnorm
    from edge_export.baking.export import operator_lines
    from edge_export.formats.coarse import coarsest_layer
    from edge_export.pipeline.calibration_inputs import calibration_inputs
    from edge_export.pipeline.half_range import half_range
    from edge_export.pipeline.member import prepare_member
    from edge_export.pipeline.recordings import task_of

    started = time.monotonic()
    mother, recordings, _ = opened(request.source)
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
    coarsest = coarsest_layer(prepared.program, prepared.io, workdir / CALIBRATION) if request.calibrate else ""
    beyond = ""
    if request.halved:
        beyond = half_range(prepared.program, prepared.baked.module, prepared.io, recordings, extremes)
    task = task_of(request.source.spec, mother)
    sounds = task.write_goldens(workdir, mother.space.name(config), prepared.golden[io.outputs[0].name], io)
    return PrepareAnswer(
        io=prepared.io,
        latency_ms=prepared.io.stream.latency_ms if prepared.io.stream else None,
        params=prepared.complexity.params,
        macs=prepared.complexity.macs,
        weight_bytes=prepared.complexity.weight_bytes,
        peak_activation_bytes=prepared.complexity.peak_activation_bytes,
        calibration_batches=prepared.calibration_batches,
        folded=sum(change.rule != expand_batchnorm.NAME for change in prepared.baked.applied),
        refused=tuple(Refusal(**asdict(refusal)) for refusal in prepared.baked.refused),
        metric=prepared.metric,
        stages=tuple(Stage(stage.name, stage.agreement) for stage in prepared.stages),
        approximation=prepared.approximation,
        rounding=prepared.rounding,
        half_range=beyond,
        coarsest=coarsest,
        lines=operator_lines(prepared.program),
        sounds=tuple(path.name for path in sounds),
        digest=program_digest(prepared.program),
        seconds=time.monotonic() - started,
    )


def program_digest(program: ExportedProgram) -> str:
    """Returns the SHA-256 of everything that determines an exported program: graph, signature and constants."""
    digest = hashlib.sha256(f"{program.graph}\n{program.graph_signature}\n".encode())
    tensors: Mapping[str, Any] = {**program.state_dict, **program.constants}
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().contiguous().numpy().tobytes())
    return digest.hexdigest()


PREPARE = WorkerTask("prepare", PrepareRequest, PrepareAnswer, prepare)
