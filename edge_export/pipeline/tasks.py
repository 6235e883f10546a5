"""The worker tasks "open" and "prepare": all that needs PyTorch, so that a build itself need not import it."""

from __future__ import annotations

import functools
import hashlib
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_export.errors import RequestError, one_line
from edge_export.files.arrays import load_arrays, save_arrays
from edge_export.formats.program import CALIBRATION, PROGRAM
from edge_export.pipeline.mother_source import EXTREMES, GOLDEN, HELD_OUT, INPUTS
from edge_export.pipeline.sounds import write_mixtures, write_stems
from edge_export.spec.agreement import TASK_METRICS
from edge_export.spec.io_json import io_to_json
from edge_export.spec.recorded import TARGETS, named
from edge_export.spec.tolerance import Tolerance
from edge_export.verify.extremes import extremes_of

if TYPE_CHECKING:
    from torch.export import ExportedProgram

    from edge_export.mothers.protocol import Config, Mother, Recordings


def open_family(args: dict[str, Any]) -> dict[str, Any]:
    """Open a mother, check which members are asked for, and write its recorded data.

    Args:
        args: `mother` (a catalog name or package.module:factory), `checkpoint` and `goldens` (paths, or None), `folder`
            (where a factory's module may lie), `members` (such as "0.25,1.0"; None: the smallest and the largest) and
            `workdir` (an existing folder).

    Returns:
        `members` (names by the text that asks for them), `io`, `metric` (its name), `baseline` (its value for doing
        nothing), `held_out` (whether there is a held-out set), `sounds` (names of wav files) and `seconds`. In
        `workdir` are inputs.safetensors, extremes.safetensors, the sounds and, if there is one, held_out.safetensors.

    Raises:
        RequestError: The mother, its checkpoint, its recordings or the members are not what they should be.
    """
    started = time.monotonic()
    mother, recordings = opened(args["mother"], args["checkpoint"], args["goldens"], args["folder"])
    workdir, io, space = Path(args["workdir"]), mother.io, mother.space
    ends = dict.fromkeys(space.name(config) for config in (space.smallest, space.largest))
    members = parse_members(mother, ",".join(ends) if args["members"] is None else args["members"])
    whole = io.stream is not None
    goldens = named(io.inputs, recordings.goldens, whole_recordings=whole)
    save_arrays(workdir / INPUTS, goldens)
    save_arrays(workdir / EXTREMES, extremes_of(io, goldens))
    baseline = None
    if recordings.targets is not None:
        task = TASK_METRICS[recordings.metric]
        baseline = None if task.baseline is None else task.baseline(recordings.targets.numpy())
        held_out = named(io.inputs, recordings.held_out, whole_recordings=whole)
        save_arrays(workdir / HELD_OUT, held_out | {TARGETS: recordings.targets.numpy()})
    sounds = write_mixtures(workdir, goldens[io.inputs[0].name], io.stream) if io.stream else []
    return {
        "seconds": time.monotonic() - started,
        "members": {text: space.name(config) for text, config in members.items()},
        "io": io_to_json(io),
        "metric": recordings.metric,
        "baseline": baseline,
        "held_out": recordings.targets is not None,
        "sounds": [path.name for path in sounds],
    }


def prepare(args: dict[str, Any]) -> dict[str, Any]:
    """Extract, calibrate, bake, export and prove one member; see `member.py`.

    Args:
        args: As for "open", and `config` (text), `options` (of the member's baker), `batches` (how many to calibrate
            over, or None), `inputs`, `held_out` (or None) and `extremes` (the files that "open" wrote) and `calibrate`
            (whether quantizers will want real inputs).

    Returns:
        What a manifest says of a member, `stages` with their agreement, `digest` of the exported program, `sounds` and
        `seconds`. In `workdir` are program.pt2, golden.safetensors, extremes.safetensors (the mother's outputs), the
        sounds and, if asked for, calibration.safetensors.

    Raises:
        RequestError: A stage could not be made at all.
    """
    import torch

    from edge_export.pipeline.calibration_inputs import calibration_inputs
    from edge_export.pipeline.member import prepare_member

    started = time.monotonic()
    mother, recordings = opened(args["mother"], args["checkpoint"], args["goldens"], args["folder"])
    io, workdir = mother.io, Path(args["workdir"])
    recordings = as_recorded(mother, recordings, Path(args["inputs"]), args["held_out"])
    extremes = load_arrays(Path(args["extremes"]))
    config = mother.space.parse(args["config"])
    prepared = prepare_member(
        mother,
        config,
        recordings,
        Tolerance(snr_db=0, max_abs_of_peak=1),
        args["batches"],
        args["options"],
        extremes=tuple(torch.from_numpy(extremes[spec.name]) for spec in io.inputs),
    )
    torch.export.save(prepared.program, workdir / PROGRAM)
    save_arrays(workdir / GOLDEN, prepared.golden)
    save_arrays(workdir / EXTREMES, prepared.extremes)
    if args["calibrate"]:
        save_arrays(workdir / CALIBRATION, calibration_inputs(prepared.baked.module, prepared.io, recordings))
    stems = prepared.golden[io.outputs[0].name]
    sounds = write_stems(workdir, mother.space.name(config), stems, io.stream) if io.stream else []
    variant = prepared.approximation
    return {
        "seconds": time.monotonic() - started,
        "io": io_to_json(prepared.io),
        "latency_ms": prepared.io.stream.latency_ms if prepared.io.stream else None,
        "params": prepared.complexity.params,
        "macs": prepared.complexity.macs,
        "peak_activation_bytes": prepared.complexity.peak_activation_bytes,
        "calibration_batches": prepared.calibration_batches,
        "folded": len(prepared.baked.applied),
        "refused": [asdict(refusal) for refusal in prepared.baked.refused],
        "metric": prepared.metric,
        "stages": [{"name": stage.name, "agreement": asdict(stage.agreement)} for stage in prepared.stages],
        "approximation": None if variant is None else asdict(variant),
        "sounds": [path.name for path in sounds],
        "digest": program_digest(prepared.program),
    }


def parse_members(mother: Mother, text: str) -> dict[str, Config]:
    """Configurations by their text, from a list such as "0.25,0.5,1.0".

    Raises:
        RequestError: An entry is empty, malformed, outside of the mother's space or there twice; all are named.
    """
    members: dict[str, Config] = {}
    names: dict[str, str] = {}
    problems = []
    for entry in map(str.strip, text.split(",")):
        try:
            if not entry:
                raise RequestError("an entry is empty: separate configurations by single commas")
            config = mother.space.parse(entry)
            name = mother.space.name(config)
        except RequestError as error:
            problems.append(str(error))
        except (ValueError, TypeError, LookupError) as error:  # what a stranger's parse may raise
            problems.append(f"{entry!r} is no configuration of the mother ({type(error).__name__}: {one_line(error)})")
        else:
            if name in names:
                problems.append(f"{entry} and {names[name]} are the same member: give it once")
            members[entry], names[name] = config, entry
    if problems:
        raise RequestError(f"--members {one_line(text, 60)}: " + "; ".join(problems))
    return members


def program_digest(program: ExportedProgram) -> str:
    """SHA-256 of all that an exported program computes: its graph, its boundary, and every constant."""
    digest = hashlib.sha256(f"{program.graph}\n{program.graph_signature}\n".encode())
    tensors: Mapping[str, Any] = {**program.state_dict, **program.constants}
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().contiguous().numpy().tobytes())
    return digest.hexdigest()


@functools.lru_cache(maxsize=1)
def opened(spec: str, checkpoint: str | None, goldens: str | None, folder: str) -> tuple[Mother, Recordings]:
    """The mother and its recordings, kept for the next task of the same family."""
    from edge_export.mothers.catalog import open_mother
    from edge_export.pipeline.recordings import recordings_of

    if folder not in sys.path:
        sys.path.append(folder)
    mother = open_mother(spec, checkpoint)
    return mother, recordings_of(spec, mother, None if goldens is None else Path(goldens))


def as_recorded(mother: Mother, recordings: Recordings, inputs: Path, held_out: str | None) -> Recordings:
    """`recordings` with the goldens and the held-out set of the bundle, which what is proven must be proven on."""
    import torch

    goldens = load_arrays(inputs)
    own = replace(recordings, goldens=tuple(torch.from_numpy(goldens[spec.name]) for spec in mother.io.inputs))
    if held_out is None:
        return replace(own, held_out=(), targets=None)
    arrays = load_arrays(Path(held_out))
    return replace(
        own,
        held_out=tuple(torch.from_numpy(arrays[spec.name]) for spec in mother.io.inputs),
        targets=torch.from_numpy(arrays[TARGETS]),
    )
