"""TAC gates → constants, the mean of each gate over real audio: the option `gates = "static"`.

    a_g(t, k)  →  ā_g = mean over calibration batches, frames t and bands k

Each sub-module has one constant in each recurrence. `gated_sum.py` folds it into the output projection. This is an
approximation; its error is measured.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from edge_export.mothers.band_split.recurrence import ParallelRecurrence
from edge_export.mothers.band_split.tac import TACGate

if TYPE_CHECKING:
    from edge_export.mothers.protocol import Config

NAME = "freeze_gates"


class ConstantGates(nn.Module):
    """Constant gates that replace a `TACGate`."""

    means: Tensor

    def __init__(self, means: Tensor) -> None:
        super().__init__()
        self.register_buffer("means", means)

    def forward(self, outputs: Tensor) -> Tensor:
        """Returns gates `(sub-modules, 1, …, 1)` for outputs `(sub-modules, …, features)`."""
        return self.means.to(outputs.dtype).view(-1, *(1,) * (outputs.dim() - 1))


def freeze_gates(
    network: nn.Module,
    batches: Iterable[tuple[Tensor, ...]],
    max_batches: int | None = None,
    config: Config | None = None,
) -> nn.Module:
    """Returns a copy of `network` whose gates are constants: their mean over `batches`.

    Args:
        network: A member, or a mother if `config` is given. A mother's copy is valid at that configuration only.
        batches: Calibration batches, each a tuple of input tensors.
        max_batches: The number of batches to use; None: all.
        config: The configuration at which a mother runs.
    """
    frozen = copy.deepcopy(network).eval()
    sums: dict[nn.Module, Tensor] = {}
    counts: dict[nn.Module, int] = {}

    def collect(gate: nn.Module, _inputs: object, gates: Tensor) -> None:
        flat = gates.detach().double().flatten(1)
        sums[gate] = sums.get(gate, torch.zeros(len(flat), dtype=torch.float64)) + flat.sum(1)
        counts[gate] = counts.get(gate, 0) + flat.shape[1]

    hooks = [m.register_forward_hook(collect) for m in frozen.modules() if isinstance(m, TACGate)]
    with torch.no_grad():
        for batch in islice(batches, max_batches):
            frozen(*batch) if config is None else frozen(*batch, config=config)
    for hook in hooks:
        hook.remove()
    for module in list(frozen.modules()):
        if isinstance(module, ParallelRecurrence) and module.gate in sums:
            module.gate = ConstantGates(sums[module.gate] / counts[module.gate])  # type: ignore[assignment]
    return frozen
