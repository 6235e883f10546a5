"""Weights that stay float in int8 files: one input of the layer has far larger weights than the others.

A row of weights has one scale, so the largest weight decides how coarse the others become. A separator's first layer is
such a layer: it reads the bin of 0 Hz, which music hardly has, after a BatchNorm that amplifies it. In int8 it alone
adds more noise than all other layers of `d2w2` together (33.8 dB; 41.8 dB if it stays float).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_export.files.arrays import Array

LOUD = 8.0
"""How many times as large as those of three quarters of the inputs. Other layers of the families have at most 4."""
FEWEST_INPUTS = 8
"""Of fewer, one is no exception."""


def has_loud_input(weight: Array) -> bool:
    """Returns whether one input of a layer has far larger weights `(outputs, inputs, …)` than the others."""
    import numpy as np

    largest = np.abs(weight.reshape(len(weight), -1)).max(axis=0)
    used = largest[largest > 0]
    return len(used) >= FEWEST_INPUTS and bool(used.max() > LOUD * np.percentile(used, 75))
