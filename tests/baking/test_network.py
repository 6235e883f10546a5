"""However a network is written: hooks, computed weights, casts, names. Rules fold with it, or see it and refuse."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, prune, spectral_norm, weight_norm

from edge_export.baking.bake import bake
from edge_export.baking.export import export_program
from tests.reproductions import Net

FOLDED = "fold_batchnorm_into_previous"


class Positive(nn.Module):
    def forward(self, weight):
        return weight.abs() + 0.1


def positive(layer: nn.Linear) -> nn.Linear:
    nn.utils.parametrize.register_parametrization(layer, "weight", Positive())
    return layer


def pruned(layer: nn.Linear) -> nn.Linear:
    return prune.l1_unstructured(layer, "weight", 0.3)


@pytest.mark.filterwarnings("ignore:.*(weight_norm|spectral_norm)")
@pytest.mark.parametrize(
    "wrap", [parametrizations.weight_norm, parametrizations.spectral_norm, weight_norm, spectral_norm, positive, pruned]
)
def test_a_weight_that_is_computed_is_folded_into(wrap, baking, operators, randomized) -> None:
    with torch.no_grad():
        layer = wrap(nn.Linear(6, 4))
    baked = baking(nn.Sequential(layer, randomized(nn.BatchNorm1d(4))).eval(), torch.randn(3, 6))
    assert operators(baked) == ["linear"]


def test_hooks_are_part_of_the_graph(baking, operators, randomized) -> None:
    member = nn.Sequential(nn.Linear(6, 4), randomized(nn.BatchNorm1d(4))).eval()
    member[0].register_forward_pre_hook(lambda layer, given: (given[0] * 2,))
    member[0].register_forward_hook(lambda layer, given, output: output.abs())
    baked = baking(member, torch.randn(3, 6))
    assert operators(baked) == ["linear", "abs", "mul", "add"]
    (refused,) = [each for each in baked.refused if each.rule == FOLDED]
    assert refused.reason == "it follows a abs, not a convolution or linear layer"


def test_hooks_of_the_whole_network_are_part_of_the_graph(baking, randomized) -> None:
    member = nn.Sequential(nn.Linear(6, 4), randomized(nn.BatchNorm1d(4))).eval()
    member.register_forward_hook(lambda network, given, output: output.abs())
    assert [each.rule for each in baking(member, torch.randn(3, 6)).applied] == [FOLDED]


def test_a_hook_that_keeps_an_output_does_not_keep_a_rule_from_folding_where_it_may(baking, randomized) -> None:
    kept = {}
    member = Net(lambda s, x: s.n(s.a(x)), a=nn.Linear(6, 4), n=randomized(nn.BatchNorm1d(4))).eval()
    member.a.register_forward_hook(lambda layer, given, output: kept.update(a=output))
    assert [each.rule for each in baking(member, torch.randn(3, 6)).applied] == [FOLDED]
    member.function = lambda s, x: s.n(s.a(x)) + kept["a"]
    assert FOLDED not in [each.rule for each in baking(member, torch.randn(3, 6)).applied]


def test_a_weight_that_is_read_directly_too_stays_what_it_was(baking, randomized) -> None:
    def forward(s, x):
        return F.linear(s.n(s.a(x)).relu(), s.a.weight.t())

    baked = baking(Net(forward, a=nn.Linear(6, 4), n=randomized(nn.BatchNorm1d(4))).eval(), torch.randn(3, 6))
    assert [each.rule for each in baked.applied] == [FOLDED]


def test_a_weight_that_no_rule_changed_is_shared_as_before(baking) -> None:
    baked = baking(
        Net(lambda s, x: F.linear(s.a(x).relu(), s.a.weight.t()), a=nn.Linear(6, 4)).eval(), torch.ones(2, 6)
    )
    assert baked.module.state_dict().keys() == {"a.weight", "a.bias"}


def test_casts_inside_do_not_end_baking_and_stay(operators, randomized) -> None:
    norm = randomized(nn.BatchNorm1d(4))
    member = Net(
        lambda s, x: s.n(s.a(x.float())).to(torch.float32).double().cumsum(1), a=nn.Linear(6, 4), n=norm
    ).eval()
    x = torch.randn(3, 6)
    baked = bake(member, (x,))
    assert [each.rule for each in baked.applied] == [FOLDED]
    assert baked.module(x).dtype == torch.float64
    assert torch.allclose(baked.module(x), member(x), atol=1e-5)
    assert [name for name in operators(baked) if name not in ("linear", "cumsum", "_assert_tensor_metadata")] == [
        "to"
    ] * 3


def test_float64_inside_is_kept(operators, randomized) -> None:
    member = Net(lambda s, x: (s.n(s.a(x)).double() @ s.w).float(), a=nn.Linear(6, 4), n=randomized(nn.BatchNorm1d(4)))
    member.register_buffer("w", torch.randn(4, 4, dtype=torch.float64))
    x = torch.randn(3, 6)
    baked = bake(member.eval(), (x,))
    assert [name for name in operators(baked) if not name.startswith("_")] == ["linear", "to", "matmul", "to"]
    assert torch.allclose(baked.module(x), member(x), atol=1e-5)


def test_branches_are_kept_and_what_is_around_them_folds(baking, operators, randomized) -> None:
    def forward(s, x):
        y = s.n(s.a(x))
        return torch.cond(y.sum() > 0, lambda y: y * 2, lambda y: y - 1, (y,))

    member = Net(forward, a=nn.Linear(6, 4), n=randomized(nn.BatchNorm1d(4))).eval()
    assert [each.rule for each in baking(member, torch.randn(3, 6)).applied] == [FOLDED]


def test_names_that_are_keywords(baking, operators, randomized) -> None:
    layers = nn.ModuleDict({"class": nn.Linear(6, 4), "for": randomized(nn.BatchNorm1d(4))})
    member = Net(lambda s, x: s.layers["for"](s.layers["class"](x)) * getattr(s, "lambda"), layers=layers)
    member.register_parameter("lambda", nn.Parameter(torch.full((4,), 0.5)))
    baked = baking(member.eval(), torch.randn(3, 6))
    assert operators(baked) == ["linear"]


def test_a_program_takes_its_inputs_row_by_row() -> None:
    """An axis of one place may have any stride, which ExecuTorch takes for another order of the axes."""
    x = torch.zeros(4, 3, 2, 1).movedim(3, 0)
    assert x.is_contiguous()
    assert x.stride() != (24, 6, 2, 1)
    (given,), _ = export_program(nn.ReLU(), (x,)).example_inputs
    assert given.stride() == (24, 6, 2, 1)


def test_weights_in_another_memory_format_lie_row_by_row(baking, randomized) -> None:
    layers = nn.Sequential(nn.Conv2d(3, 4, 1), randomized(nn.BatchNorm2d(4)), nn.ReLU(), nn.Conv2d(4, 2, 3))
    member = layers.eval().to(memory_format=torch.channels_last)
    baked = baking(member, torch.randn(1, 3, 5, 6))
    strides = {name: value.stride() for name, value in baked.module.state_dict().items() if value.ndim == 4}
    assert sorted(strides.values()) == [(3, 1, 1, 1), (36, 9, 3, 1)]
