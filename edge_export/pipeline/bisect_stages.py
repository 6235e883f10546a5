"""The worker task "bisect_stages": inside each stage from the mother to the exported program.

A stage is compared with the network that it is proven against, operator by operator, on a few of the goldens; only the
exported program, whose operators are the baked module's own, is compared with that. The step of a stream sees another
part of a recording in each call than a network of whole recordings: nothing inside it has a counterpart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from edge_export.bisect.artifact import SAMPLES
from edge_export.bisect.divergence import bisect
from edge_export.bisect.values import Bisection, Value
from edge_export.formats.program import CALIBRATION, PROGRAM
from edge_export.pipeline.mother_source import MotherSource, order
from edge_export.spec.tolerance import Tolerance
from edge_export.workers import Pool

if TYPE_CHECKING:
    from torch import nn

    from edge_export.mothers.protocol import Config

_BISECTIONS = TypeAdapter(list[Bisection])
STREAMED = "what is inside a step can't be compared with whole recordings"


@dataclass(frozen=True)
class MemberRequest:
    """A member to look into.

    Attributes:
        config: The text that names its configuration.
        options: What its baker is told.
        batches: How many batches its statistics are calibrated over; None for all, or where they are not.
        inputs: A safetensors file of the golden inputs.
        tolerance: Of its stages.
        calibrate: Whether an artifact of it needs real inputs to be compiled.
    """

    config: str
    options: Mapping[str, object]
    batches: int | None
    inputs: Path
    tolerance: Tolerance
    calibrate: bool


def bisect_member(pool: Pool, source: MotherSource, member: MemberRequest, workdir: Path, log: Path) -> list[Bisection]:
    """Look inside every stage of a member; what its files are compared with stays in `workdir`.

    Raises:
        RequestError: The mother or the member can't be made.
    """
    args = {
        "config": member.config,
        "options": dict(member.options),
        "batches": member.batches,
        "inputs": str(member.inputs.absolute()),
        "tolerance": member.tolerance.model_dump(),
        "calibrate": member.calibrate,
    }
    return _BISECTIONS.validate_python(order(pool, "bisect_stages", source, args, workdir, log)["stages"])


def bisect_stages(args: dict[str, Any]) -> dict[str, Any]:
    """Make a member again, as `verify/member.py` does, and look inside every stage.

    Args:
        args: As for "open", and `config` (text), `options` (of the member's baker), `batches` (how many to calibrate
            over, or None), `inputs` (the golden inputs), `tolerance` and `calibrate` (whether quantizers will want
            real inputs).

    Returns:
        `stages`, a `Bisection` each. In `workdir` are program.pt2, samples.safetensors, a few inputs of it, and, if
        asked for, calibration.safetensors.

    Raises:
        RequestError: A stage could not be made at all.
    """
    import torch

    from edge_export.bisect.program_values import program_values
    from edge_export.bisect.samples import call_samples, whole_samples
    from edge_export.bisect.torch_values import torch_values
    from edge_export.files.arrays import load_arrays, save_arrays
    from edge_export.pipeline.calibration_inputs import calibration_inputs
    from edge_export.pipeline.member import prepare_member
    from edge_export.pipeline.tasks import as_recorded, opened

    mother, recordings = opened(args["mother"], args["checkpoint"], args["goldens"], args["folder"])
    recordings = as_recorded(mother, recordings, Path(args["inputs"]), None)
    goldens, workdir = load_arrays(Path(args["inputs"])), Path(args["workdir"])
    tolerance = Tolerance.model_validate(args["tolerance"])
    samples = whole_samples(mother.io, goldens)
    inputs = tuple(torch.from_numpy(samples[spec.name]) for spec in mother.io.inputs)
    found: list[Bisection] = []

    def compare(stage: str, expected: tuple[list[Value], list[str]], inside: tuple[list[Value], list[str]]) -> None:
        outputs = dict(zip(inside[1], expected[1], strict=False))
        found.append(bisect(stage, expected[0], inside[0], outputs, tolerance.snr_db))

    def look(stage: str, network: nn.Module, against: nn.Module, config: Config | None) -> None:
        if stage != "exported" and not (stage == "baked" and mother.io.stream):
            compare(stage, torch_values(against, inputs, config), torch_values(network, inputs))

    config = mother.space.parse(args["config"])
    prepared = prepare_member(mother, config, recordings, tolerance, args["batches"], args["options"], on_stage=look)
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
    if args["calibrate"]:
        observed = calibration_inputs(prepared.baked.module, prepared.io, recordings)
        save_arrays(workdir / CALIBRATION, observed)
    return {"stages": [asdict(stage) for stage in found]}
