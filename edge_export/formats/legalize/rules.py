"""The table of rules. The first one that matches a call rewrites it."""

from __future__ import annotations

from edge_export.formats.legalize import (
    activations,
    arithmetic,
    average_pooling,
    composites,
    max_pooling,
    normalization,
    padding,
    recurrent,
    resize,
    shapes,
    volumes,
)
from edge_export.formats.legalize.rule import Rule

RULES: tuple[Rule, ...] = (
    recurrent.RULE,
    volumes.RULE,
    average_pooling.RULE,
    max_pooling.STRIDED,
    max_pooling.DILATED,
    max_pooling.ADAPTIVE,
    padding.CIRCULAR,
    padding.NEGATIVE,
    resize.EXACT,
    resize.CUBIC,
    resize.ANTIALIAS,
    resize.ODD_SCALE,
    normalization.RULE,
    activations.GELU,
    activations.ELU,
    activations.OTHERS,
    arithmetic.SUMS,
    arithmetic.RECIPROCALS,
    arithmetic.EXP2,
    arithmetic.FMOD,
    arithmetic.TRUNC,
    arithmetic.ASINH,
    arithmetic.SMALL_BOUNDS,
    arithmetic.FLOAT_BOUNDS,
    shapes.RULE,
    shapes.WINDOWS,
    shapes.FOLD,
    shapes.LARGEST,
    composites.COREML,
    composites.OURS,
    composites.DISTANCES,
)
