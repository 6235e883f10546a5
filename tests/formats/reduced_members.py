"""Members compiled at reduced precision, once for all tests that need them, and how they run."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import compiled_members as members
import numpy as np
import torch
from safetensors.numpy import load_file, save_file

from edge_export.formats import format_of_file
from edge_export.formats.compile_task import COMPILE, CompileRequest
from edge_export.mothers.catalog import open_mother
from edge_export.mothers.protocol import IOSpec, Mother, Recordings
from edge_export.pipeline.member import PreparedMember, prepare_member
from edge_export.pipeline.recordings import recordings_of
from edge_export.runtimes.run import RUN, CompiledFile, RunRequest
from edge_export.spec.agreement import agreement
from edge_export.spec.tolerance import Tolerance

CALIBRATION_SAMPLES = 64
DIGITS = "digits"
"""The smallest member of the digits mother; other names are those of `compiled_members`."""


@cache
def _digits() -> tuple[Mother, Recordings]:
    mother = open_mother("digits")
    return mother, recordings_of("digits", mother, None)


@cache
def _prepared() -> PreparedMember:
    mother, recordings = _digits()
    return prepare_member(
        mother, mother.space.parse("0.25"), recordings, Tolerance(snr_db=90, max_abs_of_peak=1e-4), 16, {}
    )


def member_io(member: str) -> IOSpec:
    return _prepared().io if member == DIGITS else members.MEMBERS[member][1]


@cache
def program(member: str) -> Path:
    if member != DIGITS:
        return members.program(member)
    path = members.folder() / "digits.pt2"
    torch.export.save(_prepared().program, path)
    return path


@cache
def calibration(member: str) -> Path:
    """What quantizers observe: training images of the digits, other inputs than the tests' of the rest."""
    path = members.folder() / f"{member}-calibration.safetensors"
    if member == DIGITS:
        _, recordings = _digits()
        save_file({"image": recordings.batches[0][0][:CALIBRATION_SAMPLES].numpy().copy()}, path)
    else:
        rng = np.random.default_rng(2)
        shapes = {s.name: (CALIBRATION_SAMPLES, *s.shape[1:]) for s in member_io(member).inputs}
        save_file({name: rng.standard_normal(shape, np.float32) for name, shape in shapes.items()}, path)
    return path


def compile_now(
    member: str, format_name: str, workdir: Path, precision: str, scheme: str = "", observed: Path | None = None
) -> dict[str, Any]:
    """What was made: its path, its own io, the notes, and the paths of the stages."""
    workdir.mkdir(parents=True, exist_ok=True)
    request = CompileRequest(
        format=format_name,
        precision=precision,
        options={"scheme": scheme} if scheme else {},
        program=program(member),
        io=member_io(member),
        calibration=observed,
        workdir=workdir,
    )
    answer = members.ask(COMPILE, request, format_name)
    stages = {stage: str(workdir / file) for stage, file in answer.stages.items()}
    return {"path": str(workdir / answer.file), "io": answer.io, "notes": list(answer.notes), "stages": stages}


@cache
def compiled(member: str, format_name: str, precision: str, scheme: str = "") -> dict[str, Any]:
    """The same, once for all tests; do not change the files."""
    workdir = members.folder() / f"reduced-{member}-{format_name}-{precision}-{scheme}"
    return compile_now(member, format_name, workdir, precision, scheme, calibration(member))


def size(path: str) -> int:
    """Bytes of a file or of all in a folder."""
    file = Path(path)
    return file.stat().st_size if file.is_file() else sum(f.stat().st_size for f in file.rglob("*") if f.is_file())


def share(member: str, format_name: str, precision: str, scheme: str = "") -> float:
    """An artifact's bytes by those of the float32 artifact."""
    done, float32 = compiled(member, format_name, precision, scheme), compiled(member, format_name, "fp32")
    return size(done["path"]) / size(float32["path"])


def run(member: str, done: dict[str, Any], folder: Path, *, stage: str = "") -> dict[str, np.ndarray]:
    """The outputs of an artifact, or of a stage on the way to it, on `inputs`, in the member's layouts."""
    save_file(inputs(member), folder / "inputs.safetensors")
    path = Path(done["stages"][stage] if stage else done["path"])
    format_name = stage or format_of_file(path.suffix)
    assert format_name is not None
    request = RunRequest(
        file=CompiledFile(format=format_name, path=path, io=done["io"], member_io=member_io(member)),
        inputs=folder / "inputs.safetensors",
        outputs=folder / "outputs.safetensors",
    )
    members.ask(RUN, request, format_name)
    return load_file(request.outputs)


def inputs(member: str) -> dict[str, np.ndarray]:
    """All held-out digits, or a few random inputs of other members."""
    if member == DIGITS:
        return {"image": _digits()[1].held_out[0].numpy().copy()}
    return members.samples(member, 16)


def labels() -> np.ndarray:
    """Of the held-out digits."""
    targets = _digits()[1].targets
    assert targets is not None
    return targets.numpy()


def snr_db(member: str, outputs: dict[str, np.ndarray]) -> float:
    """Of the worst output, against PyTorch."""
    if member == DIGITS:
        module = _prepared().program.module()
        images = torch.from_numpy(inputs(member)["image"])
        with torch.inference_mode():
            expected = {"logits": torch.cat([module(image) for image in images.split(1)]).numpy()}
    else:
        expected = members.expected(member, inputs(member))
    return min(agreement(expected[name], outputs[name]).snr_db for name in expected)


def own_io(done: dict[str, Any]) -> IOSpec:
    io: IOSpec = done["io"]
    return io
