"""The networks between a separator and its streaming step. Each network has one more rule applied.

All networks map whole recordings, as the separator does, and use its forward. After a rule, a network uses the modules
of the step that the rule built: the modules that are exported. Views adapt them if the step orders its axes otherwise:

    fold_batchnorm     every BatchNorm is folded into the LSTMs and linear layers that follow it
    merge_recurrences  the LSTMs of each axis are the step's batched recurrence
    fold_gates         projections, gates and mean are the step's matrices
    streamed_transform the step's DFT and inverse DFT transform the frames
    band_split         the step's matrix for each run of bands splits the bands
    masks              the step's matrices estimate the masks
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import cast

from torch import nn

from edge_export.baking.streaming import band_split, fold_batchnorm, gated_sum, masks, recurrence, transform
from edge_export.baking.streaming.fold_batchnorm import Affine, affine, fold
from edge_export.baking.streaming.step import StreamingLayer, StreamingSeparator
from edge_export.baking.streaming.whole_recordings import (
    BandSplitByRuns,
    FramedAnalysis,
    FramedSynthesis,
    MasksByRuns,
    MergedRecurrence,
)
from edge_export.mothers.band_split.network import BandSplitNetwork
from edge_export.mothers.band_split.recurrence import ParallelRecurrence, Recurrence, ResidualLayer


def rule_by_rule(network: BandSplitNetwork, step: StreamingSeparator) -> Iterator[tuple[str, nn.Module]]:
    """Yields the name of each rule and the network after it. It is one network, which the next iteration changes.

    Args:
        network: A calibrated member with batch norm and causal recurrence. It is not changed.
        step: The baked member.
    """
    working = copy.deepcopy(network).eval()
    for rule, apply in RULES:
        apply(working, network, step)
        yield rule, working


def _fold_batchnorm(working: BandSplitNetwork, network: BandSplitNetwork, _step: StreamingSeparator) -> None:
    for module in working.modules():
        if isinstance(module, ParallelRecurrence):
            for branch in module.branches:
                assert isinstance(branch, Recurrence)
                _fold_into_lstm(_batch_norm(module.norm), branch.lstm)
            module.norm = nn.Identity()
    norm, first = _batch_norm(working.split.norm), 0
    for layer in working.split.linears:
        _fold_into_linear(norm, layer, first)
        first += cast("nn.Linear", layer).in_features
    norm = _batch_norm(working.mask.norm)
    for band, estimation in enumerate(working.mask.networks):
        _fold_into_linear(norm, cast("nn.Sequential", estimation)[0], band * network.settings.features)
    working.split.norm = None
    working.mask.norm = None


def _batch_norm(norm: nn.Module | None) -> nn.BatchNorm1d:
    assert isinstance(norm, nn.BatchNorm1d)
    return norm


def _fold_into_lstm(norm: nn.BatchNorm1d, lstm: nn.LSTM) -> None:
    for suffix in ("", "_reverse") if lstm.bidirectional else ("",):
        weight, bias = (getattr(lstm, f"{name}_ih_l0{suffix}") for name in ("weight", "bias"))
        folded = fold(norm, Affine(weight.detach().double(), bias.detach().double()))
        weight.data, bias.data = folded.weight.float(), folded.bias.float()


def _fold_into_linear(norm: nn.BatchNorm1d, layer: nn.Module, first: int) -> None:
    assert isinstance(layer, nn.Linear)
    folded = fold(norm, affine(layer), first)
    layer.weight.data, layer.bias.data = folded.weight.float(), folded.bias.float()


def _merge_recurrences(working: BandSplitNetwork, network: BandSplitNetwork, step: StreamingSeparator) -> None:
    _replace_recurrences(working, network, step, lambda _gated_sum: None)


def _fold_gates(working: BandSplitNetwork, network: BandSplitNetwork, step: StreamingSeparator) -> None:
    _replace_recurrences(working, network, step, lambda gated_sum: gated_sum)


def _replace_recurrences(
    working: BandSplitNetwork,
    network: BandSplitNetwork,
    step: StreamingSeparator,
    folded: Callable[[nn.Module], nn.Module | None],
) -> None:
    for target, source, baked in zip(working.layers, network.layers, step.layers, strict=True):
        assert isinstance(target, ResidualLayer)
        assert isinstance(source, ResidualLayer)
        assert isinstance(baked, StreamingLayer)
        target.set_submodule("time", MergedRecurrence(source.time, baked.time, folded(baked.time_sum)))
        target.set_submodule("band", MergedRecurrence(source.band, baked.band, folded(baked.band_sum)))


def _streamed_transform(working: BandSplitNetwork, network: BandSplitNetwork, step: StreamingSeparator) -> None:
    working.set_submodule("analysis", FramedAnalysis(network.analysis, step.analysis))
    working.set_submodule("synthesis", FramedSynthesis(network.synthesis, step.synthesis))


def _band_split(working: BandSplitNetwork, _network: BandSplitNetwork, step: StreamingSeparator) -> None:
    working.set_submodule("split", BandSplitByRuns(step))


def _masks(working: BandSplitNetwork, _network: BandSplitNetwork, step: StreamingSeparator) -> None:
    working.set_submodule("mask", MasksByRuns(step))


RULES: tuple[tuple[str, Callable[[BandSplitNetwork, BandSplitNetwork, StreamingSeparator], None]], ...] = (
    (fold_batchnorm.NAME, _fold_batchnorm),
    (recurrence.NAME, _merge_recurrences),
    (gated_sum.NAME, _fold_gates),
    (transform.NAME, _streamed_transform),
    (band_split.NAME, _band_split),
    (masks.NAME, _masks),
)
