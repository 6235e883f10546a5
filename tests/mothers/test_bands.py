"""Band tables have the published number of bands, and wrong tables are refused."""

from itertools import pairwise

import pytest

from edge_export.errors import RequestError
from edge_export.mothers.band_split.bands import BASS_30, DRUMS_55, SEPARATOR_16, VOCALS_41, BandTable, band_edges


@pytest.mark.parametrize(("table", "count"), [(VOCALS_41, 41), (BASS_30, 30), (DRUMS_55, 55)])
def test_published_tables_have_their_number_of_bands(table: BandTable, count: int) -> None:
    edges = band_edges(table, 44100, 2048)
    assert len(edges) - 1 == count
    assert edges[0] == 0
    assert edges[-1] == 1025


def test_separator_has_16_bands_that_cover_all_bins() -> None:
    edges = band_edges(SEPARATOR_16, 16000, 512)
    assert len(edges) - 1 == 16
    assert edges[:3] == (0, 4, 8)
    assert edges[-1] == 257
    assert all(low < high for low, high in pairwise(edges))


@pytest.mark.parametrize("table", [((1000, 0),), ((1000, 100), (500, 50)), ((1000, 5),)])
def test_bad_tables_are_refused(table: BandTable) -> None:
    with pytest.raises(RequestError, match="bad band table"):
        band_edges(table, 16000, 512)
