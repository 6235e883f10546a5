"""Depth against width at equal MACs (arXiv 2312.03464).

    python -m benchmarks.claims.subnetworks_depth --seeds 3

Depth d of width w costs about as much as depth w of width d. Pairs are read off one elastic network, and trained alone.
"""

from __future__ import annotations

from benchmarks.claims.command import Measured, Request, table
from benchmarks.claims.separator_command import db, difference, gains_of, macs, over_macs, separator_main
from benchmarks.claims.separators import SPACE
from benchmarks.claims.subnetworks_alone import KINDS as ALL_KINDS
from edge_export.mothers.band_split.mother import DepthWidth

PAIRS = tuple((DepthWidth(high, low), DepthWidth(low, high)) for low, high in ((1, 2), (1, 3), (2, 3)))
"""Deep ones and wide ones."""
KINDS = {name: ALL_KINDS[name] for name in ("one network", "alone, as many steps each")}


def measure(request: Request) -> Measured:
    """Returns the gains of deep and wide subnetworks, and their differences."""
    tables, lines = [], []
    for kind, side in KINDS.items():
        found = gains_of(request, side)
        rows = []
        for deep, wide in PAIRS:
            names, costs = [SPACE.name(deep), SPACE.name(wide)], (macs(deep), macs(wide))
            rows.append(
                (
                    " and ".join(names),
                    " and ".join(f"{cost / 1e6:.2f} M" for cost in costs),
                    *(db(found[name]) for name in names),
                    difference(found[names[0]], found[names[1]]),
                )
            )
        tables.append(table((kind, "MACs a second", "deep, dB", "wide, dB", "deep minus wide, dB"), rows))
        for place, name in enumerate(("deep", "wide")):
            lines.append(over_macs(f"{name}, {kind.split(',')[0]}", found, [pair[place] for pair in PAIRS]))
    return Measured(tuple(tables), tuple(lines), "million MACs a second of sound")


if __name__ == "__main__":
    separator_main(__doc__, measure)
