"""Measures how far float32 rounding alone moves a mother's outputs: no file can be asked to be closer to it.

On recordings, a mother is run once all in float64 and once all in float32. A channel that BatchNorm divides by almost
nothing loses 60 dB in float32. On extreme inputs, it is run in float64 with inputs and weights moved by a few roundings
of float32, and with zeros for denormals, as some CPUs have them: where the outputs jump, as by `ceil` of a denormal or
by `topk` among equal scores, there is no one right output. It is also run with the last of equal values first, where
PyTorch promises no order among them: scores that are 0 on silence stay equal however weights move.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map

from edge_export.spec.agreement import Agreement, agreement, worst_of

if TYPE_CHECKING:
    from torch import Tensor, nn

ROUNDING = 2.0**-24
"""The largest relative error of a number that is rounded to float32."""
FEW = 4
"""The roundings by which inputs and weights are moved on extremes."""
SEEDS = (None, 1, 2)
"""What moves them. None: they stay, but denormals become zero."""
_UNORDERED = {
    **dict.fromkeys((torch.topk, torch.Tensor.topk), 2),
    **dict.fromkeys((torch.sort, torch.Tensor.sort, torch.argsort, torch.Tensor.argsort), 1),
}
"""Operators that promise no order among equal values, and the place of the axis among their arguments."""
SMALLEST = torch.finfo(torch.float32).tiny
_FLOATS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
_CASTS = (torch.Tensor.double, torch.Tensor.float, torch.Tensor.half, torch.Tensor.bfloat16)

Forward = Callable[["nn.Module", "tuple[Tensor, ...]"], "tuple[Tensor, ...]"]
"""Runs a mother at its configuration on inputs `(count, …)`."""


class _AllIn(TorchFunctionMode):
    """Lets a forward compute in one floating-point type, also where it names another or holds tensors of it."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        args, kwargs = tree_map(self.cast, (args, kwargs or {}))
        return args[0].to(self.dtype) if func in _CASTS else func(*args, **kwargs)

    def cast(self, value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return value.to(self.dtype) if value.dtype in _FLOATS else value
        return self.dtype if isinstance(value, torch.dtype) and value in _FLOATS else value


class _LastFirst(TorchFunctionMode):
    """Lets the last of equal values come first where PyTorch promises no order: in `topk` and in unstable sorting."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        options = kwargs or {}
        if func not in _UNORDERED or not args or not args[0].dim() or options.get("stable") or "out" in options:
            return func(*args, **options)
        place = _UNORDERED[func]
        dim = args[place] if len(args) > place else options.get("dim", -1)
        found = func(args[0].flip(dim), *args[1:], **options)
        last = args[0].shape[dim] - 1
        return last - found if isinstance(found, torch.Tensor) else type(found)((found[0], last - found[1]))


def own_rounding(
    mother: nn.Module, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...], forward: Forward
) -> Agreement | None:
    """Returns how a mother's outputs on recordings agree with those in float64 and in float32, the worst of all.

    Args:
        mother: The mother. It is not changed.
        inputs: The recordings, `(count, …)` each.
        outputs: Its outputs on them.
        forward: Runs it.

    Returns:
        None: it can't be run so.
    """
    each = []
    for dtype in (torch.float64, torch.float32):
        other = _run(mother, inputs, forward, dtype)
        if other is None:
            return None
        each += [agreement(got.numpy(), one.numpy()) for got, one in zip(outputs, other, strict=True)]
    return worst_of(each)


def moves(
    mother: nn.Module, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...], forward: Forward
) -> tuple[Tensor, ...]:
    """Returns by how much each output moves at most on each extreme input, `(count,)` each.

    It is infinite where NaN or infinity turns into a number, or back; and 0 if the mother can't be run in float64.
    Arguments as those of `own_rounding`.
    """
    found = tuple(torch.zeros(len(output), dtype=torch.float64) for output in outputs)
    plain = tuple(map(_without_denormals, inputs))
    others = [_run(mother, plain, forward, torch.float64, _LastFirst())]
    for seed in SEEDS:
        network, given = mother, plain
        if seed is not None:
            generator = torch.Generator().manual_seed(seed)
            network = _with_moved_weights(mother, generator)
            given = tuple(_moved(tensor, generator) for tensor in inputs)
        others.append(_run(network, given, forward, torch.float64))
    for other in others:
        if other is not None:
            gaps = (_gap(output, one) for output, one in zip(outputs, other, strict=True))
            found = tuple(torch.maximum(before, gap) for before, gap in zip(found, gaps, strict=True))
    return found


def _run(
    mother: nn.Module,
    inputs: tuple[Tensor, ...],
    forward: Forward,
    dtype: torch.dtype,
    mode: AbstractContextManager[object] | None = None,
) -> tuple[Tensor, ...] | None:
    """Returns the outputs of a mother that computes in `dtype` alone, in a mode if given. None: it fails in it."""
    usual = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        network = copy.deepcopy(mother).to(dtype).eval()
        given = tuple(t.to(dtype) if _floats(t) else t for t in inputs)
        with _AllIn(dtype), mode or nullcontext():
            return forward(network, given)
    except Exception:  # a stranger's forward may need one type, as C++ of its own does, and raise anything
        return None
    finally:
        torch.set_default_dtype(usual)


def _with_moved_weights(mother: nn.Module, generator: torch.Generator) -> nn.Module:
    network = copy.deepcopy(mother).double()
    with torch.no_grad():
        for weight in network.parameters():
            if _floats(weight):
                weight.mul_(1 + FEW * ROUNDING * _spread(weight, generator))
    return network


def _without_denormals(tensor: Tensor) -> Tensor:
    return torch.where(tensor.abs() < SMALLEST, torch.zeros_like(tensor), tensor) if _floats(tensor) else tensor


def _moved(tensor: Tensor, generator: torch.Generator) -> Tensor:
    """Returns an input in float64, moved by a few roundings, and zeros by the smallest normal number."""
    if not _floats(tensor):
        return tensor
    relative, absolute = (_spread(tensor, generator) for _ in range(2))
    return tensor.double() * (1 + FEW * ROUNDING * relative) + SMALLEST * absolute


def _spread(like: Tensor, generator: torch.Generator) -> Tensor:
    """Returns random numbers in -1..1."""
    return 2 * torch.rand(like.shape, generator=generator, dtype=torch.float64) - 1


def _floats(tensor: Tensor) -> bool:
    return tensor.is_floating_point()


def _gap(output: Tensor, other: Tensor) -> Tensor:
    """Returns the largest difference of each sample."""
    one, two = (t.double().reshape(len(t), -1) for t in (output, other))
    same = (one == two) | (one.isnan() & two.isnan())
    gap = (one - two).abs().nan_to_num(torch.inf, torch.inf)
    return torch.where(same, 0.0, gap).amax(1)
