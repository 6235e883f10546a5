"""Band tables: how a spectrum is cut into bands, coarser upwards (band-split RNN, arXiv 2209.15174, section 3)."""

from __future__ import annotations

from itertools import pairwise

from edge_export.errors import RequestError

BandTable = tuple[tuple[float, float], ...]
"""Pairs (up to this frequency, bands of this width), both in Hz; what is left above the last is one band more."""

VOCALS_41: BandTable = ((1000, 100), (4000, 250), (8000, 500), (16000, 1000), (20000, 2000))
BASS_30: BandTable = ((500, 50), (1000, 100), (4000, 500), (8000, 1000), (16000, 2000))
DRUMS_55: BandTable = ((1000, 50), (2000, 100), (4000, 250), (8000, 500), (16000, 1000))
SEPARATOR_16: BandTable = ((1000, 125), (2000, 250), (3000, 500), (8000, 2500))
"""For 16 kHz: few bands, because each costs one step of every recurrence over bands, in every frame."""


def band_edges(table: BandTable, sample_rate: int, n_fft: int) -> tuple[int, ...]:
    """The bins at which the bands begin, and last the number of bins: K + 1 numbers for K bands.

    Args:
        table: Where the bands lie.
        sample_rate: Hz.
        n_fft: Length of the transform in samples; it has n_fft // 2 + 1 bins.

    Raises:
        RequestError: the table's frequencies don't grow, a width is not positive, or a band is left without a bin.
    """
    problems, start, edges = [], 0.0, [0]
    for up_to, width in table:
        if width <= 0 or up_to <= start:
            problems.append(f"({up_to}, {width}): frequencies must grow and widths be positive")
            break
        count = max(1, round((up_to - start) / width))
        edges += [round((start + (i + 1) * (up_to - start) / count) * n_fft / sample_rate) for i in range(count)]
        start = up_to
    bins = n_fft // 2 + 1
    edges = [edge for edge in edges if edge < bins]
    if edges and bins - edges[-1] < 2 and len(edges) > 1:
        edges.pop()  # The Nyquist bin alone is no band: it joins the last one.
    edges.append(bins)
    if any(low >= high for low, high in pairwise(edges)):
        problems.append(f"a band is narrower than a bin of {sample_rate / n_fft:.1f} Hz")
    if problems:
        raise RequestError(f"bad band table: {'; '.join(problems)}")
    return tuple(edges)
