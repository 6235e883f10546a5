"""The masks of a separator in training, with all sub-modules of a layer and all bands at once.

It computes what `BandSplitNetwork.masks` does on the same parameters, in a tenth of the kernels: the bands' linear
layers become one block-diagonal product, their mask networks a batched one, and the LSTMs of a layer run together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from edge_export.errors import one_line
from edge_export.mothers.band_split.network import (
    BandSplit,
    BandSplitNetwork,
    BandSplitSettings,
    MaskEstimation,
    compress,
)
from edge_export.mothers.band_split.recurrence import ParallelRecurrence, normalize
from edge_export.mothers.band_split.tac import gated_mean
from edge_export.training.precision import has_mixed_precision

LSTMs = Callable[[Sequence[nn.LSTM], Tensor], Tensor]
"""Runs LSTMs on the same sequences: the signature of `fused_lstms`."""
HIDDEN = (16, 32)
"""The hidden features of an LSTM for which the fused one is made: its weights fit into registers."""


def serves(settings: BandSplitSettings) -> bool:
    """Returns whether `fused_masks` computes such a separator: its norms must be batch norms."""
    return settings.norm == "batch"


def choose_lstms(settings: BandSplitSettings, device: torch.device) -> tuple[LSTMs, str]:
    """Returns the fused LSTM, or nn.LSTM where that does not run, and the reason why not or "".

    Triton may be missing, and it needs a C compiler and Python's headers.
    """
    if settings.hidden not in HIDDEN:
        return separate_lstms, f"{settings.hidden} hidden features, not {' or '.join(map(str, HIDDEN))}"
    if device.type == "cuda" and not has_mixed_precision(device):
        return separate_lstms, f"{device} has no bfloat16"
    try:
        from edge_export.training.gpu.fused_lstm import fused_lstms

        lstm, x = nn.LSTM(settings.features, settings.hidden).to(device), torch.zeros(1, 2, settings.features)
        fused_lstms([lstm], x.to(device)).float().sum().backward()  # type: ignore[no-untyped-call]
    except Exception as error:  # what a compiler, a driver and Triton raise is not one kind
        return separate_lstms, f"Triton: {one_line(error, 120)}"
    return fused_lstms, ""


def separate_lstms(lstms: Sequence[nn.LSTM], x: Tensor) -> Tensor:
    """Does what `fused_lstms` does, by one nn.LSTM after the other."""
    mixed = x.is_cuda and has_mixed_precision(x.device)
    with torch.autocast(x.device.type, torch.bfloat16, enabled=mixed):
        return torch.stack([lstm(x)[0] for lstm in lstms])


def fused_masks(network: BandSplitNetwork, spectrum: Tensor, depth: int, width: int, lstms: LSTMs) -> Tensor:
    """Maps `(batch, channels, 2, frames, bins)` to complex masks `(batch, masks, channels, 2, frames, bins)`."""
    x, layers = _split(network.split, spectrum), list[Any](network.layers)
    for layer in layers[:depth]:
        x = _recur(layer.band, _recur(layer.time, x, width, lstms), width, lstms)
    return _estimate(network.mask, x)


def _split(split: BandSplit, spectrum: Tensor) -> Tensor:
    """As `BandSplit`: `(batch, channels, 2, frames, bins)` to `(batch, frames, bands, features)`."""
    assert split.norm is not None
    x = normalize(split.norm, torch.cat(split.bands(compress(spectrum) if split.compressed else spectrum), -1))
    features: Tensor = _linear(x, list[Any](split.linears)).unflatten(-1, (len(split.linears), -1))
    return features


def _recur(parallel: ParallelRecurrence, x: Tensor, width: int, lstms: LSTMs) -> Tensor:
    """As `ParallelRecurrence`: `(batch, frames, bands, features)` to the same shape."""
    sequences = x.transpose(1, 2) if parallel.axis == "time" else x
    branches = list[Any](parallel.branches)[:width]
    normed = normalize(parallel.norm, sequences.flatten(0, 1))
    hidden = lstms([branch.lstm for branch in branches], normed)
    weight = torch.stack([branch.projection.weight for branch in branches]).to(hidden.dtype)
    bias = torch.stack([branch.projection.bias for branch in branches])
    projected = torch.bmm(hidden.flatten(1, 2), weight.transpose(1, 2)).float() + bias[:, None]
    change = gated_mean(projected.view(width, *sequences.shape), parallel.gate)
    return x + (change.transpose(1, 2) if parallel.axis == "time" else change)


def _estimate(mask: MaskEstimation, x: Tensor) -> Tensor:
    """As `MaskEstimation`: `(batch, frames, bands, features)` to `(batch, masks, channels, 2, frames, bins)`."""
    assert mask.norm is not None
    networks = list[Any](mask.networks)
    first, second = [network[0] for network in networks], [network[2] for network in networks]
    bands = normalize(mask.norm, x.flatten(2)).view_as(x).flatten(0, 1).transpose(0, 1)
    weight, bias = torch.stack([each.weight for each in first]), torch.stack([each.bias for each in first])
    hidden = torch.tanh(torch.baddbmm(bias[:, None], bands, weight.transpose(1, 2)))
    hidden = hidden.transpose(0, 1).flatten(1).unflatten(0, x.shape[:2])
    # The gated linear unit: the first half of each band's outputs times the sigmoid of its second half.
    sizes = [each.out_features // 2 for each in second]
    values = _linear(hidden, second, [slice(size) for size in sizes])
    gates = _linear(hidden, second, [slice(size, None) for size in sizes])
    parts = (values * torch.sigmoid(gates)).split(sizes, dim=-1)
    masks = [part.unflatten(-1, (mask.masks, mask.channels, 2, -1)) for part in parts]
    return torch.cat(masks, dim=-1).permute(0, 2, 3, 4, 1, 5)


def _linear(x: Tensor, layers: Sequence[nn.Linear], rows: Sequence[slice] | None = None) -> Tensor:
    """Applies `rows` of each layer to its own part of the last axis of `x`, all in one product."""
    rows = rows or [slice(None)] * len(layers)
    weight = torch.block_diag(*[layer.weight[part] for layer, part in zip(layers, rows, strict=True)])
    bias = torch.cat([layer.bias[part] for layer, part in zip(layers, rows, strict=True)])
    return functional.linear(x, weight, bias)
