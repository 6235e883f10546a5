"""Operators that a scale and a shift may be moved across.

    f(a·x + c) = a'·f(x) + c'

- Views, permutations, slices and concatenations move values: the scale and shift move with them.
- Averages, resizing and reflected borders: each result is a mean of values of one feature, with weights that sum to 1.
  A border of zeros, or an average that counts them, takes no shift.
- Maxima take a scale above 0, with any shift.
- ReLU, leaky ReLU and PReLU take a scale above 0 and no shift.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import fx
from torch.fx.node import map_arg

from edge_export.baking.factor import Factor
from edge_export.baking.nodes import arguments, is_call, operator_of, shape

if TYPE_CHECKING:
    from torch import Tensor

    from edge_export.baking.network import Network

_MOVES = {
    *("view", "reshape", "flatten", "unflatten", "permute", "transpose", "t", "mT", "movedim", "swapaxes"),
    *("squeeze", "unsqueeze", "slice", "select", "narrow", "expand", "flip", "channel_shuffle"),
    *("contiguous", "clone", "alias", "detach"),
}
_RECTIFIERS = frozenset({"relu", "leaky_relu", "prelu"})
_MAXIMA = {f"{kind}max_pool{axes}d": axes for kind in ("", "adaptive_") for axes in (1, 2, 3)}
_MEANS = {f"{kind}avg_pool{axes}d": axes for kind in ("", "adaptive_") for axes in (1, 2, 3)} | {
    **{f"{kind}{axes}d": axes for kind in ("upsample_nearest", "_upsample_nearest_exact") for axes in (1, 2, 3)},
    **{"upsample_linear1d": 1, "upsample_bilinear2d": 2, "upsample_bicubic2d": 2, "upsample_trilinear3d": 3},
    **{f"{kind}_pad{axes}d": axes for kind in ("reflection", "replication") for axes in (1, 2, 3)},
}


def forth(network: Network, node: fx.Node, source: fx.Node, factor: Factor) -> Factor | None:
    """Returns the factor of `node` that a factor of its input `source` is equal to; None: there is none."""
    if node in network.changed or not isinstance(node.meta.get("val"), torch.Tensor):
        return None
    if is_call(node, "cat"):
        return _joined(node, source, factor)
    if operator_of(node) in _MOVES:
        if node.all_input_nodes != [source]:
            return None
        return Factor(*(_moved(node, source, each) for each in _pair(factor)))
    if is_call(node, "mean"):
        axes = [axis % len(shape(source)) for axis in arguments(node).get("dim") or range(len(shape(source)))]
        if any(map(factor.varies_on, axes)) or arguments(node)["dtype"] is not None:
            return None
        return Factor(*(_run(node, source, each) for each in _pair(factor)))
    return factor if _keeps(node, source, factor) else None


def back(network: Network, node: fx.Node, factor: Factor) -> list[tuple[fx.Node, Factor]] | None:
    """Returns the factors of the inputs of `node` that together are equal to a factor of it; None: there are none."""
    if node in network.changed or not isinstance(node.meta.get("val"), torch.Tensor) or not node.all_input_nodes:
        return None
    if is_call(node, "cat"):
        return _split(node, factor)
    if is_call(node, "add"):
        return _summands(node, factor)
    source = node.all_input_nodes[0]
    if operator_of(node) in _MOVES:
        moved = _moved_back(node, source, factor) if node.all_input_nodes == [source] else None
        return None if moved is None else [(source, moved)]
    if is_call(node, "mean"):
        return None  # it would be more products than after it
    return [(source, factor)] if _keeps(node, source, factor) else None


def _keeps(node: fx.Node, source: fx.Node, factor: Factor) -> bool:
    """Returns whether `node` keeps the axes of its input, and takes the factor before it as one after it."""
    name, given = operator_of(node), arguments(node) if isinstance(node.target, torch._ops.OpOverload) else {}
    if not node.args or node.args[0] is not source:
        return False
    if name in _RECTIFIERS:
        return factor.is_positive and not factor.shifts
    rank = len(shape(node))
    if name in _MAXIMA:
        return factor.is_positive and not any(map(factor.varies_on, range(rank - _MAXIMA[name], rank)))
    if name in ("pad", "constant_pad_nd"):
        padded = range(rank - len(given["pad"]) // 2, rank)
        zeros = name == "constant_pad_nd" or given["mode"] == "constant"
        return not any(map(factor.varies_on, padded)) and not (zeros and (factor.shifts or given["value"]))
    if name not in _MEANS or any(map(factor.varies_on, range(rank - _MEANS[name], rank))):
        return False
    padding = given.get("padding", 0) if name.startswith("avg") else 0
    counts_zeros = any(padding) if isinstance(padding, list | tuple) else bool(padding)
    counts_zeros = counts_zeros and given["count_include_pad"]
    return not factor.shifts or not (counts_zeros or given.get("divisor_override"))


def _joined(node: fx.Node, source: fx.Node, factor: Factor) -> Factor | None:
    """Returns the factor of a concatenation: 1 and 0 for its other inputs."""
    given = arguments(node)
    axis, parts = given["dim"] % len(shape(node)), given["tensors"]
    if any(len(shape(part)) != len(shape(node)) for part in parts):
        return None

    def along(tensor: Tensor, other: float) -> Tensor:
        sizes = [max(tensor.shape[each], 1) for each in range(tensor.dim())]
        whole = []
        for part in parts:
            sizes[axis] = shape(part)[axis]
            whole.append(tensor.expand(sizes) if part is source else tensor.new_full(sizes, other))
        return torch.cat(whole, axis)

    return Factor(_small(along(factor.scale, 1.0)), _small(along(factor.shift, 0.0)))


def _split(node: fx.Node, factor: Factor) -> list[tuple[fx.Node, Factor]] | None:
    given = arguments(node)
    axis, parts = given["dim"] % len(shape(node)), given["tensors"]
    if len(set(parts)) < len(parts) or any(len(shape(part)) != len(shape(node)) for part in parts):
        return None
    sizes = [shape(part)[axis] for part in parts]

    def pieces(tensor: Tensor) -> list[Tensor]:
        whole = [*tensor.shape]
        whole[axis] = sum(sizes)
        return [_small(piece) for piece in tensor.expand(whole).split(sizes, axis)]

    factors = map(Factor, pieces(factor.scale), pieces(factor.shift))
    return list(zip(parts, factors, strict=True))


def _summands(node: fx.Node, factor: Factor) -> list[tuple[fx.Node, Factor]] | None:
    """Returns the factors of two summands: both are scaled, the first is shifted."""
    first, second = node.args[:2]
    if not (isinstance(first, fx.Node) and isinstance(second, fx.Node)) or first is second or node.kwargs:
        return None
    if not shape(first) == shape(second) == shape(node):
        return None
    return [(first, factor), (second, Factor(factor.scale, torch.zeros_like(factor.shift)))]


def _moved(node: fx.Node, source: fx.Node, tensor: Tensor) -> Tensor:
    """Returns the scale, or the shift, of a view."""
    if tensor.numel() == 1:
        return tensor.reshape([1] * len(shape(node)))
    return _small(_run(node, source, tensor.expand(shape(source))))


def _moved_back(node: fx.Node, source: fx.Node, factor: Factor) -> Factor | None:
    """Returns the factor of what a view reads; None: one value would need two."""
    numbers = torch.arange(node.args[0].meta["val"].numel()).reshape(shape(source))  # type: ignore[union-attr]
    places = _run(node, source, numbers)

    def read(tensor: Tensor, other: float) -> Tensor | None:
        if tensor.numel() == 1:
            return tensor.reshape([1] * len(shape(source)))
        whole = tensor.expand(shape(node))
        found = tensor.new_full((numbers.numel(),), other)
        found[places.flatten()] = whole.flatten()
        return _small(found.reshape(shape(source))) if torch.equal(found[places], whole) else None

    scale, shift = read(factor.scale, 1.0), read(factor.shift, 0.0)
    return None if scale is None or shift is None else Factor(scale, shift)


def _run(node: fx.Node, source: fx.Node, value: Tensor) -> Any:
    """Returns what `node` computes of another value of its only input."""
    with torch.no_grad():
        return node.target(  # type: ignore[operator]
            *map_arg(node.args, lambda each: value if each is source else None), **node.kwargs
        )


def _small(tensor: Tensor) -> Tensor:
    """Returns the tensor with size 1 on each axis that it is the same all along."""
    for axis in range(tensor.dim()):
        first = tensor.narrow(axis, 0, 1)
        if tensor.shape[axis] > 1 and torch.equal(first.expand_as(tensor), tensor):
            tensor = first
    return tensor


def _pair(factor: Factor) -> tuple[Tensor, Tensor]:
    return factor.scale, factor.shift
