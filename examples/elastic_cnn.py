"""A stranger's elastic network: `python -m edge_export build --target android --mother examples.elastic_cnn:mother`."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F

from edge_export.mothers.protocol import IOSpec, Recordings, TensorSpec


class Space:
    smallest, largest = 8, 32

    def sample(self, rng):
        return rng.choice(self.all())

    def all(self):
        return [8, 16, 32]

    def parse(self, text):
        return {self.name(c): c for c in self.all()}[text]

    def name(self, config):
        return f"c{config}"


class ElasticCNN(nn.Module):
    space = Space()
    io = IOSpec(
        inputs=(TensorSpec("image", (1, 1, 8, 8), layout="NCHW", unit="pixels in 0..1"),),
        outputs=(TensorSpec("logits", (1, 10)),),
        labels=tuple("0123456789"),
    )

    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(1, 32, 3), nn.Linear(32 * 36, 10)
        self.norm = nn.ModuleDict({str(c): nn.BatchNorm2d(c) for c in self.space.all()})

    def forward(self, image, config=None):
        c = config or self.space.largest
        x = self.norm[str(c)](F.conv2d(image, self.conv.weight[:c], self.conv.bias[:c]))
        return F.linear(x.relu().flatten(1), self.head.weight[:, : c * 36], self.head.bias)

    def extract(self, config):
        conv, head = nn.Conv2d(1, config, 3), nn.Linear(config * 36, 10)
        member = nn.Sequential(conv, nn.BatchNorm2d(config), nn.ReLU(), nn.Flatten(), head)
        conv.load_state_dict({k: v[:config] for k, v in self.conv.state_dict().items()})
        member[1].load_state_dict(self.norm[str(config)].state_dict())
        head.load_state_dict({"weight": self.head.weight[:, : config * 36], "bias": self.head.bias})
        return member

    def example_inputs(self, config):
        return (torch.zeros(1, 1, 8, 8),)

    def recordings(self):
        digits = load_digits()
        images = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16
        batches = [(images[i : i + 100],) for i in range(0, 1400, 100)]
        held_out = (images[1400:],)
        return Recordings(batches, (images[1400:1464],), held_out, torch.tensor(digits.target[1400:]))


def mother():
    torch.manual_seed(0)
    network = ElasticCNN()
    digits = load_digits()
    images, labels = torch.tensor(digits.images[:1400], dtype=torch.float32)[:, None] / 16, torch.tensor(digits.target)
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        sum(F.cross_entropy(network(images, c), labels[:1400]) for c in network.space.all()).backward()
        optimizer.step()
    return network
