"""Find the artifact that is asked for in a bundle, and run it in a worker process."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from concurrent.futures import wait
from dataclasses import dataclass
from pathlib import Path

from edge_export.bundle.folder import Bundle
from edge_export.bundle.manifest import Artifact, Member
from edge_export.errors import RequestError, one_line
from edge_export.files.arrays import Array, load_arrays, save_arrays
from edge_export.files.owned import scratch_folder
from edge_export.runtimes import runtime_of, why_unavailable
from edge_export.spec.io_json import io_to_json
from edge_export.workers import Pool, WorkerError

POLL_S = 0.1


@dataclass(frozen=True)
class Choice:
    """One artifact of a bundle whose bytes are what the manifest says."""

    bundle: Bundle
    member: Member
    artifact: Artifact

    @property
    def path(self) -> Path:
        assert self.artifact.file is not None
        return self.bundle.path(self.artifact.file)


@dataclass(frozen=True)
class Ran:
    """What a runtime gave, by the member's names of outputs, and how many seconds all the calls took."""

    outputs: dict[str, Array]
    runtime: str
    seconds: float


def choose(bundle: Bundle, member_name: str, format_name: str | None, precision: str | None = None) -> Choice:
    """The first artifact of the member that can run here, in this format and precision if they are given.

    Raises:
        RequestError: The bundle has no such member or artifact, or only ones that are wrong or can't run here.
    """
    members = {member.name: member for member in bundle.manifest.members}
    if member_name not in members:
        close = difflib.get_close_matches(member_name, members, 1)
        hint = f"did you mean {close[0]}?" if close else f"take one of {', '.join(members)}"
        raise RequestError(f"{bundle.root} has no member {one_line(repr(member_name), 60)}: {hint}")
    member = members[member_name]
    reasons = []
    for artifact in member.artifacts:
        if format_name not in (None, artifact.format) or precision not in (None, artifact.precision):
            continue
        reason = _why_not(bundle, artifact)
        if reason is None:
            return Choice(bundle, member, artifact)
        reasons.append(f"{artifact.label}: {reason}")
    if not reasons:
        labels = ", ".join(artifact.label for artifact in member.artifacts)
        raise RequestError(f"{member.name} is not there as asked for: take one of {labels}")
    raise RequestError(f"{member.name} can't run here ({one_line('; '.join(reasons), 300)}): take another --format")


def _why_not(bundle: Bundle, artifact: Artifact) -> str | None:
    if artifact.status in ("failed", "error") or artifact.file is None or artifact.io is None:
        return f"{artifact.status}, {artifact.reason}"
    return why_unavailable(runtime_of(artifact.format)) or bundle.why_changed(artifact.file)


def run_choice(
    choice: Choice,
    inputs: dict[str, Array],
    *,
    timeout_s: float,
    log: Path,
    on_calls: Callable[[int], None] = lambda _: None,
) -> Ran:
    """Run the artifact on `inputs`, `(count, …)` by the member's names; recordings if it streams.

    Args:
        on_calls: Told now and then how many calls are done.

    Raises:
        RequestError: It could not be run.
    """
    member, artifact = choice.member, choice.artifact
    assert artifact.io is not None
    with scratch_folder() as folder, Pool(1) as pool:
        given, given_back, progress = folder / "inputs.safetensors", folder / "outputs.safetensors", folder / "calls"
        save_arrays(given, inputs)
        arguments = {
            "format": artifact.format,
            "path": str(choice.path.absolute()),
            "io": io_to_json(artifact.io),
            "member_io": io_to_json(member.io),
            "inputs": str(given),
            "outputs": str(given_back),
            "stream": member.io.stream is not None,
            "progress": str(progress),
        }
        future = pool.submit("run", arguments, kind=artifact.format, timeout_s=timeout_s, log=log)
        try:
            while not wait([future], POLL_S).done:
                on_calls(_calls(progress))
            answer = future.result()
        except WorkerError as error:
            message = f"{member.name}/{artifact.label} did not run ({one_line(error, 200)}): see {log}"
            raise RequestError(message) from error
        if missing := answer.get("unsupported"):
            raise RequestError(f"{artifact.label} can't run here, unknown operators: {', '.join(missing)}")
        return Ran(load_arrays(given_back), answer["runtime"], answer["seconds"])


def _calls(progress: Path) -> int:
    try:
        return int(progress.read_text() or 0)
    except (OSError, ValueError):
        return 0
