"""The multiply-accumulates of a band-split separator, counted from its layers.

PyTorch's own counter does not see inside LSTMs.
"""

from __future__ import annotations

from torch import nn

from edge_export.mothers.band_split.network import BandSplitNetwork
from edge_export.mothers.band_split.recurrence import ParallelRecurrence


def macs_per_frame(network: BandSplitNetwork) -> int:
    """Returns the multiply-accumulates of one frame: transforms, band split, recurrences, gates and masks."""
    s = network.settings
    bands = len(s.edges) - 1
    analysis, synthesis = network.analysis, network.synthesis
    transforms = s.channels * (analysis.even.numel() + analysis.odd.numel())
    transforms += s.channels * s.masks * (synthesis.even.numel() + synthesis.odd.numel())
    recurrences = sum(_macs_per_band(m) for m in network.modules() if isinstance(m, ParallelRecurrence))
    return transforms + _matrices(network.split) + bands * recurrences + _matrices(network.mask)


def macs_per_second(network: BandSplitNetwork) -> float:
    """Returns the multiply-accumulates for one second of audio."""
    return macs_per_frame(network) * network.settings.sample_rate / network.settings.hop


def _macs_per_band(parallel: ParallelRecurrence) -> int:
    """Counts all sub-modules and the gate, for one frame of one band. The shared half of the gate counts once."""
    count, gate = len(parallel.branches), parallel.gate
    total = _matrices(parallel.branches)
    if gate is not None:
        total += count * (gate.transform.weight.numel() + gate.hidden) + gate.average.weight.numel() + gate.hidden
    return total


def _matrices(module: nn.Module) -> int:
    return sum(int(p.numel()) for p in module.parameters() if p.ndim == 2)
