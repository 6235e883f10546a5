"""Every baking rule is a stage of its own: a fault in one is the first that diverges, and is said with what to do."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from edge_export.baking import graph
from edge_export.baking.streaming import bake as separator
from edge_export.baking.streaming.step import StreamingSeparator
from edge_export.mothers.band_split.mother import SEPARATOR, DepthWidth, ElasticBandSplit
from edge_export.mothers.protocol import IOSpec, Recordings, TensorSpec
from edge_export.mothers.us_mobilenet.mother import slimmable_digits
from edge_export.pipeline.member import PreparedMember, prepare_member
from edge_export.spec.tolerance import Tolerance
from edge_export.verify.suggestions import STAGES
from tests.conftest import randomize_statistics

TOLERANCE = Tolerance(snr_db=90, max_abs_of_peak=1e-3)


class Space:
    smallest = largest = 1

    def all(self):
        return [1]

    def name(self, config):
        return f"c{config}"


class Member(nn.Module):
    """Every rule has something to do, the first one more after the others."""

    def __init__(self) -> None:
        super().__init__()
        self.before, self.norm, self.drop = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout()
        self.next_norm, self.after, self.last = nn.BatchNorm1d(4), nn.Linear(4, 5), nn.Linear(5, 5)
        self.left = nn.BatchNorm1d(5)

    def forward(self, x):
        x = self.norm(self.before(x) * 0.5) * 2
        x = self.drop(x * torch.sigmoid(x)) * 3
        return self.left(self.last(self.after(self.next_norm(x.mean((2, 3))))).sigmoid())


class EveryRule(nn.Module):
    """A mother of one configuration."""

    space = Space()
    io = IOSpec((TensorSpec("x", (1, 3, 8, 8), layout="NCHW"),), (TensorSpec("y", (1, 5)),))

    def __init__(self) -> None:
        super().__init__()
        self.network = Member()

    def forward(self, x, config=None):
        return self.network(x)

    def extract(self, config):
        return copy.deepcopy(self.network).eval()

    def example_inputs(self, config):
        return (torch.zeros(1, 3, 8, 8),)


def prepared_cnn() -> PreparedMember:
    x = torch.randn(24, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    return prepare_member(randomize_statistics(EveryRule()), 1, Recordings([(x,)], (x,)), TOLERANCE)


CNN_STAGES = [
    *("remove_identity", "recognize_activation", "fold_scale_into_previous", "fold_batchnorm_into_previous"),
    *("fold_batchnorm_into_next", "fold_scale_into_next", "merge_linear", "fold_scale_into_previous 2"),
    "expand_batchnorm",
]


def test_each_rule_of_a_graph_is_proven():
    prepared = prepared_cnn()
    names = [stage.name for stage in prepared.stages]
    assert names == ["extracted", "calibrated", *CNN_STAGES, "baked", "exported"]
    assert all(stage.agreement.snr_db > 110 for stage in prepared.stages)
    assert prepared.reason == ""


@pytest.mark.parametrize("rule", [name for name, _ in graph.RULES])
def test_a_fault_in_a_rule_of_a_graph_is_named(rule, monkeypatch):
    def faulty(name, apply):
        def wrapped(network):
            outcomes = apply(network)
            exact = network.exact["before.weight"]
            weight, _ = network.written.get("before.weight", (exact, exact.dtype))
            network.written["before.weight"] = (torch.cat([weight[:1] * 1.001, weight[1:]]), torch.float32)
            return outcomes

        return name, wrapped if name == rule else apply

    monkeypatch.setattr(graph, "RULES", tuple(faulty(*entry) for entry in graph.RULES))
    reason = prepared_cnn().reason
    assert reason.startswith(f"stage {rule}: SNR ")
    assert "is below 90 dB; " in reason
    assert reason.endswith(STAGES[rule])


TINY = replace(SEPARATOR, features=8, hidden=8, gate_hidden=4, mask_hidden=8)
PIECES = {
    "merge_recurrences": lambda step: step.layers[1].band,
    "fold_gates": lambda step: step.layers[0].time_sum,
    "streamed_transform": lambda step: step.synthesis,
    "band_split": lambda step: step.split,
    "masks": lambda step: step.masks,
}
SEPARATOR_STAGES = ["fold_batchnorm", *PIECES]


def prepared_separator(**options) -> PreparedMember:
    mother = randomize_statistics(ElasticBandSplit(TINY, 2, 2))
    sound = torch.randn(2, 1, 24000, generator=torch.Generator().manual_seed(1)) * 0.1
    return prepare_member(mother, DepthWidth(2, 2), Recordings([(sound,)], (sound,)), TOLERANCE, options=options)


@pytest.mark.parametrize("options", [{}, {"frames_per_call": 3, "gates": "static"}])
def test_each_rule_of_the_separator_is_proven(options):
    prepared = prepared_separator(**options)
    names = [stage.name for stage in prepared.stages]
    approximated = ["approximated"] if options else []
    assert names == ["extracted", "calibrated", *approximated, *SEPARATOR_STAGES, "baked", "exported"]
    assert all(stage.agreement.snr_db > 110 for stage in prepared.stages)


@pytest.mark.parametrize("rule", PIECES)
def test_a_fault_in_a_piece_of_the_step_is_named(rule, monkeypatch):
    class Faulty(StreamingSeparator):
        def __init__(self, *arguments) -> None:
            super().__init__(*arguments)
            with torch.no_grad():
                for tensor in PIECES[rule](self).state_dict().values():
                    tensor *= 1.1

    monkeypatch.setattr(separator, "StreamingSeparator", Faulty)
    reason = prepared_separator().reason
    assert reason.startswith(f"stage {rule}: SNR ")
    assert reason.endswith(STAGES[rule])


def test_a_fault_in_folding_is_named(monkeypatch):
    from edge_export.baking.streaming import fold_batchnorm

    exact = fold_batchnorm.scale_and_shift
    monkeypatch.setattr(fold_batchnorm, "scale_and_shift", lambda norm: (exact(norm)[0] * 1.001, exact(norm)[1]))
    assert prepared_separator().reason.startswith("stage fold_batchnorm: SNR ")


def test_a_fault_in_the_state_of_the_step_is_no_rule_s(monkeypatch):
    shifted = StreamingSeparator._shifted
    monkeypatch.setattr(StreamingSeparator, "_shifted", lambda *arguments: shifted(*arguments) * 0.99)
    assert prepared_separator().reason.startswith("stage baked: SNR ")


def test_trained_statistics_are_kept():
    mother = randomize_statistics(slimmable_digits())
    x = torch.rand(24, 1, 32, 32, generator=torch.Generator().manual_seed(1))
    config = mother.space.parse("0.5")
    prepared = prepare_member(mother, config, Recordings([(x,)], (x,)), TOLERANCE)
    assert prepared.reason == ""
    assert prepared.calibration_batches == 0
    assert "calibrated" not in [stage.name for stage in prepared.stages]
    with torch.no_grad():
        expected = mother(x, config=config)
    torch.testing.assert_close(torch.from_numpy(prepared.golden["logits"]), expected)
