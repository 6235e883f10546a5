"""A linear layer for each band → a block-diagonal matrix for each run of neighboring bands.

    y_k = W_k x_k + b_k for each band k       →      [y_i … y_j] = diag(W_i … W_j) [x_i … x_j] + [b_i … b_j]

Low bands are narrow and high bands are wide. One operator per band costs more than the band's few products. One matrix
for all bands is mostly zeros. Dynamic programming finds the runs that minimize products + OPERATOR per run. The
matrices can read and write bins in any order; here it is the order of `transform.py`. The bins of a run must be
contiguous in that order. A run therefore ends at the end of a column or in the column's first half, where bins are in
the order of frequency.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from edge_export.baking.streaming.transform import bin_order, radix

NAME = "band_runs"
OPERATOR = 6144
"""The cost of the operators of one run (a slice, a matrix, a view), in multiply-accumulates."""


@dataclass(frozen=True)
class Run:
    """A run of neighboring bands.

    Attributes:
        bands: (first bin, last bin + 1) of each band.
        first: The index of the first band.
        bins: The bins of the run, in the order of `transform.py`.
        start, stop: The slice of the run in a spectrum of that order.
    """

    bands: tuple[tuple[int, int], ...]
    first: int
    bins: tuple[int, ...]
    start: int

    @property
    def stop(self) -> int:
        return self.start + len(self.bins)

    def places(self, band: tuple[int, int]) -> list[int]:
        """Returns the position in the run of each bin of `band`, one of the run's bands."""
        where = {frequency_bin: place for place, frequency_bin in enumerate(self.bins)}
        return [where[k] for k in range(*band)]


def runs(edges: tuple[int, ...], n_fft: int, per_bin: int, per_band: int, frames: int) -> tuple[Run, ...]:
    """Returns the cheapest runs of the bands between `edges`.

    Args:
        edges: The first bin of each band, followed by the number of bins.
        n_fft: Length of the transform in samples.
        per_bin, per_band: The rows (or columns) of a matrix for each bin and for each band.
        frames: The number of rows by which each matrix is multiplied.
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
