"""The plan of a bench: every artifact once a round, each round in a random order of its own, memory apart.

Whatever drifts, such as the temperature of a phone, then hits all artifacts alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from edge_export.bench.order import shuffled_rounds
from edge_export.bundle.manifest import Artifact, Manifest, Member
from edge_export.devices.request import BenchPlan, Item, Part
from edge_export.errors import RequestError


@dataclass(frozen=True)
class Timed:
    """One artifact that is timed. Its file is there."""

    member: Member
    artifact: Artifact


@dataclass(frozen=True)
class BenchSettings:
    """The settings of a bench.

    Attributes:
        rounds: How often each artifact is loaded and sampled.
        threads: The threads of every runtime.
        plan: How a runner samples one round.
        seed: The seed of the orders.
    """

    rounds: int = 5
    threads: int = 1
    plan: BenchPlan = field(default_factory=BenchPlan)
    seed: int = 15


def artifacts_to_time(manifest: Manifest, formats: Iterable[str], chosen: Sequence[str] = ()) -> tuple[Timed, ...]:
    """Returns the compiled artifacts of `formats`, in the manifest's order.

    Args:
        formats: What the device can run.
        chosen: Only these, as `MEMBER` or `MEMBER/ARTIFACT`; empty: all.

    Raises:
        RequestError: A choice matches nothing, or nothing is left.
    """
    runnable = set(formats)
    compiled = [
        Timed(member, artifact) for member in manifest.members for artifact in member.artifacts if artifact.file
    ]
    names = {f"{each.member.name}/{each.artifact.label}" for each in compiled}
    names |= {each.member.name for each in compiled}
    if unknown := [choice for choice in chosen if choice not in names]:
        raise RequestError(f"{', '.join(unknown)} is not in the bundle: give MEMBER or MEMBER/ARTIFACT, see inspect")
    wanted = [
        each
        for each in compiled
        if not chosen or each.member.name in chosen or f"{each.member.name}/{each.artifact.label}" in chosen
    ]
    found = tuple(each for each in wanted if each.artifact.format in runnable)
    if not found:
        has = ", ".join(sorted({each.artifact.format for each in wanted})) or "no compiled artifact"
        raise RequestError(f"the device runs {', '.join(sorted(runnable)) or 'no format'}, the bundle has {has}")
    return found


def items_of(timed: Sequence[Timed], inputs: Part, settings: BenchSettings) -> tuple[Item, ...]:
    """Returns the items of a request: the rounds, then the memory of each artifact.

    Args:
        inputs: The recorded inputs, in the request folder.
    """
    numbered = list(enumerate(timed))
    items = [
        _item(f"bench.{number}.{index}", each, inputs, settings, memory=False)
        for number, order in enumerate(shuffled_rounds(numbered, settings.rounds, settings.seed), 1)
        for index, each in order
    ]
    return (*items, *(_item(f"memory.{index}", each, inputs, settings, memory=True) for index, each in numbered))


def _item(name: str, timed: Timed, inputs: Part, settings: BenchSettings, *, memory: bool) -> Item:
    artifact, member = timed.artifact, timed.member
    assert artifact.file is not None
    assert artifact.io is not None
    file = artifact.file
    return Item(
        id=name,
        member=member.name,
        label=artifact.label,
        mode="memory" if memory else "bench",
        format=artifact.format,
        artifact=Part(path=file.path, sha256=file.sha256, bytes=file.bytes),
        io=artifact.io,
        member_io=member.io,
        inputs=inputs,
        threads=settings.threads,
        plan=None if memory else settings.plan,
    )
