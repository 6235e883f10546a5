"""A linear layer for each band → a block-diagonal matrix for each run of neighbouring bands.

    y_k = W_k x_k + b_k for each band k       →      [y_i … y_j] = diag(W_i … W_j) [x_i … x_j] + [b_i … b_j]

Bands are narrow below and wide above. One operator a band costs more than its few products; one matrix for all of them
is mostly zeros. Runs that minimise products + OPERATOR per run are found by dynamic programming. As matrices, they also
write and read bins in any order: here, that of `transform.py`. A run ends where its bins stand together: at a column's
end, or in its first half, where bins are in the order of frequency.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from edge_export.baking.streaming.transform import bin_order, radix

NAME = "band_runs"
OPERATOR = 6144
"""What the operators of one run (a slice, a matrix, a view) cost, in multiply-accumulates."""


@dataclass(frozen=True)
class Run:
    """Neighbouring bands.

    Attributes:
        bands: (first bin, last bin + 1) of each.
        first: The number of its first band.
        bins: The bins that it has, in the order of a spectrum.
        start, stop: Its places in a spectrum.
    """

    bands: tuple[tuple[int, int], ...]
    first: int
    bins: tuple[int, ...]
    start: int

    @property
    def stop(self) -> int:
        return self.start + len(self.bins)

    def places(self, band: tuple[int, int]) -> list[int]:
        """Where each bin of one of its bands is, within the run."""
        where = {frequency_bin: place for place, frequency_bin in enumerate(self.bins)}
        return [where[k] for k in range(*band)]


def runs(edges: tuple[int, ...], n_fft: int, per_bin: int, per_band: int, frames: int) -> tuple[Run, ...]:
    """The cheapest runs of the bands between `edges`.

    Args:
        edges: First bin of each band, and the number of bins.
        per_bin, per_band: Numbers of a matrix's rows (or columns) for each bin and for each band.
        frames: How many rows each matrix is multiplied with.
    """
    count, products = len(edges) - 1, frames * per_bin * per_band
    column = radix(n_fft)
    ends = [k for k in range(1, count + 1) if k == count or edges[k] % column <= column // 2]
    best: dict[int, tuple[int, tuple[tuple[int, int], ...]]] = {0: (0, ())}
    for end in ends:
        best[end] = min(
            (cost + products * (edges[end] - edges[start]) * (end - start) + OPERATOR, (*cut, (start, end)))
            for start, (cost, cut) in best.items()
        )
    bands, order = tuple(pairwise(edges)), bin_order(n_fft)
    return tuple(Run(bands[i:j], i, tuple(order[edges[i] : edges[j]]), edges[i]) for i, j in best[count][1])
