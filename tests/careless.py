"""Mothers of careless and hostile strangers: each has one thing wrong, and must be told of it in one line."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from edge_export.mothers.protocol import IOSpec, Recordings, TensorSpec
from tests.strangers import Mother, Space

X, Y = Mother.io.inputs[0], Mother.io.outputs[0]


class RandomMember(Mother):
    def extract(self, config):
        member = super().extract(config)
        member.activate = lambda self, x: F.dropout(x.relu())
        return member


class Noisy(Mother):
    def activate(self, x):
        return x.relu() + 1e-5 * torch.rand_like(x)


class NoisyByNumpy(Mother):
    def activate(self, x):
        return x.relu() + np.random.rand()


class Counts(Mother):
    calls = 0

    def activate(self, x):
        self.calls += 1
        return x.relu() + self.calls


class BatchNormOfTheBatch(Mother):
    def activate(self, x):
        return F.batch_norm(x, None, None, training=True)


class StaysInTraining(Mother):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(6)

    def train(self, mode=True):
        super().train(mode)
        self.norm.train()
        return self

    def forward(self, x, config=None):
        return super().forward(self.norm(x), config)


class GivesNaN(Mother):
    def activate(self, x):
        return (x - 100).log()


class Branches(Mother):
    def activate(self, x):
        return x.relu() if x.sum() > 0 else x


class ByNumpy(Mother):
    def activate(self, x):
        return torch.from_numpy(np.tanh(x.detach().numpy()))


class Chooses(Mother):
    io = IOSpec((X,), (TensorSpec("y", (1, 3)),))

    def activate(self, x):
        return x[x.sum(1) > -1e9]


class Scripted(Mother):
    def extract(self, config):
        return torch.jit.script(nn.Linear(6, 3))

    def forward(self, x, config=None):
        return self.last(F.pad(x, (0, 0))[:, :4])


class OtherShape(Mother):
    def extract(self, config):
        return nn.Linear(6, 5)


class TwoOutputs(Mother):
    def extract(self, config):
        member = super().extract(config)
        forward = member.forward
        member.forward = lambda x: (forward(x), x)
        return member


class Locked(Mother):
    def __init__(self):
        super().__init__()
        self.lock = threading.Lock()


class Lazy(Mother):
    def __init__(self):
        super().__init__()
        self.more = nn.LazyLinear(3)


class LazyMember(Mother):
    def extract(self, config):
        return nn.Sequential(super().extract(config), nn.LazyLinear(3))


class Sparse(Mother):
    def __init__(self):
        super().__init__()
        self.few = nn.Parameter(torch.eye(3).to_sparse())


class Quantized(Mother):
    def __init__(self):
        super().__init__()
        self.register_buffer("coarse", torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8))


class HoldsItself(Mother):
    def __init__(self):
        super().__init__()
        self.again = self


class HoldsItselfMember(Mother):
    def extract(self, config):
        member = super().extract(config)
        member.again = nn.Sequential(member)
        return member


class Inverse(nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return self.network(x * torch.linalg.inv(x[:, :1, None])[:, :, 0])


class InvertsSilence(Mother):
    def forward(self, x, config=None):
        return super().forward(x * torch.linalg.inv(x[:, :1, None])[:, :, 0], config)

    def extract(self, config):
        return Inverse(super().extract(config))


class Crashes(Mother):
    def activate(self, x):
        import os

        os.abort()


def _io(*inputs, outputs=(Y,)):
    class Other(Mother):
        io = IOSpec(inputs, outputs)

    return Other


def _recordings(change):
    class Other(Mother):
        def recordings(self):
            return change(super().recordings())

    return Other


def _space(**methods):
    class Other(Mother):
        space = type("Other", (Space,), methods)()

    return Other


def _examples(made):
    class Other(Mother):
        def example_inputs(self, config):
            return made

    return Other


class SpaceIsAClass(Mother):
    space = Space


IoOfTexts = _io("x")
IoWithoutSize = _io(TensorSpec("x", (None, 6)))  # type: ignore[arg-type]
IoOfTorchTypes = _io(TensorSpec("x", (1, 6), torch.float32))  # type: ignore[arg-type]
IoOfOtherType = _io(TensorSpec("x", (1, 6), "int64"))
IoOfOtherShape = _io(X, outputs=(TensorSpec("y", (1, 7)),))
NameLeadsOut = _space(name=lambda self, config: f"../{config}")
NameIsANumber = _space(name=lambda self, config: config)
NameIsOneForAll = _space(name=lambda self, config: "c", parse=lambda self, text: int(text[1:] or 2))
ParsesToNone = _space(parse=lambda self, text: None)
ExamplesAreNone = _examples(None)
ExamplesAreABatch = _examples((torch.zeros(8, 6),))
BatchesAreATensor = _recordings(lambda r: replace(r, batches=r.goldens[0]))
BatchesHaveLabels = _recordings(lambda r: replace(r, batches=[(r.goldens[0], torch.zeros(64))]))
GoldensAreTexts = _recordings(lambda r: replace(r, goldens=(["a.wav"],)))
GoldensHaveOtherNames = _recordings(lambda r: replace(r, goldens={"image": r.goldens[0]}))
GoldensAreNowhere = _recordings(lambda r: replace(r, goldens=(torch.zeros(4, 6, device="meta"),)))
TargetsAreRows = _recordings(lambda r: replace(r, held_out=r.goldens, targets=torch.zeros(64, 3)))

# What is right, in a form of its own.
DictsAndGenerators = _recordings(lambda r: Recordings(({"x": x} for x in r.batches[0]), {"x": r.goldens[0].int()}))
ExampleAlone = _examples(torch.zeros(1, 6))


class MemberInParallel(Mother):
    def extract(self, config):
        return nn.DataParallel(super().extract(config))


def in_parallel():
    return nn.DataParallel(Mother())
