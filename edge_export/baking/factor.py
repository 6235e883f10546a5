"""Products and sums with constants, the same for each feature: y = scale · x + shift.

BatchNorm in eval mode is one: scale = γ/√(σ²+ε), shift = β − μ · scale.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from edge_export.baking.nodes import arguments, dtype, is_call, operator_of, shape

if TYPE_CHECKING:
    from torch import Tensor, fx
    from torch.nn.modules.batchnorm import _BatchNorm

    from edge_export.baking.network import Network

STATISTICS = "batch_norm"
OPERATORS = frozenset({"mul", "div", "add", "sub", "rsub", "neg", STATISTICS})


@dataclass(frozen=True)
class Factor:
    """A scale and a shift, in float64, of as many axes as the value; an axis of size 1: the same all along it."""

    scale: Tensor
    shift: Tensor

    @property
    def shifts(self) -> bool:
        return bool(self.shift.any())

    @property
    def is_positive(self) -> bool:
        return bool((self.scale > 0).all())

    def varies_on(self, axis: int) -> bool:
        """Returns whether it is not the same all along an axis."""
        return max(self.scale.shape[axis], self.shift.shape[axis]) > 1


@dataclass(frozen=True)
class BatchNorm:
    """The constants of a BatchNorm in eval mode, `(features,)` each."""

    running_mean: Tensor
    running_var: Tensor
    weight: Tensor | None
    bias: Tensor | None
    eps: float


def scale_and_shift(norm: BatchNorm | _BatchNorm) -> tuple[Tensor, Tensor]:
    """Returns the scale and the shift of a BatchNorm in eval mode, both of shape `(features,)`."""
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None
    assert variance is not None
    scale = torch.rsqrt(variance + norm.eps)
    if norm.weight is not None:
        scale = scale * norm.weight
    shift = -mean * scale
    return scale, shift if norm.bias is None else shift + norm.bias


def factor_of(network: Network, node: fx.Node) -> tuple[fx.Node, Factor] | None:
    """Returns the value that `node` scales and shifts by constants, and by which; None: it does something else."""
    if operator_of(node) not in OPERATORS or dtype(node) not in (torch.float32, torch.float64, torch.float16):
        return None
    source, factor = _batch_norm(network, node) if is_call(node, STATISTICS) else _of_numbers(network, node)
    if source is None or factor is None or (shape(source), dtype(source)) != (shape(node), dtype(node)):
        return None
    return source, factor


def per_feature(scale: Tensor, shift: Tensor, axis: int, rank: int) -> Factor:
    """Returns a factor of a value of some axes from vectors along one."""
    sizes = [1] * rank
    sizes[axis] = -1
    return Factor(scale.reshape(sizes), shift.reshape(sizes))


def norm_of(network: Network, node: fx.Node) -> BatchNorm | None:
    """Returns the constants of a BatchNorm in eval mode; None: it has none, such as with the statistics of a batch."""
    given = arguments(node)
    mean, variance = network.value(given["running_mean"]), network.value(given["running_var"])
    weight, bias = (network.value(given[name]) for name in ("weight", "bias"))
    constant = all(given[name] is None or value is not None for name, value in (("weight", weight), ("bias", bias)))
    if given["training"] or mean is None or variance is None or not constant:
        return None
    return BatchNorm(mean, variance, weight, bias, given["eps"])


def _batch_norm(network: Network, node: fx.Node) -> tuple[fx.Node | None, Factor | None]:
    norm = norm_of(network, node)
    if norm is None:
        return None, None
    return node.all_input_nodes[0], per_feature(*scale_and_shift(norm), 1, len(shape(node)))


def _of_numbers(network: Network, node: fx.Node) -> tuple[fx.Node | None, Factor | None]:
    given = arguments(node)
    first, second = given["self"], given.get("other")
    if given.get("rounding_mode") is not None:
        return None, None
    if is_call(node, "neg"):
        return first, _scalar(node, -1.0, 0.0)
    one, other = (_constant(network, each, node) for each in (first, second))
    if (one is None) == (other is None):
        return None, None
    kept, number = (second, one) if other is None else (first, other)
    assert number is not None
    alpha, is_first = given.get("alpha", 1), other is not None
    if is_call(node, "mul"):
        return kept, Factor(number, torch.zeros_like(number))
    if is_call(node, "div"):
        return (kept, Factor(1 / number, torch.zeros_like(number))) if is_first and number.all() else (None, None)
    # self + alpha · other, with the signs of each
    signs = {"add": (1, 1), "sub": (1, -1), "rsub": (-1, 1)}[operator_of(node)]
    by = (signs[0] * (alpha if signs[0] < 0 else 1), signs[1] * (alpha if signs[0] > 0 else 1))
    scale, shift = by if is_first else reversed(by)
    return kept, Factor(torch.full_like(number, float(scale)), shift * number)


def _scalar(node: fx.Node, scale: float, shift: float) -> Factor:
    sizes = [1] * len(shape(node))
    return Factor(*(torch.full(sizes, each, dtype=torch.float64) for each in (scale, shift)))


def _constant(network: Network, given: Any, node: fx.Node) -> Tensor | None:
    """Returns a number of `node`, or a constant that differs along at most one axis, with as many axes as its value."""
    rank = len(shape(node))
    if isinstance(given, int | float):
        return torch.full([1] * rank, float(given), dtype=torch.float64)
    value = network.value(given)
    if value is None or value.dim() > rank or sum(size > 1 for size in value.shape) > 1:
        return None
    return value.double().reshape([1] * (rank - value.dim()) + list(value.shape))
