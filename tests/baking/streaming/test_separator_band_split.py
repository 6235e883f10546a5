"""Compression, norm and the linear layers of the bands compute the same as those of the mother."""

from __future__ import annotations

import torch

from edge_export.baking.streaming.band_split import StreamedBandSplit
from edge_export.baking.streaming.transform import FrameAnalysis


def test_features_are_the_mother_s(member, kind, close):
    network = member(kind, depth=1, width=1)
    frames = 3
    samples = torch.randn(1, kind.channels, frames, kind.n_fft) * 0.1
    rows = samples.transpose(1, 2).reshape(-1, kind.n_fft)
    spectrum = FrameAnalysis(kind.n_fft, kind.window, len(rows))(rows)
    with torch.no_grad():
        features = StreamedBandSplit(network.split, kind, frames)(spectrum, frames)
        expected = network.split(network.analysis.transform(samples))[0].flatten(1)
    assert close(features, expected)
