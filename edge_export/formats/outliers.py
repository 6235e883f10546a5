"""Weights that stay float in int8 files: one input of the layer has far larger weights than the others.

A row of weights has one scale, so the largest weight decides how coarse the others become. BatchNorm makes such weights
out of an input that hardly varied in the recordings. In int8, a separator's first layer that read the bin of 0 Hz added
more noise than all other layers of `d2w2` together (33.8 dB; 41.8 dB if it stayed float).
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
