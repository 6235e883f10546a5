"""Gates that do not see the input, in place of a separator's TAC gates."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from edge_export.mothers.band_split.mother import DepthWidth, ElasticBandSplit
from edge_export.mothers.band_split.recurrence import ParallelRecurrence


class FixedGate(nn.Module):
    """One number for each sub-module, the same at every frame and band.

    Args:
        gates: Those numbers, 0..1.
    """

    def __init__(self, gates: Tensor) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.logit(gates, eps=1e-6))

    def forward(self, outputs: Tensor) -> Tensor:
        """Maps outputs `(sub-modules, …, features)` to gates `(sub-modules, 1, …, 1)` in 0..1."""
        gates = torch.sigmoid(self.logits[: len(outputs)])
        return gates.view(-1, *[1] * (outputs.dim() - 1))


def recurrences(mother: ElasticBandSplit, depth: int) -> Iterator[ParallelRecurrence]:
    """Yields the parallel sub-modules of the first `depth` layers: those over time and those over bands."""
    for layer in list(mother.network.layers)[:depth]:
        for parallel in (layer.time, layer.band):
            assert isinstance(parallel, ParallelRecurrence)
            yield parallel


def fix_gates(mother: ElasticBandSplit) -> None:
    """Gives all sub-modules gates of their own that training learns. Each begins at a half, as TAC gates about do."""
    for parallel in recurrences(mother, mother.space.max_depth):
        parallel.gate = FixedGate(torch.full((mother.space.max_width,), 0.5))  # type: ignore[assignment]


def fix_at_mean(mother: ElasticBandSplit, config: DepthWidth, audio: Tensor) -> None:
    """Replaces each TAC gate of `config` by its mean over all frames and bands of `audio`, in place."""
    means: dict[ParallelRecurrence, Tensor] = {}
    hooks = []
    for parallel in recurrences(mother, config.depth):
        assert parallel.gate is not None

        def keep(_layer: nn.Module, _inputs: object, gates: Tensor, parallel: ParallelRecurrence = parallel) -> None:
            means[parallel] = gates.flatten(1).mean(1)

        hooks.append(parallel.gate.register_forward_hook(keep))
    with torch.no_grad():
        mother(audio, config=config)
    for hook in hooks:
        hook.remove()
    for parallel, gates in means.items():
        parallel.gate = FixedGate(gates)  # type: ignore[assignment]
