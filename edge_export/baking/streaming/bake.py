"""Bakes a calibrated band-split member: applies every rule of this folder in float64 and rounds each weight once."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import nn

from edge_export.baking.rule import Applied, Baked, OnRule
from edge_export.baking.streaming import (
    band_split,
    fold_batchnorm,
    freeze_gates,
    gated_sum,
    masks,
    recurrence,
    transform,
)
from edge_export.baking.streaming.rule_by_rule import rule_by_rule
from edge_export.baking.streaming.step import StreamingSeparator
from edge_export.errors import RequestError
from edge_export.mothers.band_split.network import BandSplitNetwork
from edge_export.mothers.band_split.recurrence import ParallelRecurrence
from edge_export.mothers.band_split.tac import TACGate

if TYPE_CHECKING:
    from torch import Tensor

    from edge_export.mothers.protocol import Config

GATES = ("exact", "static")
MAX_FRAMES = 64


@dataclass(frozen=True)
class StreamOptions:
    """The options of a separator's baker.

    Attributes:
        frames_per_call: Hops of audio in each call. More hops cost less per hop, but increase the latency.
        gates: "exact", or "static": constants, the mean of each gate over the calibration batches.
    """

    frames_per_call: int = 1
    gates: str = "exact"


def check(member: nn.Module, options: Mapping[str, object]) -> None:
    """Raises RequestError unless `member` can stream and `options` are valid."""
    assert isinstance(member, BandSplitNetwork)
    s = member.settings
    reasons = [] if s.causal else ["its recurrence over time also runs backwards, from the end of the file"]
    reasons += [] if s.norm == "batch" else ["group norm computes its statistics over the whole file"]
    if reasons:
        raise RequestError(
            f"this separator can't stream: {' and '.join(reasons)}; build one with causal=True and norm='batch'"
        )
    read_options(options)


def read_options(options: Mapping[str, object]) -> StreamOptions:
    """Reads the options of a target's table [member]. Raises RequestError that names all wrong options."""
    known = StreamOptions()
    frames, gates = options.get("frames_per_call", known.frames_per_call), options.get("gates", known.gates)
    problems = [f"{name} is unknown" for name in options if name not in vars(known)]
    if type(frames) is not int or not 1 <= frames <= MAX_FRAMES:
        problems.append(f"frames_per_call is {frames!r}, not 1 to {MAX_FRAMES}")
    if gates not in GATES:
        problems.append(f"gates is {gates!r}, not one of {', '.join(GATES)}")
    if problems:
        raise RequestError(f"options of the separator: {'; '.join(problems)}")
    assert isinstance(frames, int)
    return StreamOptions(frames, str(gates))


def approximate(
    network: nn.Module,
    options: Mapping[str, object],
    batches: Iterable[tuple[Tensor, ...]],
    max_batches: int | None,
    config: Config | None = None,
) -> tuple[str, nn.Module] | None:
    """Returns the name of the variant and `network` with constant gates, or None if the options request exact gates.

    Also returns None if the network has no gates.
    """
    has_gates = any(isinstance(m, TACGate) for m in network.modules())
    if read_options(options).gates == "exact" or not has_gates:
        return None
    return "gates=static", freeze_gates.freeze_gates(network, batches, max_batches, config)


def bake(
    member: nn.Module, _inputs: tuple[Tensor, ...], options: Mapping[str, object], on_rule: OnRule | None = None
) -> Baked:
    """Returns the streaming step of `member` and does not change `member`."""
    check(member, options)
    network = copy.deepcopy(member).eval()
    assert isinstance(network, BandSplitNetwork)
    step = StreamingSeparator(network, read_options(options).frames_per_call).eval()
    if on_rule is not None:
        for rule, partly_baked in rule_by_rule(network, step):
            on_rule(rule, partly_baked)
    return Baked(step, tuple(_applied(network)), (), step.io)


def _applied(network: BandSplitNetwork) -> list[Applied]:
    applied = [Applied(fold_batchnorm.NAME, n) for n, m in network.named_modules() if isinstance(m, nn.BatchNorm1d)]
    for name, module in network.named_modules():
        if isinstance(module, ParallelRecurrence):
            applied.append(Applied(recurrence.NAME, name))
        if isinstance(module, TACGate):
            applied.append(Applied(gated_sum.NAME, name))
        if isinstance(module, freeze_gates.ConstantGates):
            applied.append(Applied(freeze_gates.NAME, name))
    pieces = {"analysis": transform.NAME, "split": band_split.NAME, "mask": masks.NAME, "synthesis": transform.NAME}
    return applied + [Applied(rule, piece) for piece, rule in pieces.items()]
