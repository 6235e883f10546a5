"""A linear layer for each band → a block-diagonal matrix for each run of neighbouring bands.

    y_k = W_k x_k + b_k for each band k       →      [y_i … y_j] = diag(W_i … W_j) [x_i … x_j] + [b_i … b_j]

Bands are narrow below and wide above. One operator a band costs more than its few products; one matrix for all of them
is mostly zeros. Runs that minimise products + OPERATOR per run are found by dynamic programming. As matrices, they also
write and read bins in any order: here, that of `transform.py`. A run ends at an even bin: its columns are its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from edge_export.baking.separator.transform import columns

NAME = "band_runs"
OPERATOR = 16384
"""What the operators of one run (a slice, a matrix, a view) cost, in multiply-accumulates."""


@dataclass(frozen=True)
class Run:
    """Neighbouring bands.

    Attributes:
        bands: (first bin, last bin + 1) of each.
        first: The number of its first band.
        start, stop: Its columns of a spectrum, of either parity.
    """

    bands: tuple[tuple[int, int], ...]
    first: int
    start: int
    stop: int

    @property
    def columns(self) -> int:
        return self.stop - self.start

    def column(self, frequency_bin: int) -> tuple[int, int]:
        """(parity, column within the run) of a bin."""
        return frequency_bin % 2, frequency_bin // 2 - self.start


def runs(edges: tuple[int, ...], n_fft: int, per_column: int, per_band: int) -> tuple[Run, ...]:
    """The cheapest runs of the bands between `edges`.

    Args:
        edges: First bin of each band, and the number of bins.
        per_column, per_band: Numbers of a matrix's rows (or columns) for each column of the spectrum and for each band.
    """
    count = len(edges) - 1
    ends = [k for k in range(count + 1) if k == count or edges[k] % 2 == 0]
    column = [edges[k] // 2 if k < count else columns(n_fft) for k in range(count + 1)]
    best: dict[int, tuple[int, tuple[tuple[int, int], ...]]] = {0: (0, ())}
    for end in ends[1:]:
        best[end] = min(
            (
                cost + per_column * (column[end] - column[start]) * per_band * (end - start) + OPERATOR,
                (*cut, (start, end)),
            )
            for start, (cost, cut) in best.items()
        )
    bands = tuple(pairwise(edges))
    return tuple(Run(bands[i:j], i, column[i], column[j]) for i, j in best[count][1])
