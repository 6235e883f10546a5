"""The configurations that a step trains, and the target of each."""

from __future__ import annotations

import random

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from edge_export.mothers.us_mobilenet.mother import digits, slimmable_digits
from edge_export.mothers.us_mobilenet.width_space import Width
from edge_export.training.distillation import accumulate_gradients, soft_cross_entropy
from edge_export.training.sandwich import every, sandwich


def test_a_sandwich_is_the_largest_the_smallest_and_two_random_widths() -> None:
    space = digits().space
    drawn = [sandwich(space, random.Random(seed)) for seed in range(20)]
    assert all(configs[:2] == [Width(1.0), Width(0.25)] and len(configs) == 4 for configs in drawn)
    assert len({config for configs in drawn for config in configs[2:]}) > 30
    assert sandwich(space, random.Random(5)) == drawn[5]


def test_soft_cross_entropy_of_a_sure_teacher_is_cross_entropy() -> None:
    logits, targets = torch.randn(6, 4), torch.tensor([0, 1, 2, 3, 0, 1])
    teacher = functional.one_hot(targets, 4) * 100.0
    torch.testing.assert_close(soft_cross_entropy(logits, teacher), functional.cross_entropy(logits, targets))


def test_the_largest_learns_the_targets_and_nothing_flows_back_through_its_prediction() -> None:
    networks = {"large": nn.Linear(3, 4), "small": nn.Linear(3, 4)}
    x, targets = torch.randn(8, 3), torch.randint(0, 4, (8,))

    def forward(config: str) -> Tensor:
        logits: Tensor = networks[config](x)
        return logits

    loss = accumulate_gradients(forward, ["large", "small"], targets)
    grads = {name: network.weight.grad.clone() for name, network in networks.items()}  # type: ignore[union-attr]

    for network in networks.values():
        network.zero_grad()
    expected = functional.cross_entropy(networks["large"](x), targets)
    expected.backward()
    torch.testing.assert_close(grads["large"], networks["large"].weight.grad)
    assert loss == pytest.approx(expected.item())

    teacher = networks["large"](x).detach().softmax(1)
    (-(teacher * networks["small"](x).log_softmax(1)).sum(1).mean()).backward()
    torch.testing.assert_close(grads["small"], networks["small"].weight.grad)


def test_every_width_of_a_slimmable_network_learns_the_targets() -> None:
    assert [config.width_mult for config in every(slimmable_digits().space, random.Random(0))] == [1.0, 0.75, 0.5, 0.25]
    networks = {"large": nn.Linear(3, 4), "small": nn.Linear(3, 4)}
    x, targets = torch.randn(8, 3), torch.randint(0, 4, (8,))

    def forward(config: str) -> Tensor:
        logits: Tensor = networks[config](x)
        return logits

    accumulate_gradients(forward, ["large", "small"], targets, distilled=False)
    for network in networks.values():
        grad = network.weight.grad.clone()  # type: ignore[union-attr]
        network.zero_grad()
        functional.cross_entropy(network(x), targets).backward()
        torch.testing.assert_close(grad, network.weight.grad)
