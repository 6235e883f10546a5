"""Elastic networks of strangers, each with something wrong, for the tests that build them."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from edge_export.mothers.band_split.mother import SEPARATOR, ElasticBandSplit
from edge_export.mothers.protocol import IOSpec, Recordings, TensorSpec


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


class Unconvertible(Mother):
    """It sorts by a complex Fourier transform, which no phone's converter knows."""

    def activate(self, x):
        return torch.fft.fft(x).abs()


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
