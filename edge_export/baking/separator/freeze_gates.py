"""TAC gates → constants, their mean over real audio: the variant `gates = "static"`, an approximation that is measured.

    a_g(t, k)  →  ā_g = mean over calibration batches, frames t and bands k

Each sub-module has one constant in each recurrence; `gated_sum.py` folds it into the output projection.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from itertools import islice

import torch
from torch import Tensor, nn

from edge_export.mothers.band_recurrence import ParallelRecurrence
from edge_export.mothers.tac import TACGate

NAME = "freeze_gates"


class ConstantGates(nn.Module):
    """Takes a `TACGate`'s place."""

    means: Tensor

    def __init__(self, means: Tensor) -> None:
        super().__init__()
        self.register_buffer("means", means)

    def forward(self, outputs: Tensor) -> Tensor:
        """`(sub-modules, …, features)` to `(sub-modules, 1, …, 1)`."""
        return self.means.to(outputs.dtype).view(-1, *(1,) * (outputs.dim() - 1))


def freeze_gates(member: nn.Module, batches: Iterable[tuple[Tensor, ...]], max_batches: int | None = None) -> nn.Module:
    """A copy of `member` whose gates are their mean over `batches`."""
    frozen = copy.deepcopy(member).eval()
    sums: dict[nn.Module, Tensor] = {}
    counts: dict[nn.Module, int] = {}

    def collect(gate: nn.Module, _inputs: object, gates: Tensor) -> None:
        flat = gates.detach().double().flatten(1)
        sums[gate] = sums.get(gate, torch.zeros(len(flat), dtype=torch.float64)) + flat.sum(1)
        counts[gate] = counts.get(gate, 0) + flat.shape[1]

    hooks = [m.register_forward_hook(collect) for m in frozen.modules() if isinstance(m, TACGate)]
    with torch.no_grad():
        for batch in islice(batches, max_batches):
            frozen(*batch)
    for hook in hooks:
        hook.remove()
    for module in list(frozen.modules()):
        if isinstance(module, ParallelRecurrence) and module.gate in sums:
            module.gate = ConstantGates(sums[module.gate] / counts[module.gate])  # type: ignore[assignment]
    return frozen
