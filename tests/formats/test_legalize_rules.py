"""The rules for single operators: the same mathematics in float64, for every format that a rule is for."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import batched
from pathlib import Path
from typing import Any

import pytest
import torch
from legalized import Function, file_snr, math_error, seeded
from rules_of_choices import CHOICES
from rules_of_layers import LAYERS, SEQUENCE, VOLUME
from rules_of_values import VALUES
from torch import nn
from torch.nn import functional as F

from edge_export.baking.export import export_program
from edge_export.formats import FORMATS
from edge_export.formats.legalize.program import legalized, notes
from edge_export.formats.legalize.rule import Rule
from edge_export.formats.legalize.rules import RULES

CASES = {**LAYERS, **VALUES, **CHOICES}
APPROXIMATED = {"erfinv": 1e-6}
"""The relative error of what is right in float32 only, for cases with such a rule."""
MOST_OUTPUTS = 16
"""Of one file."""


def network(function: Callable[..., Any]) -> Function:
    torch.manual_seed(0)
    norm = nn.InstanceNorm2d(4, affine=True, track_running_stats=True)
    nn.init.uniform_(norm.running_mean)  # type: ignore[arg-type]
    conv = nn.Conv3d(4, 6, (3, 2, 3), (2, 1, 1), 1, groups=2, dilation=(1, 2, 1))
    return Function(function, c=conv, n=norm, d=nn.Conv2d(4, 4, 1))


def formats_of(case: str) -> tuple[str, ...]:
    return next(rule.formats for rule in RULES if rule.name == CASES[case][0])


@pytest.mark.parametrize("case", CASES)
def test_it_is_the_same_mathematics(case: str) -> None:
    _, shape, function = CASES[case]
    for format_name in formats_of(case):
        assert math_error(network(function), seeded(*shape), format_name) < APPROXIMATED.get(case, 1e-12)


def test_every_rule_has_a_case_and_known_formats() -> None:
    names = [(rule.name, each) for rule in RULES for each in rule.formats]
    assert len(names) == len(set(names))
    of_recurrent_layers = {"recurrent", "recurrent_cells"}
    assert of_recurrent_layers | {name for name, _, _ in CASES.values()} == {name for name, _ in names}
    assert {each for rule in RULES for each in rule.formats} <= FORMATS.keys()


@pytest.mark.slow
@pytest.mark.parametrize("format_name", sorted({each for rule in RULES for each in rule.formats}))
def test_the_file_is_right(format_name: str, tmp_path: Path) -> None:
    """Files of all cases of a format: each part of their input as a picture, sequence or volume."""
    for cases in batched([case for case in CASES if format_name in formats_of(case)], MOST_OUTPUTS):

        def everything(layers: Any, x: torch.Tensor, cases: tuple[str, ...] = cases) -> tuple[torch.Tensor, ...]:
            parts = [x[:, : math.prod(CASES[case][1])].reshape(CASES[case][1]) for case in cases]
            return tuple(CASES[case][2](layers, part) for case, part in zip(cases, parts, strict=True))

        snr_db = file_snr(network(everything), seeded(1, math.prod(VOLUME)), format_name, tmp_path)
        assert {case: snr for case, snr in zip(cases, snr_db, strict=True) if not snr > 100} == {}


def test_what_no_rule_matches_stays_the_same_program() -> None:
    plain = nn.Sequential(nn.Conv2d(4, 8, 3, padding=1), nn.ReLU6(), nn.MaxPool2d(2), nn.AvgPool2d(2), nn.GELU())
    program = export_program(plain.eval(), (torch.zeros(1, 4, 8, 8),))
    for format_name in FORMATS:
        assert legalized(program, format_name) == (program, ())


@pytest.mark.parametrize("format_name", ["executorch", "coreml", "tflite"])
def test_nan_is_the_largest_value(format_name: str) -> None:
    def statistics(s: Any, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        y = torch.log(x)
        return (
            *y.sort(stable=True),
            *y.sort(descending=True, stable=True),
            *y.median(2),
            y.nanmedian(1)[0],
            *y.cummax(2),
        )

    x = seeded(*SEQUENCE)
    network = Function(statistics)
    program, _ = legalized(export_program(network, (x,)), format_name)
    for expected, actual in zip(network(x), program.module()(x), strict=True):
        assert torch.equal(expected.nan_to_num(99.0), actual.nan_to_num(99.0))


def test_too_many_values_to_keep_equal_ones_in_order_are_refused_and_told() -> None:
    program = export_program(Function(lambda s, x: x.sort(stable=True)[0]), (seeded(1, 3000),))
    same, outcomes = legalized(program, "executorch")
    assert same is program
    assert "9,000,000 comparisons are more than 4,194,304" in notes(outcomes)[0]


@pytest.mark.parametrize("format_name", ["executorch", "coreml", "tflite"])
def test_many_values_are_ordered(format_name: str, tmp_path: Path) -> None:
    """More values than can be compared in pairs, such as the scores of all boxes."""

    def ordered(s: Any, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        values, places = x.sort(2, descending=True)
        lowest, places_of_lowest = x.kthvalue(7, 2)
        return (
            *(values, places.float(), x.argsort(2).float(), x[0, 0].msort(), x.sort(dim=2, stable=False)[0]),
            *(lowest, places_of_lowest.float(), x.median(2)[0], x.median().reshape(1)),
            torch.quantile(x, torch.tensor([0.01, 0.5, 0.99]), dim=2),
        )

    snr_db = file_snr(Function(ordered), seeded(1, 2, 2500), format_name, tmp_path)
    assert min(snr_db) > 100, snr_db


@pytest.mark.parametrize("format_name", ["executorch", "coreml", "tflite"])
def test_no_constant_is_as_large_as_what_it_meets(format_name: str, tmp_path: Path) -> None:
    """Numbers, masks and what is expanded stay small in a file: a picture of the network has 128 kB."""
    scale, mask = seeded(1, 8, 1, 1), seeded(1, 1, 64, 64) > 0

    def small(s: Any, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        squeezed = x.mean((2, 3)).sigmoid().view(1, 8, 1, 1).expand_as(x)
        return (
            x * squeezed + torch.ones(1, 8, 64, 64) - scale.expand(1, 8, 64, 64) * scale.repeat(1, 1, 64, 64),
            torch.where(x > 0, x, 0.1) + torch.where(mask, x, torch.tensor(-5.0)) * torch.full_like(x, 2.0),
            torch.where(x > 0, 1.0, -1.0) + x.argmax(1, keepdim=True),
        )

    snr_db = file_snr(Function(small), seeded(1, 8, 64, 64), format_name, tmp_path)
    assert min(snr_db) > 100, snr_db
    program = tmp_path / "program.pt2"
    files = [
        path for path in tmp_path.rglob("*") if path.suffix not in ("", ".onnx", ".safetensors") and path != program
    ]
    assert sum(path.stat().st_size for path in files) < 50_000, files


def test_what_several_operands_expand_together_stays_expanded() -> None:
    x = seeded(1, 4, 6)
    network = Function(lambda s, x: x[:, :1].expand(1, 4, 6) + x[:1, 1:2].expand(1, 4, 6))
    for format_name in FORMATS:
        program, _ = legalized(export_program(network, (x,)), format_name)
        assert torch.equal(program.module()(x), network(x))


def test_values_that_no_input_reaches_are_constants() -> None:
    """torch's ONNX exporter, among others, knows no product of integers and a fraction."""
    program = export_program(Function(lambda s, x: x * (torch.arange(4) * 0.5).exp()), (seeded(*SEQUENCE),))
    for format_name in FORMATS:
        plain, outcomes = legalized(program, format_name)
        assert [node.target for node in plain.graph.nodes if node.op == "call_function"] == [torch.ops.aten.mul.Tensor]
        assert outcomes == ()


def test_attention_that_lies_otherwise_in_memory_is_viewed_all_the_same() -> None:
    """As in a decoder whose queries are learned: on constants, attention lays out its result in another order."""
    queries = torch.linspace(-1, 1, 40).reshape(5, 1, 8)

    def decode(s: Any, x: torch.Tensor) -> torch.Tensor:
        return s.a(queries, queries, queries, need_weights=False)[0] + F.celu(x[:, :2].reshape(1, 8), 0.3)

    x, network = seeded(*SEQUENCE), Function(decode, a=nn.MultiheadAttention(8, 2)).eval()
    for format_name in FORMATS:
        program, _ = legalized(export_program(network, (x,)), format_name)
        assert torch.allclose(network(x), program.module()(x), atol=1e-6)


def test_a_view_of_a_weight_stays_one() -> None:
    network = nn.Linear(4, 4)
    program = export_program(Function(lambda s, x: s.a(x) @ s.a.weight.t(), a=network), (seeded(*SEQUENCE),))
    for format_name in FORMATS:
        assert legalized(program, format_name) == (program, ())


def test_a_folded_constant_keeps_its_name_in_later_rounds() -> None:
    """Constants that are dropped between rounds leave gaps in the numbers of those that stay."""

    def many(s: Any, x: torch.Tensor) -> torch.Tensor:
        first = torch.bucketize(x, torch.tensor([-1.0, 0.2, 0.8], dtype=x.dtype)).to(x.dtype)
        y = x.median(2)[0] + x.kthvalue(2, 2)[0] + x.cummax(2)[0][..., 0]
        return y + first.sum(2) + torch.relu(x * 2).sort(stable=True)[0][..., 1] * 3

    assert math_error(Function(many), seeded(*SEQUENCE), "tflite") < 1e-12


def test_indices_that_are_read_are_refused_and_told() -> None:
    program = export_program(Function(lambda s, x: x.max(1)[1]), (seeded(*SEQUENCE),))
    same, outcomes = legalized(program, "executorch")
    assert same is program
    assert notes(outcomes) == ("max is left as it is: the network reads a result of it that has no other form",)


def test_a_rule_that_fails_leaves_the_call_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(x: torch.Tensor) -> torch.Tensor:
        return x.reshape(-1, 1000)

    rule = Rule("fails", ("tflite",), {torch.ops.aten.relu.default: fails})
    monkeypatch.setattr("edge_export.formats.legalize.program.RULES", (rule,))
    program = export_program(nn.ReLU(), (seeded(*SEQUENCE),))
    same, outcomes = legalized(program, "tflite")
    assert same is program
    (note,) = notes(outcomes)
    assert note.startswith("relu is left as it is: RuntimeError: ")


def test_numbers_of_64_bits_inside_become_32() -> None:
    window = torch.hann_window(4, dtype=torch.float64)

    def inside(s: Any, x: torch.Tensor) -> torch.Tensor:
        return ((x.double() * window).sum(1, dtype=torch.float64) - x.mean()).to(torch.float32)

    x, network = seeded(*SEQUENCE), Function(inside)
    program, outcomes = legalized(export_program(network, (x,)), "tflite")
    assert {outcome.operator for outcome in outcomes} >= {"to", "sum"}
    assert torch.float64 not in {getattr(node.meta.get("val"), "dtype", None) for node in program.graph.nodes}
    assert torch.allclose(network(x), program.module()(x), atol=1e-5)


def test_what_is_written_in_place_is_rewritten_too() -> None:
    program = export_program(Function(lambda s, x: x.sigmoid().add_(x, alpha=2)), (seeded(*SEQUENCE),))
    assert notes(legalized(program, "coreml")[1]) == ("written with other operators: add",)


def test_what_was_rewritten_is_told() -> None:
    program = export_program(Function(lambda s, x: F.celu(F.celu(x)).clamp(-1, 1)), (seeded(*SEQUENCE),))
    assert notes(legalized(program, "coreml")[1]) == ("written with other operators: celu ×2, clamp",)


def test_a_users_constants_and_assignments_stay_right() -> None:
    def assigns(layers: Any, x: torch.Tensor) -> torch.Tensor:
        y = F.adaptive_max_pool1d(x * torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=x.dtype), 3)
        y[:, 1] = 0
        return y.flip(1) + torch.tensor(2.0, dtype=x.dtype)

    assert math_error(Function(assigns), seeded(*SEQUENCE), "tflite") < 1e-12
