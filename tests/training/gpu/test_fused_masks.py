"""The masks that are computed all at once are those of the network, and so are all gradients."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from separators import SMALL, mask_results, random_spectrum, tiny_network

from edge_export.mothers.band_split.mother import BSRNN, SEPARATOR
from edge_export.mothers.band_split.network import BandSplitSettings
from edge_export.training.gpu.fused_masks import choose_lstms, fused_masks, separate_lstms, serves
from edge_export.training.precision import tensor_float32

STEREO = dataclasses.replace(SMALL, channels=2, stems=("vocals", "drums", "accompaniment"), compressed=False)
WHOLE_FILES = dataclasses.replace(SMALL, gate_hidden=None, causal=False, remainder=False)


@pytest.mark.parametrize(("depth", "width"), [(1, 1), (2, 2), (1, 2)])
@pytest.mark.parametrize("settings", [SMALL, STEREO, WHOLE_FILES], ids=["separator", "stereo", "whole files"])
def test_masks_gradients_and_statistics_are_the_networks(settings: BandSplitSettings, depth: int, width: int) -> None:
    network, spectrum = tiny_network(settings), random_spectrum(settings)
    expected = mask_results(network, lambda: network.masks(spectrum, depth, width))
    found = mask_results(network, lambda: fused_masks(network, spectrum, depth, width, separate_lstms))
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-3, atol=1e-4 * max(1.0, value.abs().max().item()))


def test_a_wrong_parameter_is_seen() -> None:
    network, spectrum = tiny_network(), random_spectrum()
    expected = mask_results(network, lambda: network.masks(spectrum, 1, 1))["masks"]
    with torch.no_grad():
        network.layers[0].time.branches[0].projection.bias[0] += 0.1  # type: ignore[index, operator, union-attr]
    found = mask_results(network, lambda: fused_masks(network, spectrum, 1, 1, separate_lstms))["masks"]
    assert not torch.allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_only_batch_norms_are_served() -> None:
    assert serves(SEPARATOR)
    assert not serves(BSRNN)


def test_where_triton_finds_no_gpu_the_lstm_is_torchs() -> None:
    chosen, problem = choose_lstms(SMALL, torch.device("cpu"))
    assert chosen is separate_lstms
    assert problem
    chosen, problem = choose_lstms(dataclasses.replace(SMALL, hidden=24), torch.device("cpu"))
    assert (chosen, problem) == (separate_lstms, "24 hidden features, not 16 or 32")


def test_tensor_float32_is_allowed_inside_only() -> None:
    matmul = torch.backends.cuda.matmul
    before = matmul.fp32_precision
    with tensor_float32():
        assert matmul.fp32_precision == "tf32"
    assert matmul.fp32_precision == before != "tf32"
