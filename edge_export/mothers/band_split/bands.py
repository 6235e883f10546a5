"""Band tables: how a spectrum is split into bands (band-split RNN, arXiv 2209.15174, section 3).

Bands get wider with frequency.
"""

from __future__ import annotations

from itertools import pairwise

from edge_export.errors import RequestError

BandTable = tuple[tuple[float, float], ...]
"""Pairs (upper frequency, width of the bands below it), both in Hz. The bins above the last pair form one more band."""

VOCALS_41: BandTable = ((1000, 100), (4000, 250), (8000, 500), (16000, 1000), (20000, 2000))
BASS_30: BandTable = ((500, 50), (1000, 100), (4000, 500), (8000, 1000), (16000, 2000))
DRUMS_55: BandTable = ((1000, 50), (2000, 100), (4000, 250), (8000, 500), (16000, 1000))
SEPARATOR_16: BandTable = ((1000, 125), (2000, 250), (3000, 500), (8000, 2500))
"""For 16 kHz. It has few bands: in every frame, each band costs one step of every recurrence over bands."""


def band_edges(table: BandTable, sample_rate: int, n_fft: int) -> tuple[int, ...]:
    """Returns the first bin of each band, followed by the number of bins: K + 1 numbers for K bands.

    Args:
        table: The band table.
        sample_rate: Hz.
        n_fft: Length of the transform in samples; it has n_fft // 2 + 1 bins.

    Raises:
        RequestError: The table's frequencies do not grow, a width is not positive, or a band has no bin.
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
        edges.pop()  # The Nyquist bin alone is too small for a band, so it joins the last one.
    edges.append(bins)
    if any(low >= high for low, high in pairwise(edges)):
        problems.append(f"a band is narrower than a bin of {sample_rate / n_fft:.1f} Hz")
    if problems:
        raise RequestError(f"bad band table: {'; '.join(problems)}")
    return tuple(edges)
