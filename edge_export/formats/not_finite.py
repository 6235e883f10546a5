"""Find constants of a compiled file that no right conversion writes: NaN, infinite weights, infinite biases or scales.

Numbers alone do not show them all. A bias of -inf before a ReLU gives 0 and turns one channel off, which int8's
tolerance may allow: of 64 such faults in a small CNN it allowed 9 in ExecuTorch and TFLite and 10 in Core ML. float16
turns a bias beyond 65,504 into such a one.

An infinite value is right in a mask, and as a bound: neither is a vector whose other values are weights. NaN alone is
right as what `torch.where` never takes: such a constant has no other values, and is no weight, bias or factor.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from edge_export.files.arrays import Array

Use = Literal["weight", "added", ""]
"""How operators use a constant: as the weight of a layer or its scale, as a bias or a factor, or in any other way."""


@dataclass(frozen=True)
class Constant:
    """A constant of floating-point numbers, and one of its uses."""

    values: Array
    use: Use


def why_not_finite(constants: Iterable[Constant]) -> str:
    """Returns a sentence about the first wrong constant; empty: there is none."""
    import numpy as np

    for constant in constants:
        values, shape = constant.values, list(constant.values.shape)
        if np.isfinite(values).all():
            continue
        if np.isnan(values).any() and (constant.use or not np.isnan(values).all()):
            return f"a constant of shape {shape} holds NaN"
        if constant.use == "weight":
            return f"a weight of shape {shape} holds infinite values"
        if constant.use == "added" and _is_vector_of_weights(values):
            return f"a bias or scale of shape {shape} holds infinite values"
    return ""


def _is_vector_of_weights(values: Array) -> bool:
    """Returns whether infinite `values` are a vector, with any axes of size 1, that holds others than 0 beside them."""
    import numpy as np

    return bool(values.size == max(values.shape, default=1) and values[np.isfinite(values)].any())
