"""Small separators whose BatchNorm statistics are not trivial, so that folding changes weights."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from edge_export.mothers.band_split.mother import SEPARATOR, DepthWidth, ElasticBandSplit
from edge_export.mothers.band_split.network import BandSplitNetwork, BandSplitSettings

TINY = dataclasses.replace(SEPARATOR, features=8, hidden=12, gate_hidden=4, mask_hidden=10)
KINDS: dict[str, BandSplitSettings] = {
    "gated": TINY,
    "ungated": dataclasses.replace(TINY, gate_hidden=None),
    "stereo, three masks, four hops a frame": dataclasses.replace(
        TINY, channels=2, stems=("a", "b", "c"), remainder=False, n_fft=256, hop=64, compressed=False
    ),
    "bands at odd bins": dataclasses.replace(TINY, bands=((1000, 140), (8000, 900)), channels=2),
}


@pytest.fixture
def member(randomized):
    """A function that returns a member of given settings with random statistics."""

    def make(settings: BandSplitSettings = TINY, depth: int = 2, width: int = 3) -> BandSplitNetwork:
        mother = ElasticBandSplit(settings, max_depth=3, max_width=4)
        made = randomized(mother).extract(DepthWidth(depth, width))
        assert isinstance(made, BandSplitNetwork)
        return made

    return make


@pytest.fixture(params=KINDS)
def kind(request) -> BandSplitSettings:
    """The settings of each kind of separator that streams."""
    return KINDS[request.param]


@pytest.fixture
def close():
    """A function that returns whether two tensors differ only by float32 rounding."""

    def compare(result: torch.Tensor, expected: torch.Tensor) -> bool:
        expected = expected.to(result.dtype)
        return torch.allclose(result, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))

    return compare
