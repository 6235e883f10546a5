"""Elementwise operators, activations and reductions."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from coremltools.converters.mil import Builder as mb
from mil_cases import Case, integers, positive, weight
from torch.nn import functional as F

X, Y = (2, 3, 5), (3, 1)  # Y broadcasts


def unary(name: str, expected: Any, values: Any = X, **options: float) -> Case:
    return Case(
        name,
        lambda t, x: getattr(mb, name)(x=x, **{k: t(v) for k, v in options.items()}),
        expected,
        (values,),
    )


def binary(name: str, expected: Any, x: Any = X, y: Any = Y, **options: Any) -> Case:
    return Case(name, lambda t, x, y: getattr(mb, name)(x=x, y=y), expected, (x, y), **options)


def compare(name: str, expected: Any) -> list[Case]:
    whole = (integers(2, 3, 5, low=-2, high=3), integers(3, 1, low=-2, high=3))
    as_floats = tuple(a.astype(np.float32) for a in whole)
    return [binary(name, expected, *values) for values in (whole, as_floats)]


def logical(name: str, expected: Any) -> Case:
    def build(t: Any, x: Any, y: Any) -> Any:
        return getattr(mb, name)(x=mb.cast(x=x, dtype="bool"), y=mb.cast(x=y, dtype="bool"))

    values = (integers(2, 3, 5, low=0, high=2), integers(3, 1, low=0, high=2))
    return Case(name, build, lambda x, y: expected(x.bool(), y.bool()), values, precisions=("fp32",))


def reduction(name: str, expected: Any, values: Any = (3, 4, 5)) -> list[Case]:
    def build(axes: Any, keep: bool) -> Any:
        return lambda t, x: getattr(mb, name)(x=x, axes=axes, keep_dims=keep)

    return [
        Case(name, build([0, -1], False), lambda x: expected(x, (0, 2), False), (values,)),
        Case(name, build([1], True), lambda x: expected(x, (1,), True), (values,)),
        Case(name, build(None, True), lambda x: expected(x, (0, 1, 2), True), (values,)),
    ]


def products(x: torch.Tensor, axes: tuple[int, ...], keep: bool) -> torch.Tensor:
    for axis in sorted(axes, reverse=True):
        x = x.prod(axis, keepdim=keep)
    return x


INSIDE = np.tanh(weight(2, 3, 5)) * 0.9
WHOLE = integers(2, 3, 5, low=-9, high=10)
DIVISOR = np.array([[3], [-2], [4]], np.int32)
HALVES = np.array([-2.5, -1.5, -0.5, -0.2, 0.5, 1.5, 2.5, 3.2], np.float32)
CHANNELS = (2, 3, 4, 5)
ALPHA, BETA = positive(3), positive(3, seed=1)
BIG = np.array([-120.0, -30, -1, 0, 1, 30, 80, 120], np.float32)

CASES = [
    binary("add", torch.add),
    binary("add", torch.add, WHOLE, DIVISOR),
    binary("sub", torch.sub),
    binary("mul", torch.mul),
    binary("real_div", torch.true_divide, X, positive(3, 1)),
    binary("floor_div", torch.floor_divide, X, positive(3, 1), precisions=("fp32",)),
    binary("floor_div", torch.floor_divide, WHOLE, DIVISOR),
    binary("mod", torch.remainder, WHOLE, DIVISOR),
    binary("mod", torch.remainder, positive(2, 3, 5) * 4 - 5, positive(3, 1), precisions=("fp32",)),
    binary("pow", torch.pow, positive(2, 3, 5), Y),
    binary("maximum", torch.maximum),
    binary("minimum", torch.minimum),
    *compare("equal", torch.eq),
    *compare("not_equal", torch.ne),
    *compare("greater", torch.gt),
    *compare("greater_equal", torch.ge),
    *compare("less", torch.lt),
    *compare("less_equal", torch.le),
    logical("logical_and", torch.logical_and),
    logical("logical_or", torch.logical_or),
    logical("logical_xor", torch.logical_xor),
    Case(
        "logical_not",
        lambda t, x: mb.logical_not(x=mb.cast(x=x, dtype="bool")),
        lambda x: ~x.bool(),
        (integers(2, 3, low=0, high=2),),
        precisions=("fp32",),
    ),
    Case(
        "select",
        lambda t, c, a, b: mb.select(cond=mb.cast(x=c, dtype="bool"), a=a, b=b),
        lambda c, a, b: torch.where(c.bool(), a, b),
        (integers(2, 3, 5, low=0, high=2), X, X),
    ),
    Case("cast", lambda t, x: mb.cast(x=x, dtype="int32"), lambda x: x.int(), (HALVES,)),
    Case("cast", lambda t, x: mb.cast(x=x, dtype="fp16"), lambda x: x.half().float(), (X,)),
    Case("cast", lambda t, x: mb.cast(x=x, dtype="bool"), lambda x: x.bool(), (integers(9, low=-1, high=2),)),
    Case("cast", lambda t, x: mb.cast(x=x, dtype="int8"), lambda x: x.to(torch.int8), (HALVES,)),
    unary("identity", lambda x: x),
    unary("abs", torch.abs),
    unary("abs", torch.abs, WHOLE),
    unary("sign", torch.sign, HALVES),
    unary("square", torch.square),
    unary("sqrt", torch.sqrt, positive(2, 3, 5)),
    unary("rsqrt", lambda x: (x + 0.25).rsqrt(), positive(2, 3, 5), epsilon=0.25),
    unary("inverse", lambda x: 1 / (x + 0.25), positive(2, 3, 5), epsilon=0.25),
    unary("exp", torch.exp),
    unary("exp2", torch.exp2),
    unary("log", lambda x: torch.log(x + 0.25), positive(2, 3, 5), epsilon=0.25),
    unary("log", lambda x: torch.log(x), positive(2, 3, 5) * 3),
    unary("erf", torch.erf),
    unary("floor", torch.floor, HALVES),
    unary("ceil", torch.ceil, HALVES),
    unary("round", torch.round, HALVES),
    unary("clip", lambda x: x.clamp(-0.5, 0.75), alpha=-0.5, beta=0.75),
    unary("threshold", lambda x: x.clamp(min=-0.25), alpha=-0.25),
    *(unary(name, getattr(torch, name)) for name in ("sin", "cos", "sinh", "cosh", "tanh", "atan")),
    unary("tan", torch.tan, INSIDE),
    *(unary(name, getattr(torch, name), INSIDE) for name in ("asin", "acos", "atanh")),
    unary("relu", F.relu),
    unary("relu6", F.relu6, weight(2, 3, 5) * 15),
    unary("leaky_relu", lambda x: F.leaky_relu(x, 0.125), alpha=0.125),
    Case("prelu", lambda t, x: mb.prelu(x=x, alpha=t(ALPHA)), lambda x: F.prelu(x, torch.tensor(ALPHA)), (CHANNELS,)),
    unary("thresholded_relu", lambda x: F.threshold(x, 0.25, 0.0), alpha=0.25),
    unary("clamped_relu", lambda x: torch.where(x >= 0, x, 0.5 * x).clamp(max=0.75), alpha=0.5, beta=0.75),
    unary("elu", lambda x: F.elu(x, 1.5), alpha=1.5),
    unary("elu", lambda x: F.elu(x, 0.5), BIG, alpha=0.5),
    Case("gelu", lambda t, x: mb.gelu(x=x), F.gelu),
    Case("gelu", lambda t, x: mb.gelu(x=x, mode="TANH_APPROXIMATION"), lambda x: F.gelu(x, approximate="tanh")),
    Case("gelu", lambda t, x: mb.gelu(x=x, mode="SIGMOID_APPROXIMATION"), lambda x: x * torch.sigmoid(1.702 * x)),
    unary("sigmoid", torch.sigmoid),
    unary("sigmoid", torch.sigmoid, BIG),
    unary("sigmoid_hard", lambda x: (0.25 * x + 0.5).clamp(0, 1), weight(2, 3, 5) * 9, alpha=0.25, beta=0.5),
    unary("silu", F.silu),
    unary("softplus", F.softplus),
    unary("softplus", F.softplus, BIG),
    Case(
        "softplus_parametric",
        lambda t, x: mb.softplus_parametric(x=x, alpha=t(ALPHA), beta=t(BETA)),
        lambda x: torch.tensor(ALPHA)[:, None, None] * F.softplus(torch.tensor(BETA)[:, None, None] * x),
        (CHANNELS,),
    ),
    unary("softsign", F.softsign),
    unary("scaled_tanh", lambda x: 1.5 * torch.tanh(0.75 * x), alpha=1.5, beta=0.75),
    unary("linear_activation", lambda x: 1.5 * x - 0.75, alpha=1.5, beta=-0.75),
    Case("softmax", lambda t, x: mb.softmax(x=x, axis=1), lambda x: x.softmax(1)),
    Case("softmax", lambda t, x: mb.softmax(x=x, axis=-1), lambda x: x.softmax(-1), (BIG,)),
    *reduction("reduce_sum", lambda x, a, k: x.sum(a, k), positive(3, 4, 5) - 0.25),
    *reduction("reduce_mean", lambda x, a, k: x.mean(a, k), positive(3, 4, 5) - 0.25),
    *reduction("reduce_max", lambda x, a, k: x.amax(a, k)),
    *reduction("reduce_min", lambda x, a, k: x.amin(a, k)),
    *reduction("reduce_prod", products, positive(3, 4, 5)),
    *reduction("reduce_l1_norm", lambda x, a, k: x.abs().sum(a, k)),
    *reduction("reduce_l2_norm", lambda x, a, k: x.square().sum(a, k).sqrt()),
    *reduction("reduce_sum_square", lambda x, a, k: x.square().sum(a, k)),
    *reduction("reduce_log_sum", lambda x, a, k: x.sum(a, k).log(), positive(3, 4, 5)),
    *reduction("reduce_log_sum_exp", lambda x, a, k: x.logsumexp(a, k), weight(3, 4, 5) * 60),
    Case("reduce_argmax", lambda t, x: mb.reduce_argmax(x=x, axis=1), lambda x: x.argmax(1)),
    Case(
        "reduce_argmin",
        lambda t, x: mb.reduce_argmin(x=x, axis=-1, keep_dims=True),
        lambda x: x.argmin(-1, keepdim=True),
    ),
]
