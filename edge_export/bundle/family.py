"""What the members of a family cost, and how much better they do than no network, on one scale for all."""

from __future__ import annotations

from collections.abc import Sequence

from edge_export.bundle.manifest import Manifest, Member


def costs_of(members: Sequence[Member]) -> tuple[list[float], str]:
    """Returns the MACs of each member and what they are of: a second of sound if all stream, else a call."""
    rates = [member.macs_per_second for member in members if member.macs_per_second is not None]
    if len(rates) == len(members):
        return rates, "MACs a second of sound"
    return [float(member.macs) for member in members], "MACs"


def gains_of(manifest: Manifest) -> list[float]:
    """Returns how much each member's task metric exceeds the baseline, or 0 where there is none. At least 0."""
    start = manifest.recorded.baseline or 0.0
    return [0.0 if member.metric is None else max(0.0, member.metric - start) for member in manifest.members]
