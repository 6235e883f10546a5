"""Rounding on which Core ML's devices differ, and division that coremltools drops → floors and comparisons.

    x to integers          the same of ⌊x⌋ where x ≥ 0, of ⌈x⌉ elsewhere
    x to bytes             to int32, then to uint8: the last eight bits, as of PyTorch; LiteRT's own cast ends at 0
    round(x)               ⌊x⌋ + (1 if x − ⌊x⌋ > ½), and the even neighbor where x − ⌊x⌋ = ½
    round(x, decimals)     round(10^d x) / 10^d
    x // y                 q = ⌊x / y⌋, one less where x − q y has the other sign than y; of integers the quotient
                           of floats, cast: coremltools forgets that it is whole, and no gather takes it
    x % y                  x − q y, plus y where it has the other sign than y

Core ML's `round` takes halves to one neighbor on one unit and to the other on the next (webmachinelearning/webnn issue
817). A cast to integers and back was seen to keep the fraction (apple/coremltools issue 1589); of a whole number, every
reading of a cast gives the same. coremltools drops a floored division by 1, so that x % 1 is 0 (issue 2836). The
quotient x / y may be rounded up to a whole number that it does not reach: the sign of the remainder tells.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.fx import Node

from edge_export.formats.legalize.rule import Rule

_aten = torch.ops.aten


def _round(x: Tensor) -> Any:
    if not x.is_floating_point():
        return NotImplemented
    low = torch.floor(x)
    rest = x - low
    odd = low - 2.0 * torch.floor(low * 0.5)
    return torch.where(rest == 0.5, low + odd, low + (rest > 0.5).to(x.dtype))


def _round_decimals(x: Tensor, *, decimals: int) -> Any:
    if not x.is_floating_point():
        return NotImplemented
    if decimals < 0:
        return _round(x / float(10**-decimals)) * float(10**-decimals)
    return _round(x * float(10**decimals)) / float(10**decimals)


def _to_integers(operator: Any) -> Any:
    def to(x: Tensor, *options: Any, **named: Any) -> Any:
        dtype = named.get("dtype", options[0] if options else None)
        whole = isinstance(dtype, torch.dtype) and not dtype.is_floating_point and not dtype.is_complex
        if not x.is_floating_point() or not whole or dtype == torch.bool:
            return NotImplemented
        return operator(torch.where(x < 0, torch.ceil(x), torch.floor(x)), *options, **named)

    return to


def _to_bytes(x: Tensor, *options: Any, **named: Any) -> Any:
    is_byte = torch.uint8 in (named.get("dtype"), *options)
    return x.to(torch.int32).to(torch.uint8) if is_byte and x.is_floating_point() else NotImplemented


def _may_be_a_fraction(call: Node) -> bool:
    return not _is_whole(call.args[0])


def _is_whole(node: Any) -> bool:
    if not isinstance(node, Node) or node.target is _aten.where.self:
        return isinstance(node, Node) and all(map(_is_whole, node.args[1:]))
    return node.target in (_aten.floor.default, _aten.ceil.default)


def _divided(x: Any, y: Any) -> tuple[Tensor, Tensor, Tensor] | None:
    """Returns ⌊x / y⌋, x − ⌊x / y⌋ y, and where the latter's sign is not that of y. None: a number is whole."""
    tensors = [each for each in (x, y) if isinstance(each, Tensor)]
    if not all(each.is_floating_point() for each in tensors):
        return None
    quotient = torch.floor(x / y)
    rest = x - quotient * y
    if isinstance(y, Tensor):
        return quotient, rest, rest * torch.sign(y) < 0
    return quotient, rest, (rest < 0) if y > 0 else (rest > 0)


def _floor_divide(x: Any, y: Any) -> Any:
    if (found := _divided(x, y)) is None:
        return torch.floor(_quotient(x, y)).to(torch.result_type(x, y))
    quotient, _, over = found
    return quotient - over.to(quotient.dtype)


def _quotient(x: Any, y: Any) -> Any:
    """Returns x / y of whole numbers in float32, which is right up to 2²⁴."""
    x, y = (each.to(torch.float32) if isinstance(each, Tensor) else float(each) for each in (x, y))
    return x / y


def _divide(x: Any, y: Any, *, rounding_mode: str | None = None) -> Any:
    if rounding_mode == "floor":
        return _floor_divide(x, y)
    if rounding_mode != "trunc" or _divided(x, y) is not None:
        return NotImplemented
    quotient = _quotient(x, y)
    whole = torch.sign(quotient) * torch.floor(torch.abs(quotient))
    return whole.to(torch.result_type(x, y))


def _fmod(x: Any, y: Any) -> Any:
    return NotImplemented if _divided(x, y) is not None else x - _divide(x, y, rounding_mode="trunc") * y


def _remainder(x: Any, y: Any) -> Any:
    if (found := _divided(x, y)) is None:
        return NotImplemented
    _, rest, over = found
    return torch.where(over, rest + y, rest)


DECIMALS = Rule("rounding to decimals", ("executorch",), {_aten.round.decimals: _round_decimals})
ROUND = Rule("rounding", ("coreml",), {_aten.round.default: _round, _aten.round.decimals: _round_decimals})
INTEGERS = Rule(
    "casts to integers",
    ("coreml",),
    {operator: _to_integers(operator) for operator in (_aten.to.dtype, _aten._to_copy.default)},
    concerns=_may_be_a_fraction,
)
BYTES = Rule(
    "casts to bytes",
    ("tflite",),
    dict.fromkeys((_aten.to.dtype, _aten._to_copy.default), _to_bytes),
)
FLOORED = Rule(
    "floored division",
    ("coreml",),
    {
        **dict.fromkeys((_aten.floor_divide.default, _aten.floor_divide.Scalar), _floor_divide),
        **dict.fromkeys((_aten.div.Tensor_mode, _aten.div.Scalar_mode), _divide),
        **dict.fromkeys((_aten.fmod.Tensor, _aten.fmod.Scalar), _fmod),
        **dict.fromkeys((_aten.remainder.Tensor, _aten.remainder.Scalar, _aten.remainder.Scalar_Tensor), _remainder),
    },
)
