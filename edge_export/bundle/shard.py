"""A share of a bundle's artifacts, so that several machines can run the others at the same time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from edge_export.bundle.manifest import Artifact, Member
from edge_export.errors import RequestError

MAX_SHARDS = 1000


@dataclass(frozen=True)
class Shard:
    """Number `index` of `count` shards, from 1."""

    index: int
    count: int

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


WHOLE = Shard(1, 1)

Chosen = tuple[Member, Artifact]
"""An artifact with its member."""


def parse_shard(text: str) -> Shard:
    """Returns "2/4" as a shard. Raises RequestError if it is none."""
    match = re.fullmatch(r"(\d{1,4})/(\d{1,4})", text)
    shard = Shard(int(match[1]), int(match[2])) if match else Shard(0, 0)
    if not 1 <= shard.index <= shard.count <= MAX_SHARDS:
        raise RequestError(f'"{text:.40}" is no shard: give INDEX/COUNT, such as 1/2 and 2/2')
    return shard


def in_shard(artifacts: Sequence[Chosen], shard: Shard) -> tuple[Chosen, ...]:
    """Returns the artifacts of a shard, in their order. Every artifact is in exactly one of the shards.

    The members with the most MACs are dealt first, so that shards take about as long as each other.
    """
    dealt = sorted(range(len(artifacts)), key=lambda index: (-artifacts[index][0].macs, index))
    return tuple(artifacts[index] for index in sorted(dealt[shard.index - 1 :: shard.count]))
