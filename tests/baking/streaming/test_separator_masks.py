"""Masks and their products with the spectrum equal those of the mother."""

from __future__ import annotations

import torch

from edge_export.baking.streaming.masks import StreamedMasks, apply_mask, quarter_turn
from edge_export.baking.streaming.transform import bin_order


def test_masks_are_the_mother_s(member, kind, close):
    network = member(kind, depth=1, width=1)
    frames, bands = 2, len(kind.edges) - 1
    x = torch.randn(1, frames, bands, kind.features)
    with torch.no_grad():
        masks = StreamedMasks(network.mask, kind, frames)(x.flatten(0, 2), frames)
        expected = network.mask(x)[0].movedim(-2, 0)
    assert close(masks.view(frames, kind.masks, kind.channels, 2, -1), expected[..., bin_order(kind.n_fft)])


def test_products_are_complex():
    a, b = torch.randn(2, 3, 2, 5)
    product = apply_mask(a, b, quarter_turn(b))
    expected = torch.complex(a[:, 0], a[:, 1]) * torch.complex(b[:, 0], b[:, 1])
    assert torch.allclose(product, torch.stack([expected.real, expected.imag], dim=1), atol=1e-6)
