"""Costs of small networks equal the numbers counted by hand; those of MobileNets equal the published ones."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from edge_export.baking.export import export_program
from edge_export.members.complexity import complexity
from edge_export.members.extract import extract
from edge_export.mothers.catalog import build_untrained


def costs(member, *inputs):
    return complexity(export_program(member.eval(), inputs))


def test_linear_layers():
    found = costs(nn.Sequential(nn.Linear(100, 50), nn.ReLU(), nn.Linear(50, 10)), torch.zeros(1, 100))
    assert found.params == 100 * 50 + 50 + 50 * 10 + 10
    assert found.weight_bytes == 4 * found.params
    assert found.macs == 100 * 50 + 50 * 10
    assert found.peak_activation_bytes == 4 * (100 + 50)


def test_convolutions_with_groups_and_strides():
    layers = (
        nn.Conv2d(3, 8, 3, stride=2, padding=1),  # 17 × 11 to 9 × 6
        nn.Conv2d(8, 8, 3, padding="same", groups=8, bias=False),
        nn.Conv2d(8, 12, 1, groups=4),
        nn.Flatten(),
    )
    found = costs(nn.Sequential(*layers), torch.zeros(1, 3, 17, 11))
    assert found.params == (8 * 3 * 9 + 8) + 8 * 9 + (12 * 2 + 12)
    assert found.macs == 54 * (8 * 3 * 9 + 8 * 9 + 12 * 2)
    assert found.peak_activation_bytes == 4 * max(3 * 17 * 11 + 8 * 54, 8 * 54 + 12 * 54), "a flattened view takes none"


def test_sound_through_a_strided_convolution_and_back():
    down = nn.Conv1d(2, 6, 4, stride=4, dilation=2)  # 39 samples to 9
    up = nn.ConvTranspose1d(6, 4, 5, stride=3, groups=2)  # 9 to 29
    found = costs(nn.Sequential(down, up), torch.zeros(1, 2, 39))
    assert found.macs == 9 * (6 * 2 * 4) + 9 * (6 * 2 * 5)
    assert found.peak_activation_bytes == 4 * (6 * 9 + 4 * 29)


class Attention(nn.Module):
    """Two heads of four features over seven steps, once in each way to write it."""

    def __init__(self):
        super().__init__()
        self.three = nn.Linear(8, 24)

    def forward(self, x):
        q, k, v = (each.unflatten(-1, (2, 4)).transpose(1, 2) for each in self.three(x).split(8, dim=-1))
        by_hand = (q @ k.mT / 2).softmax(-1) @ v
        by_name = torch.einsum("bhqk, bhkf -> bhqf", torch.einsum("bhqf,bhkf->bhqk", q, k).softmax(-1), v)
        return by_hand + by_name + F.scaled_dot_product_attention(q, k, v)


def test_attention():
    assert costs(Attention(), torch.zeros(1, 7, 8)).macs == 7 * 8 * 24 + 3 * 2 * (7 * 7 * 4 + 7 * 7 * 4)


class Recurrent(nn.Module):
    """A sequence of five steps, then one more step of a cell."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(3, 4, num_layers=2, bidirectional=True, proj_size=2)
        self.gru = nn.GRU(4, 6, batch_first=True)
        self.cell = nn.LSTMCell(6, 7)

    def forward(self, x):
        y, _ = self.lstm(x)
        z, _ = self.gru(y.transpose(0, 1))
        return self.cell(z[:, -1])[0]


@pytest.mark.filterwarnings("ignore:The tensor attributes")  # of nn.LSTM, as torch.export traces it
def test_recurrences():
    first = 2 * (16 * 3 + 16 * 2 + 2 * 4)  # two directions: of the input, of the state, of the projection
    second = 2 * (16 * 4 + 16 * 2 + 2 * 4)
    gru, cell = 18 * 4 + 18 * 6, 28 * 6 + 28 * 7
    assert costs(Recurrent(), torch.zeros(5, 1, 3)).macs == 5 * (first + second + gru) + cell


PUBLISHED = {  # millions of multiply-accumulates, as the paper's tables and released models state them
    ("us_mobilenet_v1", "1.0"): 568,
    ("us_mobilenet_v1", "0.5"): 149,
    ("us_mobilenet_v2", "1.0"): 300,
    ("us_mobilenet_v2", "0.35"): 59,
}


@pytest.mark.parametrize("name", ["us_mobilenet_v1", "us_mobilenet_v2"])
def test_published_mobilenets(name):
    mother = build_untrained(name)
    for width in (width for mobilenet, width in PUBLISHED if mobilenet == name):
        config = mother.space.parse(width)
        found = costs(extract(mother, config), *mother.example_inputs(config))
        assert found.macs == pytest.approx(PUBLISHED[name, width] * 1e6, rel=0.02)


class Residual(nn.Module):
    def forward(self, x):
        return (x * 2).relu() + x


def test_what_is_needed_later_stays_alive():
    assert costs(Residual(), torch.zeros(1, 10)).peak_activation_bytes == 4 * 30


class Step(nn.Module):
    """A filter that keeps its last inputs as state: views of parts, and of its own weights."""

    def __init__(self):
        super().__init__()
        self.weight, self.window = nn.Parameter(torch.ones(1, 4)), nn.Buffer(torch.ones(16))

    def forward(self, x, state):
        whole = torch.cat([state, x], dim=-1)
        (_, kept), taps = whole.split([8, 4], dim=-1), self.weight.reshape(4).expand(1, 4)
        return (whole[:, :8] * self.window[:8]) @ taps.repeat(2, 2).mT, kept.clone()


def test_state_is_an_input_and_an_output():
    found = costs(Step(), torch.zeros(1, 8), torch.zeros(1, 4))
    assert (found.params, found.weight_bytes, found.macs) == (4, 4 * (4 + 16), 8 * 2)
    whole, windowed, taps, filtered = 12, 8, 16, 2
    assert found.peak_activation_bytes == 4 * (whole + windowed + taps + filtered)


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False)
        self.second.weight = self.first.weight

    def forward(self, x):
        return self.second(self.first(x)).mean()


def test_a_weight_that_is_used_twice_is_there_once():
    found = costs(Tied(), torch.zeros(1, 4))
    assert (found.params, found.weight_bytes, found.macs) == (16, 64, 32)


@torch.library.custom_op("made_up::product", mutates_args=())
def product(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return x @ weight


@product.register_fake
def _(x, weight):
    return x.new_empty(x.shape[0], weight.shape[1])


UNKNOWN = {
    "another library's operator": (lambda x: product(x, x.mT), "made_up.product.default are not known"),
    "a product of three": (lambda x: torch.einsum("ab,cb,cd->ad", x, x, x), "is not a product of two factors"),
    "a product without a rule": (lambda x: torch.tensordot(x, x.mT, 1), "aten.tensordot.default are not known"),
}


class Unknown(nn.Module):
    def __init__(self, compute):
        super().__init__()
        self.linear, self.compute = nn.Linear(4, 5), compute

    def forward(self, x):
        return self.compute(self.linear(x))


@pytest.mark.parametrize("kind", UNKNOWN)
def test_what_cannot_be_counted_does_not_stop_a_build(kind, capfd):
    compute, reason = UNKNOWN[kind]
    found = costs(Unknown(compute), torch.zeros(3, 4))
    assert (found.params, found.macs) == (25, 0)
    assert found.peak_activation_bytes > 0
    assert reason in capfd.readouterr().err
