"""Chooses few recordings that calibrate as well as many.

The statistics of a BatchNorm layer over some recordings follow from each recording's own mean and mean square. So the
layers run once on every recording, and a search then finds the few whose statistics are nearest to those of many.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from edge_export.members.calibrate import batch_norms, calibrate

BATCH = 80
"""The recordings of a batch of the calibration."""
CONSTANT = 1e-9
"""Features whose variance is below this are constant and don't count."""


def choose_representative(members: Sequence[nn.Module], pool: Tensor, reference: Tensor, count: int) -> list[int]:
    """Returns the indices of `count` recordings of `pool` whose statistics are nearest to those of `reference`.

    One recording after the other is exchanged for a better one, until none helps.

    Args:
        members: Members that the recordings shall calibrate. They keep the statistics of `reference`.
        pool: Recordings `(recordings, channels, samples)` to choose from.
        reference: Many recordings of the same shape, in random order.
        count: How many to choose.
    """
    columns = [_moments(member, pool, reference) for member in members]
    means, squares, mean, variance, weight = (torch.cat(parts, dim=-1) for parts in zip(*columns, strict=True))

    def distances(sums: tuple[Tensor, Tensor]) -> Tensor:
        average, square = sums[0] / count, sums[1] / count
        ratio = (square - average.square()).clamp_min(1e-10) / variance
        return (((average - mean).square() / variance + ratio.log().square()) * weight).sum(dim=-1)

    chosen = torch.randperm(len(pool), generator=torch.Generator().manual_seed(0))[:count].tolist()
    nearest, better = float(distances((means[chosen].sum(0), squares[chosen].sum(0)))), True
    while better:
        better = False
        for place in range(count):
            others = chosen[:place] + chosen[place + 1 :]
            each = distances((means[others].sum(0) + means, squares[others].sum(0) + squares))
            each[others] = torch.inf
            if float(each.min()) < nearest - 1e-6:
                nearest, chosen[place], better = float(each.min()), int(each.argmin()), True
    return sorted(chosen)


def _moments(member: nn.Module, pool: Tensor, reference: Tensor) -> tuple[Tensor, ...]:
    """Returns mean and mean square of each feature and recording, then the reference's mean, variance and a weight.

    The weights of a layer's features sum to one over the number of layers.
    """
    calibrate(member, [(batch,) for batch in reference.split(BATCH)])
    layers = batch_norms(member)
    seen: dict[str, list[Tensor]] = {name: [] for name in layers}
    hooks = [
        layer.register_forward_pre_hook(lambda _, args, name=name: seen[name].append(_of_features(args[0])))
        for name, layer in layers.items()
    ]
    with torch.no_grad():
        for recording in pool.split(1):
            member(recording)
    for hook in hooks:
        hook.remove()
    columns = []
    for name, layer in layers.items():
        assert layer.running_mean is not None
        assert layer.running_var is not None
        varies = layer.running_var > CONSTANT
        means, squares = torch.stack(seen[name]).unbind(1)
        weight = torch.full_like(layer.running_var, 1.0 / (len(layers) * int(varies.sum())))
        parts = (means, squares, layer.running_mean, layer.running_var, weight)
        columns.append([part[..., varies] for part in parts])
    return tuple(torch.cat(parts, dim=-1) for parts in zip(*columns, strict=True))


def _of_features(rows: Tensor) -> Tensor:
    """Returns mean and mean square `(2, features)` of rows `(rows, features)`."""
    return torch.stack([rows.mean(dim=0), rows.square().mean(dim=0)])
