"""Elementwise operators: arithmetic, comparison, logic and the functions of one variable."""

from __future__ import annotations

import numpy as np
from scipy import special

from edge_export.files.arrays import Array
from edge_export.runtimes.mil.types import BY_NAME, rounded


def add(x: Array, y: Array) -> Array:
    return x + y


def sub(x: Array, y: Array) -> Array:
    return x - y


def mul(x: Array, y: Array) -> Array:
    return x * y


def real_div(x: Array, y: Array) -> Array:
    return np.true_divide(x, y, dtype=x.dtype if x.dtype.kind == "f" else None)


def floor_div(x: Array, y: Array) -> Array:
    return np.floor_divide(x, y)


def mod(x: Array, y: Array) -> Array:
    """Returns the remainder of a floor division, which has the sign of `y`."""
    return np.mod(x, y)


def pow(x: Array, y: Array) -> Array:
    return np.power(x, y)


def maximum(x: Array, y: Array) -> Array:
    return np.maximum(x, y)


def minimum(x: Array, y: Array) -> Array:
    return np.minimum(x, y)


def equal(x: Array, y: Array) -> Array:
    return np.equal(x, y)


def not_equal(x: Array, y: Array) -> Array:
    return np.not_equal(x, y)


def greater(x: Array, y: Array) -> Array:
    return np.greater(x, y)


def greater_equal(x: Array, y: Array) -> Array:
    return np.greater_equal(x, y)


def less(x: Array, y: Array) -> Array:
    return np.less(x, y)


def less_equal(x: Array, y: Array) -> Array:
    return np.less_equal(x, y)


def logical_and(x: Array, y: Array) -> Array:
    return np.logical_and(x, y)


def logical_or(x: Array, y: Array) -> Array:
    return np.logical_or(x, y)


def logical_xor(x: Array, y: Array) -> Array:
    return np.logical_xor(x, y)


def logical_not(x: Array) -> Array:
    return np.logical_not(x)


def select(cond: Array, a: Array, b: Array) -> Array:
    """Returns `a` where `cond` is true, else `b`. All three broadcast."""
    return np.where(cond, a, b)


def cast(x: Array, dtype: str) -> Array:
    """Converts `x` to `dtype`. Floats are truncated to integers."""
    return rounded(x, BY_NAME[dtype])


def identity(x: Array) -> Array:
    return x


def abs(x: Array) -> Array:
    return np.abs(x)


def sign(x: Array) -> Array:
    return np.sign(x)


def square(x: Array) -> Array:
    return np.square(x)


def sqrt(x: Array) -> Array:
    return np.sqrt(x)


def rsqrt(x: Array, epsilon: Array | float = 1e-12) -> Array:
    return 1 / np.sqrt(x + epsilon)


def inverse(x: Array, epsilon: Array | float = 1e-4) -> Array:
    return 1 / (x + epsilon)


def exp(x: Array) -> Array:
    return np.exp(x)


def exp2(x: Array) -> Array:
    return np.exp2(x)


def log(x: Array, epsilon: Array | float = 1e-45) -> Array:
    return np.log(x + epsilon)


def erf(x: Array) -> Array:
    return special.erf(x)


def floor(x: Array) -> Array:
    return np.floor(x)


def ceil(x: Array) -> Array:
    return np.ceil(x)


def round(x: Array) -> Array:
    """Rounds to the nearest integer, halves to the even integer."""
    return np.rint(x)


def clip(x: Array, alpha: Array, beta: Array) -> Array:
    return np.minimum(np.maximum(x, alpha), beta)


def threshold(x: Array, alpha: Array) -> Array:
    """Returns the larger of `x` and `alpha`."""
    return np.maximum(x, alpha)


def sin(x: Array) -> Array:
    return np.sin(x)


def cos(x: Array) -> Array:
    return np.cos(x)


def tan(x: Array) -> Array:
    return np.tan(x)


def asin(x: Array) -> Array:
    return np.arcsin(x)


def acos(x: Array) -> Array:
    return np.arccos(x)


def atan(x: Array) -> Array:
    return np.arctan(x)


def sinh(x: Array) -> Array:
    return np.sinh(x)


def cosh(x: Array) -> Array:
    return np.cosh(x)


def tanh(x: Array) -> Array:
    return np.tanh(x)


def atanh(x: Array) -> Array:
    return np.arctanh(x)
