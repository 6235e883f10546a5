"""A mother of one member, the network of a case: so it goes our way as anyone's network does."""

from __future__ import annotations

import copy
import random

from torch import Tensor, nn

from benchmarks.operators.chosen import Case
from edge_export.mothers.protocol import IOSpec, TensorSpec

ONLY = "only"
"""The configuration."""


class _Space:
    smallest = largest = ONLY

    def all(self) -> list[str]:
        return [ONLY]

    def sample(self, rng: random.Random) -> str:
        return ONLY

    def parse(self, text: str) -> str:
        return {ONLY: ONLY}[text]

    def name(self, config: str) -> str:
        return config


class OneMember(nn.Module):
    """The mother of a case."""

    space = _Space()

    def __init__(self, case: Case) -> None:
        super().__init__()
        self.network, self.given = case.network, case.inputs[0]
        self.io = IOSpec(_specs("x", case.inputs[0]), _specs("y", case.outputs[0]))

    def forward(self, *inputs: Tensor, config: str | None = None) -> tuple[Tensor, ...]:
        returned: tuple[Tensor, ...] = self.network(*inputs)
        return returned

    def extract(self, config: str) -> nn.Module:
        return copy.deepcopy(self.network).eval()

    def example_inputs(self, config: str) -> tuple[Tensor, ...]:
        return self.given


def _specs(prefix: str, tensors: tuple[Tensor, ...]) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(f"{prefix}{index}", tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))
        for index, tensor in enumerate(tensors)
    )
