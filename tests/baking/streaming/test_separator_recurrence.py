"""Batched recurrences with a folded norm compute the same as PyTorch's LSTMs."""

from __future__ import annotations

import pytest
import torch

from edge_export.baking.streaming.recurrence import BandRecurrence, TimeRecurrence
from edge_export.mothers.band_split.recurrence import normalize


def lstm_outputs(parallel, sequences):
    """Maps `(sequences, steps, N)` to `(sequences, steps, width × H)` with PyTorch's LSTMs."""
    normed = normalize(parallel.norm, sequences)
    return torch.cat([branch.lstm(normed)[0] for branch in parallel.branches], dim=-1)


@pytest.mark.parametrize("width", [1, 3])
def test_time_goes_on_where_the_last_call_stopped(width, member, close):
    parallel = member(width=width).layers[0].time
    x = torch.randn(5, 4, 8)  # frames, bands, features
    merged = TimeRecurrence(parallel, 4)
    hidden = cell = torch.zeros(width, 4, 12)
    outputs = []
    with torch.no_grad():
        for call in x.split([1, 1, 3]):
            output, hidden, cell = merged(call.flatten(0, 1), hidden, cell)
            outputs.append(output.view(len(call), 4, -1))
        expected = lstm_outputs(parallel, x.transpose(0, 1)).transpose(0, 1)
    assert close(torch.cat(outputs), expected)


@pytest.mark.parametrize("width", [1, 3])
@pytest.mark.parametrize("frames", [1, 2])
def test_both_sweeps_over_bands(frames, width, member, close):
    parallel = member(width=width).layers[0].band
    x = torch.randn(frames, 6, 8)
    with torch.no_grad():
        swept = BandRecurrence(parallel, 6, frames)(x.flatten(0, 1))
        expected = lstm_outputs(parallel, x)
    assert close(swept.view(frames, 6, -1), expected)
