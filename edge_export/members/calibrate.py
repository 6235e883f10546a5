"""Recomputes BatchNorm statistics from real batches, as Universally Slimmable Networks do after training.

The scale of the activations depends on the width, so one set of statistics fits one width only. The statistics are
recomputed for each member as a cumulative average over batches (momentum (t-1)/t; arXiv 1903.05134, section 3.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from edge_export.errors import RequestError, raised

if TYPE_CHECKING:
    from torch import Tensor, nn

    from edge_export.mothers.protocol import Config, Mother


def batch_norms(module: nn.Module) -> dict[str, _BatchNorm]:
    """Returns the BatchNorm layers of `module` that have running statistics, by name."""
    return {
        name: layer
        for name, layer in module.named_modules()
        if isinstance(layer, _BatchNorm) and layer.track_running_stats and layer.running_mean is not None
    }


def has_statistics(mother: Mother, config: Config) -> bool:
    """Returns whether the mother's checkpoint holds BatchNorm statistics for exactly this configuration.

    They are then kept: nothing is calibrated.
    """
    of_checkpoint = getattr(mother, "has_statistics", None)
    return bool(of_checkpoint and of_checkpoint(config))


def calibrate(
    module: nn.Module,
    batches: Iterable[tuple[Tensor, ...]],
    config: Config | None = None,
    max_batches: int | None = None,
) -> int:
    """Recomputes the BatchNorm statistics of `module` in place. Nothing else changes; training modes are restored.

    Args:
        module: A member, or a mother if `config` is given.
        batches: Any iterable of input tuples, each tensor `(batch, …)`.
        config: The configuration at which a mother runs.
        max_batches: The number of batches to use; None: all.

    Returns:
        The number of batches that were averaged.

    Raises:
        RequestError: There is no batch, the module fails on a batch, or the statistics are not finite. The old
            statistics are then restored.
    """
    layers = batch_norms(module)
    if not layers:
        return 0
    kept = {name: value.clone() for name, value in module.state_dict().items()}
    count = 0
    try:
        with _averaging(module, layers), torch.no_grad():
            for batch in islice(batches, max_batches):
                module(*batch) if config is None else module(*batch, config=config)
                count += 1
        if count == 0:
            raise RequestError("calibration received no batch: give at least one batch of recorded inputs")
        for name, layer in layers.items():
            if not all(torch.isfinite(statistic).all() for statistic in layer.buffers()):
                raise RequestError(f"calibration made the statistics of {name} infinite or NaN: check the batches")
    except RequestError:
        module.load_state_dict(kept)
        raise
    except Exception as error:  # a stranger's forward may raise anything
        module.load_state_dict(kept)
        raise RequestError(f"calibration failed on batch {count + 1}: {raised(error)}") from error
    return count


@contextmanager
def _averaging(module: nn.Module, layers: dict[str, _BatchNorm]) -> Iterator[None]:
    """Sets all layers to eval mode except the BatchNorm layers, which start a new cumulative average."""
    modes = {m: m.training for m in module.modules()}
    momenta = {layer: layer.momentum for layer in layers.values()}
    module.eval()
    for layer in layers.values():
        layer.train()
        layer.momentum = None
        layer.reset_running_stats()
    try:
        yield
    finally:
        for m, training in modes.items():
            m.training = training
        for layer, momentum in momenta.items():
            layer.momentum = momentum
