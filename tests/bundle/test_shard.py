"""Shards divide a bundle's artifacts: each is in exactly one."""

from __future__ import annotations

from collections import Counter

import pytest
from picker_vectors import read_vectors, whole_manifest

from edge_export.bundle.shard import WHOLE, Shard, in_shard, parse_shard
from edge_export.errors import RequestError

MANIFEST = whole_manifest(read_vectors()["manifests"]["digits"])
EVERY = [(member, artifact) for member in MANIFEST.members for artifact in member.artifacts]


def names(shard: Shard) -> list[tuple[str, str]]:
    return [(member.name, artifact.label) for member, artifact in in_shard(EVERY, shard)]


@pytest.mark.parametrize("count", [1, 2, 3, 5, 6, 9])
def test_each_artifact_is_in_one_shard(count):
    dealt = [name for index in range(1, count + 1) for name in names(Shard(index, count))]
    assert Counter(dealt) == Counter(names(WHOLE))


def test_shards_cost_about_the_same():
    costs = [sum(member.macs for member, _ in in_shard(EVERY, Shard(index, 2))) for index in (1, 2)]
    assert costs[0] == costs[1]
    assert names(Shard(1, 2)) == sorted(names(Shard(1, 2)), key=names(WHOLE).index)


@pytest.mark.parametrize("text", ["", "1", "0/2", "3/2", "1/0", "a/b", "1/2/3", "-1/2", "1/99999"])
def test_a_wrong_shard_is_refused(text):
    with pytest.raises(RequestError, match="is no shard: give INDEX/COUNT"):
        parse_shard(text)
    assert str(parse_shard("2/4")) == "2/4"
