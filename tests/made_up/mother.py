"""A mother for the made-up task: one hidden layer of any width predicts diabetes progression from measurements."""

from __future__ import annotations

import torch
from sklearn.datasets import load_diabetes
from torch import nn
from torch.nn import functional as F

from edge_export.mothers.protocol import IOSpec, Recordings, TensorSpec


class Space:
    smallest, largest = 4, 16

    def all(self):
        return [4, 8, 16]

    def sample(self, rng):
        return rng.choice(self.all())

    def name(self, width):
        return f"h{width}"

    def parse(self, text):
        return {self.name(width): width for width in self.all()}[text]


class Regressor(nn.Module):
    task = "regression"
    space = Space()
    io = IOSpec((TensorSpec("measurements", (1, 10)),), (TensorSpec("progress", (1, 1)),))

    def __init__(self):
        super().__init__()
        self.hidden, self.head = nn.Linear(10, 16), nn.Linear(16, 1)

    def forward(self, measurements, config=None):
        width = config or 16
        x = F.relu(F.linear(measurements, self.hidden.weight[:width], self.hidden.bias[:width]))
        return F.linear(x, self.head.weight[:, :width], self.head.bias)

    def extract(self, config):
        hidden, head = nn.Linear(10, config), nn.Linear(config, 1)
        hidden.load_state_dict({name: value[:config] for name, value in self.hidden.state_dict().items()})
        head.load_state_dict({"weight": self.head.weight[:, :config], "bias": self.head.bias})
        return nn.Sequential(hidden, nn.ReLU(), head)

    def example_inputs(self, config):
        return (torch.zeros(1, 10),)

    def recordings(self):
        rows, progress = data()
        return Recordings([(rows[:300],)], (rows[300:364],), (rows[300:],), progress[300:], metric="r2")


def data():
    rows, progress = load_diabetes(return_X_y=True)
    progress = torch.tensor((progress - progress.mean()) / progress.std(), dtype=torch.float32)
    return torch.tensor(rows * 20, dtype=torch.float32), progress[:, None]


def trained():
    mother, (rows, progress) = Regressor(), data()
    optimizer = torch.optim.Adam(mother.parameters(), 1e-2)
    for _ in range(150):
        loss = sum(F.mse_loss(mother(rows[:300], width), progress[:300]) for width in mother.space.all())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return mother
