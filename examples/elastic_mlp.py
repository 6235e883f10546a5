"""Your own mother: `python -m edge_export build --target android --mother examples.elastic_mlp:trained`."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F

from edge_export.mothers.protocol import IOSpec, Recordings, TensorSpec


class Space:
    smallest, largest = 8, 32

    def all(self):
        return [8, 16, 32]

    def sample(self, rng):
        return rng.choice(self.all())

    def name(self, features):
        return f"h{features}"

    def parse(self, text):
        return {self.name(features): features for features in self.all()}[text]


class ElasticMLP(nn.Module):
    space = Space()
    io = IOSpec((TensorSpec("pixels", (1, 64)),), (TensorSpec("logits", (1, 10)),), labels=tuple("0123456789"))

    def __init__(self):
        super().__init__()
        self.hidden, self.head = nn.Linear(64, 32), nn.Linear(32, 10)

    def forward(self, pixels, config=None):
        c = config or self.space.largest
        x = F.relu(F.linear(pixels, self.hidden.weight[:c], self.hidden.bias[:c]))
        return F.linear(x, self.head.weight[:, :c], self.head.bias)

    def extract(self, config):
        hidden, head = nn.Linear(64, config), nn.Linear(config, 10)
        hidden.load_state_dict({name: value[:config] for name, value in self.hidden.state_dict().items()})
        head.load_state_dict({"weight": self.head.weight[:, :config], "bias": self.head.bias})
        return nn.Sequential(hidden, nn.ReLU(), head)

    def example_inputs(self, config):
        return (torch.zeros(1, 64),)

    def recordings(self):
        images, digits = data()
        held_out = (images[1400:],)
        return Recordings([(images[:1400],)], goldens=(images[1400:1464],), held_out=held_out, targets=digits[1400:])


def data():
    digits = load_digits()
    return torch.tensor(digits.data, dtype=torch.float32) / 16, torch.tensor(digits.target)


def trained():
    mother, (images, digits) = ElasticMLP(), data()
    optimizer = torch.optim.Adam(mother.parameters(), 1e-2)
    for _ in range(200):
        loss = sum(F.cross_entropy(mother(images[:1400], config), digits[:1400]) for config in mother.space.all())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return mother
