"""The plan of a bench: every artifact once a round, each round in a random order of its own, memory apart.

Whatever drifts, such as the temperature of a phone, then hits all artifacts alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from edge_export.bench.order import shuffled_rounds
from edge_export.bundle.manifest import Manifest
from edge_export.bundle.shard import Chosen
from edge_export.devices.folder import artifact_part
from edge_export.devices.request import BenchPlan, Item, Part
from edge_export.errors import RequestError
from edge_export.formats import device_runs

ROUND, MEMORY = "round", "memory"
"""What the ids of items begin with."""


@dataclass(frozen=True)
class BenchSettings:
    """The settings of a bench.

    Attributes:
        rounds: How often each artifact is loaded and sampled.
        threads: The threads of every runtime.
        plan: How a runner samples one round.
        seed: The seed of the orders.
        timeout_s: The time limit of each run of an artifact.
    """

    rounds: int = 5
    threads: int = 1
    plan: BenchPlan = field(default_factory=BenchPlan)
    seed: int = 15
    timeout_s: float = 600.0


def artifacts_to_time(manifest: Manifest, formats: Iterable[str], chosen: Sequence[str] = ()) -> tuple[Chosen, ...]:
    """Returns the compiled artifacts of `formats`, in the manifest's order.

    Args:
        formats: What the device can run.
        chosen: Only these, as `MEMBER` or `MEMBER/ARTIFACT`; empty: all.

    Raises:
        RequestError: A choice matches nothing, or nothing is left.
    """
    runnable = set(formats)
    compiled = [(member, artifact) for member in manifest.members for artifact in member.artifacts if artifact.file]
    names = {name for each in compiled for name in _names(each)}
    if unknown := [choice for choice in chosen if choice not in names]:
        raise RequestError(f"{', '.join(unknown)} is not in the bundle: give MEMBER or MEMBER/ARTIFACT, see inspect")
    wanted = [each for each in compiled if not chosen or _names(each) & set(chosen)]
    found = tuple(each for each in wanted if device_runs(runnable, each[1].format, each[1].backend))
    if not found:
        has = ", ".join(sorted({f"{a.format} for {a.backend}" for _, a in wanted})) or "no compiled artifact"
        known = ", ".join(sorted(runnable)) or "no format"
        raise RequestError(f"the device runs {known}, the bundle has {has}: install a runtime there")
    return found


def _names(chosen: Chosen) -> set[str]:
    member, artifact = chosen
    return {member.name, f"{member.name}/{artifact.label}"}


def items_of(timed: Sequence[Chosen], inputs: Part, settings: BenchSettings) -> tuple[Item, ...]:
    """Returns the items of a request: the rounds, then the memory of each artifact.

    Args:
        inputs: The recorded inputs, in the request folder.
    """
    numbered = list(enumerate(timed))
    items = [
        _item(f"{ROUND}{number}.{index:04}", each, inputs, settings, memory=False)
        for number, order in enumerate(shuffled_rounds(numbered, settings.rounds, settings.seed), 1)
        for index, each in order
    ]
    return (*items, *(_item(f"{MEMORY}.{index:04}", each, inputs, settings, memory=True) for index, each in numbered))


def _item(name: str, chosen: Chosen, inputs: Part, settings: BenchSettings, *, memory: bool) -> Item:
    member, artifact = chosen
    file, io = artifact.file, artifact.io
    if file is None or io is None:
        raise ValueError(f"{member.name}/{artifact.label} did not compile")
    return Item(
        id=name,
        member=member.name,
        label=artifact.label,
        mode="memory" if memory else "bench",
        format=artifact.format,
        artifact=artifact_part(file),
        io=io,
        member_io=member.io,
        inputs=inputs,
        threads=settings.threads,
        plan=None if memory else settings.plan,
        timeout_s=settings.timeout_s,
    )
