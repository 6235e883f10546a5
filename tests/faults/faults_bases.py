"""Healthy artifacts of real members, each compiled once, with all that a verdict on a changed copy needs."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import torch
from isolated_environments import isolated

from edge_export.baking.bake import Options
from edge_export.bundle import manifest
from edge_export.bundle.folder import Bundle, describe_file
from edge_export.bundle.numerics import ArtifactRun
from edge_export.files.arrays import Array, load_arrays, save_arrays
from edge_export.formats import FORMATS
from edge_export.formats.compile import compile_in_worker
from edge_export.formats.compile_task import CompileRequest
from edge_export.mothers.catalog import open_mother
from edge_export.mothers.protocol import IOSpec, Mother, Recordings
from edge_export.pipeline.calibration_inputs import calibration_inputs
from edge_export.pipeline.member import PreparedMember, prepare_member
from edge_export.pipeline.recordings import metric_of, recordings_of
from edge_export.pipeline.target import at_precisions, read_target
from edge_export.runtimes.run import RUN, CompiledFile, RunRequest
from edge_export.spec.recorded import TARGETS, named
from edge_export.tasks import task_for
from edge_export.verify.artifact import Reference, join_inputs, measure_artifact
from edge_export.verify.verdict import run_everywhere, worst
from edge_export.workers import Pool

TARGET = {"executorch": "linux", "executorch/coreml": "ios", "tflite": "linux", "coreml": "ios", "coreai": "ios"}
"""By format, or by format and backend."""
INT8 = {"executorch": "dynamic", "tflite": "dynamic", "coreml": "linear8", "coreai": "linear8"}
"""Each format's scheme in which weights can be found again."""
RUN_TIMEOUT_S = 60.0
BATCHES = 4
HALF_A_SECOND = slice(8000, 16000)


@dataclass(frozen=True)
class Place:
    """Where everything is made: a folder and the workers of the whole test run."""

    folder: Path
    pool: Pool


@dataclass(frozen=True)
class Recorded:
    """Real input of a mother: what a build is proven on, and what no verifier has seen."""

    recordings: Recordings
    unseen: Array


@dataclass(frozen=True, eq=False)
class Base:
    """A healthy artifact.

    Attributes:
        made_as: Its format, or format and backend: a key of `TARGET`.
        entry: What a manifest says of the file.
        weights: The member's tensors by name, as they were given to the converter.
        unseen: Files of inputs that the verifier does not have: "recorded" ones, and "noise".
    """

    name: str
    made_as: str
    place: Place
    artifact: manifest.Artifact
    file: CompiledFile
    entry: manifest.File
    reference: Reference
    weights: dict[str, Array]
    unseen: dict[str, Path]

    def verdict(self, changed: CompiledFile) -> ArtifactRun:
        """What the verifier says of `changed` in the place of the healthy file: the worst of all runtimes."""
        workdir, log = self.place.folder / "verdict", self.place.folder / "verdict.log"
        return worst(
            run_everywhere(
                self.artifact,
                member_tolerance(),
                lambda runtime: measure_artifact(
                    self.place.pool, changed, runtime, self.reference, workdir, log, precision=self.artifact.precision
                ),
            )
        )

    def copy(self, folder: Path) -> CompiledFile:
        """The healthy file once more, to be changed."""
        path = folder / self.file.path.name
        (shutil.copytree if self.file.path.is_dir() else shutil.copy)(self.file.path, path)
        return self.file.model_copy(update={"path": path})

    def why_changed(self, changed: CompiledFile) -> str | None:
        """What a manifest of the healthy file says of `changed`."""
        return Bundle(changed.path.parent, None, None).why_changed(self.entry)

    @cached_property
    def healthy_outputs(self) -> dict[str, dict[str, Array]]:
        """The healthy file's outputs on each file of `unseen`."""
        return {kind: outputs_of(self.place, self.file, inputs) for kind, inputs in self.unseen.items()}


def member_tolerance():
    return read_target("linux").tolerance("member", "fp32")


def outputs_of(place: Place, file: CompiledFile, inputs: Path) -> dict[str, Array]:
    """What a file gives on `inputs`; WorkerError when it can't be run."""
    request = RunRequest(
        file=file,
        inputs=inputs,
        outputs=place.folder / "outputs.safetensors",
        stream=file.member_io.stream is not None,
    )
    log = place.folder / "run.log"
    place.pool.submit(RUN, request, kind=file.format, timeout_s=RUN_TIMEOUT_S, log=log).result()
    return load_arrays(request.outputs)


@cache
def mother(name: str) -> Mother:
    return open_mother(name)


@cache
def recorded(name: str) -> Recorded:
    """The mother's own recordings, fewer and shorter: many faults are run on them."""
    own = recordings_of(name, mother(name), None)
    held_out, targets = own.held_out[0], own.targets
    assert targets is not None
    if name == "digits":
        few = replace(
            own,
            batches=own.batches[:BATCHES],
            goldens=(held_out[:48],),
            held_out=(held_out[:64],),
            targets=targets[:64],
        )
        return Recorded(few, held_out[64:112].numpy())
    few = replace(
        own,
        batches=[(own.batches[0][0][:4, ..., :16000],)],
        goldens=(held_out[:2, ..., HALF_A_SECOND],),
        held_out=(held_out[:3, ..., HALF_A_SECOND],),
        targets=targets[:3, ..., HALF_A_SECOND],
    )
    return Recorded(few, held_out[4:6, ..., HALF_A_SECOND].numpy())


@cache
def prepared(name: str, config: str) -> PreparedMember:
    """A proven member of the catalog's mother `name`."""
    member = prepare(mother(name), name, config)
    assert member.reason == ""
    return member


def prepare(owner: Mother, name: str, config: str, options: Options | None = None) -> PreparedMember:
    """The member of `owner` at `config`, proven on the recordings of the catalog's mother `name`."""
    recordings = recorded(name).recordings
    extremes = task_for(owner.io).extremes(owner.io, _named(owner.io, recordings.goldens))
    return prepare_member(
        owner,
        owner.space.parse(config),
        recordings,
        member_tolerance(),
        options=options,
        extremes=tuple(torch.from_numpy(extremes[spec.name]) for spec in owner.io.inputs),
    )


@cache
def base(place: Place, name: str, config: str, made_as: str, precision: str) -> Base:
    """The healthy artifact of a member, which must pass."""
    format_name, _, backend = made_as.partition("/")
    if environment := FORMATS[format_name].environment:
        isolated(environment)
    member, owner = prepared(name, config), mother(name)
    folder = place.folder / f"{name}-{config}"
    reference = _write(folder, owner.io, member, recorded(name).recordings)
    target = at_precisions(read_target(TARGET[made_as]), [precision])
    plan = next(p for p in target.artifacts if p.format == format_name)
    plan = plan.model_copy(update={"backend": backend or plan.backend})
    options, calibration = {"backend": plan.backend, **plan.options}, None
    if precision == "int8":
        options["scheme"], calibration = INT8[format_name], folder / "calibration.safetensors"
        save_arrays(calibration, calibration_inputs(member.baked.module, member.io, recorded(name).recordings))
    request = CompileRequest(
        format=format_name,
        precision=precision,
        options=options,
        program=folder / "program.pt2",
        io=member.io,
        calibration=calibration,
        workdir=folder / plan.label,
    )
    compiled = compile_in_worker(place.pool, request, place.folder / "compile.log")
    path = request.workdir / compiled.file
    program = member.program
    tensors = {**program.state_dict, **program.constants}
    first = owner.io.inputs[0]
    made = Base(
        name=f"{name}-{config}-{made_as}-{precision}",
        made_as=made_as,
        place=place,
        artifact=manifest.Artifact(
            format=format_name,
            backend=plan.backend,
            precision=precision,
            file=None,
            io=compiled.io,
            tolerance=target.tolerance(format_name, precision),
            status="passed",
            reason="",
        ),
        file=CompiledFile(format=format_name, backend=plan.backend, path=path, io=compiled.io, member_io=member.io),
        entry=describe_file(path.parent, path),
        reference=reference,
        weights={key: tensor.detach().numpy() for key, tensor in tensors.items() if isinstance(tensor, torch.Tensor)},
        unseen=_write_unseen(folder, first.name, recorded(name).unseen),
    )
    run = made.verdict(made.file)
    assert run.verdict == "passed", run.reason
    return made


def _write(folder: Path, io: IOSpec, member: PreparedMember, recordings: Recordings) -> Reference:
    """The files of a member that verification reads, as a build leaves them."""
    goldens, held_out = folder / "goldens.safetensors", folder / "held_out.safetensors"
    recorded_inputs = _named(io, recordings.goldens)
    save_arrays(goldens, recorded_inputs)
    save_arrays(folder / "extremes.safetensors", task_for(io).extremes(io, recorded_inputs))
    assert recordings.targets is not None
    metric = metric_of(recordings)
    save_arrays(held_out, _named(io, recordings.held_out) | {TARGETS: recordings.targets.numpy()})
    save_arrays(folder / "golden.safetensors", member.golden)
    save_arrays(folder / "expected.safetensors", member.extremes)
    torch.export.save(member.program, folder / "program.pt2")
    return Reference(
        inputs=join_inputs(folder / "inputs.safetensors", goldens, held_out),
        golden=folder / "golden.safetensors",
        held_out=held_out,
        metric=metric.name,
        unit=metric.unit,
        mother_metric=member.metric,
        extremes=(folder / "extremes.safetensors", folder / "expected.safetensors"),
    )


def _write_unseen(folder: Path, name: str, recorded_inputs: Array) -> dict[str, Path]:
    noise = np.random.default_rng(2).uniform(recorded_inputs.min(), recorded_inputs.max(), recorded_inputs.shape)
    files = {"recorded": folder / "unseen.safetensors", "noise": folder / "noise.safetensors"}
    save_arrays(files["recorded"], {name: recorded_inputs})
    save_arrays(files["noise"], {name: noise.astype(np.float32)})
    return files


def _named(io: IOSpec, tensors: tuple[torch.Tensor, ...]) -> dict[str, Array]:
    return named(io.inputs, tensors, whole_recordings=io.stream is not None)
