"""Elastic networks of strangers, for the tests that build them; most have something wrong."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from edge_export.mothers.band_split.mother import SEPARATOR, ElasticBandSplit
from edge_export.mothers.protocol import IOSpec, Metric, Recordings, TensorSpec


class Space:
    smallest, largest = 2, 4

    def sample(self, rng):
        return rng.choice(self.all())

    def all(self):
        return [2, 3, 4]

    def parse(self, text):
        return {self.name(c): c for c in self.all()}[text]

    def name(self, config):
        return f"c{config}"


class Mother(nn.Module):
    """The first c features of a hidden layer."""

    space = Space()
    io = IOSpec((TensorSpec("x", (1, 6)),), (TensorSpec("y", (1, 3)),))

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(6, 4), nn.Linear(4, 3)

    def activate(self, x):
        return x.relu()

    def forward(self, x, config=None):
        c = config or 4
        hidden = nn.functional.linear(x, self.first.weight[:c], self.first.bias[:c])
        return nn.functional.linear(self.activate(hidden), self.last.weight[:, :c], self.last.bias)

    def extract(self, config):
        first, last = nn.Linear(6, config), nn.Linear(config, 3)
        first.load_state_dict({"weight": self.first.weight[:config], "bias": self.first.bias[:config]})
        last.load_state_dict({"weight": self.last.weight[:, :config], "bias": self.last.bias})
        return Member(first, last, type(self).activate)

    def example_inputs(self, config):
        return (torch.zeros(1, 6),)

    def recordings(self):
        x = torch.randn(128, 6, generator=torch.Generator().manual_seed(1))
        return Recordings([(x,)], (x[:64],))


class Member(nn.Module):
    def __init__(self, first, last, activate) -> None:
        super().__init__()
        self.first, self.last, self.activate = first, last, activate

    def forward(self, x):
        return self.last(self.activate(self, self.first(x)))


class WrongMember(Mother):
    """Its members have one weight that is 1 % off."""

    def extract(self, config):
        member = super().extract(config)
        with torch.no_grad():
            member.first.weight[0, 2] *= 1.01
        return member


class SharingMember(Mother):
    """Its members keep the mother's own last layer."""

    def extract(self, config):
        member = super().extract(config)
        member.last.bias = self.last.bias
        return member


class PartedSpace:
    """A first width of 1 to 16, and a second layer of 1 to 16 or none: 272 configurations, as (first, second)."""

    smallest, largest = (1, 0), (16, 16)

    def parts(self):
        return {"first": 16, "depth": 2, "second": 16}

    def assemble(self, choices):
        first, depth, second = choices
        return (first + 1, (second + 1) * depth)

    def sample(self, rng):
        return (rng.randint(1, 16), rng.randint(0, 16))

    def all(self):
        return [(first, second) for first in range(1, 17) for second in range(17)]

    def parse(self, text):
        first, _, second = text.removeprefix("f").partition("s")
        return (int(first), int(second))

    def name(self, config):
        return f"f{config[0]}s{config[1]}"


class Parted(nn.Module):
    """One or two hidden layers, each of any width: more configurations than `all` may list."""

    space = PartedSpace()
    io = Mother.io

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(6, 16), nn.Linear(16, 16), nn.Linear(16, 3)

    def forward(self, x, config=None):
        first, second = config or (16, 16)
        hidden = nn.functional.linear(x, self.first.weight[:first], self.first.bias[:first]).relu()
        if second:
            hidden = nn.functional.linear(hidden, self.second.weight[:second, :first], self.second.bias[:second]).relu()
        return nn.functional.linear(hidden, self.last.weight[:, : second or first], self.last.bias)

    def extract(self, config):
        widths = [6, *(width for width in config if width), 3]
        layers = []
        used = [self.first, *([self.second] if config[1] else []), self.last]
        for layer, inputs, outputs in zip(used, widths, widths[1:], strict=False):
            made = nn.Linear(inputs, outputs)
            made.load_state_dict({"weight": layer.weight[:outputs, :inputs], "bias": layer.bias[:outputs]})
            layers += [made, nn.ReLU()]
        return nn.Sequential(*layers[:-1])

    def example_inputs(self, config):
        return (torch.zeros(1, 6),)

    def recordings(self):
        x = torch.randn(64, 6, generator=torch.Generator().manual_seed(1))
        return Recordings([(x,)], (x,), held_out=(x,), targets=torch.arange(len(x)) % 3)


class ForgetfulSpace(PartedSpace):
    def parse(self, text):
        return (super().parse(text)[0], 0)


class Forgetful(Parted):
    """Its space loses the second width when it parses a name."""

    space = ForgetfulSpace()


class ChoicelessSpace(PartedSpace):
    def parts(self):
        return {"first": 16, "second": 0}


class Choiceless(Parted):
    """One of its parts has no choices."""

    space = ChoicelessSpace()


class EndlessSpace(Space):
    def all(self):
        return itertools.count(2)


class Endless(Mother):
    """It has more configurations than anyone can list, and no parts."""

    space = EndlessSpace()


class OneBadMember(Mother):
    """Its member c3 cannot be extracted."""

    def extract(self, config):
        if config == 3:
            raise RuntimeError("no layer of width 3")
        return super().extract(config)


class OneBadScored(OneBadMember):
    """The same, with a held-out set."""

    def recordings(self):
        (x,) = super().recordings().goldens
        return Recordings([(x,)], (x,), held_out=(x,), targets=torch.arange(len(x)) % 3)


class Unconvertible(Mother):
    """It takes Airy's function, which no phone's converter knows."""

    def activate(self, x):
        return torch.special.airy_ai(x)


class SaysClassification(Mother):
    """It names its task."""

    task = "classification"


class SaysDivination(Mother):
    """Its task is one that nobody knows."""

    task = "divination"


class SaysSeparation(Mother):
    """Its task is one for what streams."""

    task = "separation"


def neg_mae(results, targets):
    """The mean absolute error times -100: as of every metric, more is better."""
    return -100 * np.abs(results - targets).mean()


class WithMetric(Mother):
    """It brings a metric of its own, on a held-out set of 40 samples."""

    metric = Metric("neg_mae", "points", neg_mae)

    def recordings(self):
        x = torch.randn(40, 6, generator=torch.Generator().manual_seed(2))
        targets = torch.randn(40, 3, generator=torch.Generator().manual_seed(3))
        return replace(super().recordings(), held_out=(x,), targets=targets, metric=self.metric)


def no_metric(results, targets):
    raise ZeroDivisionError("no\nsamples")


class WithRaisingMetric(WithMetric):
    metric = Metric("neg_mae", "points", no_metric)


class WithMetricThatIsNaN(WithMetric):
    metric = Metric("neg_mae", "points", lambda results, targets: float("nan"))


class WithMetricThatIsNoNumber(WithMetric):
    metric = Metric("neg_mae", "points", lambda results, targets: "good")


class WithBaselineThatIsNaN(WithMetric):
    metric = Metric("neg_mae", "points", neg_mae, lambda targets: float("nan"))


class WithMetricLikeOurs(WithMetric):
    metric = Metric("top1", "points", neg_mae)


class WithMetricOfNoName(WithMetric):
    metric = Metric("mean error", "points", neg_mae)


class WithOtherMetric(WithMetric):
    metric = Metric("roughness", "points", neg_mae)


class Unrecorded(Mother):
    """It brings no recorded inputs."""

    recordings = None


class Fails(Mother):
    """Its forward raises."""

    def activate(self, x):
        raise RuntimeError("no such\nactivation")


def looks_ahead():
    """A separator that runs backwards over time, too."""
    settings = replace(SEPARATOR, features=4, hidden=4, gate_hidden=None, mask_hidden=4, causal=False)
    mother = ElasticBandSplit(settings, 1, 1)
    mother.recordings = lambda: Recordings([(torch.randn(2, 1, 4000),)], (torch.randn(1, 1, 4000),))
    return mother


def not_a_mother():
    return nn.Linear(2, 2)


def raises():
    raise OSError("disk on fire")
