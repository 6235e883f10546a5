"""Padding that a converter lacks → slices and concatenation.

    circular                                     cat(x[last a], x, x[first b]), one axis after the other
    constant, < 0                                pad(x[a : size − b]) with what remains of the padding
    reflect, replicate of more than two axes     x[places], one axis after the other
    replicate, < 0                               likewise

coremltools and onnx2tf have no circular padding. coremltools refuses a negative one, ExecuTorch has no kernel for it,
and LiteRT refuses one that repeats.
Core ML does not load a file that reflects or repeats at more than two axes (apple/coremltools issues 2571 and 2576).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from edge_export.formats.legalize.rule import Rule


def _circular(x: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Any:
    if mode != "circular":
        return NotImplemented
    for axis, (before, after) in _by_axis(x, pad):
        size = x.shape[axis]
        x = x.narrow(axis, max(0, -before), size + min(0, before) + min(0, after))
        parts = [x.narrow(axis, x.shape[axis] - before, before)] if before > 0 else []
        parts += [x, x.narrow(axis, 0, after)] if after > 0 else [x]
        x = torch.cat(parts, axis) if len(parts) > 1 else x
    return x


def _negative(x: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Any:
    if mode != "constant" or min(pad) >= 0:
        return NotImplemented
    for axis, (before, after) in _by_axis(x, pad):
        x = x.narrow(axis, max(0, -before), x.shape[axis] + min(0, before) + min(0, after))
    more = [max(0, size) for size in pad]
    return F.pad(x, more, value=value or 0.0) if any(more) else x


def _repeated(x: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Any:
    return _picked(x, pad, mode) if mode == "replicate" and min(pad) < 0 else NotImplemented


def _mirrored(x: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Any:
    return _picked(x, pad, mode) if mode in ("reflect", "replicate") and len(pad) > 4 else NotImplemented


def _picked(x: Tensor, pad: Sequence[int], mode: str) -> Tensor:
    for axis, (before, after) in _by_axis(x, pad):
        last = x.shape[axis] - 1
        places = torch.arange(-before, last + 1 + after)
        inside = last - (last - places.abs()).abs() if mode == "reflect" else places.clamp(0, last)
        x = x.index_select(axis, inside)
    return x


def _volume(mode: str) -> Any:
    return lambda x, pad: _mirrored(x, pad, mode)


def _by_axis(x: Tensor, pad: Sequence[int]) -> list[tuple[int, tuple[int, int]]]:
    """Returns each padded axis and its padding before and after. PyTorch lists the last axis first."""
    return [(x.dim() - 1 - place, (pad[2 * place], pad[2 * place + 1])) for place in range(len(pad) // 2)]


_aten = torch.ops.aten


def _constant(x: Tensor, pad: Sequence[int], value: float = 0.0) -> Any:
    return _negative(x, pad, "constant", value)


CIRCULAR = Rule("circular padding", ("coreml", "tflite"), {_aten.pad.default: _circular})
MIRRORED = Rule(
    "mirrored padding of volumes",
    ("coreml",),
    {
        _aten.pad.default: _mirrored,
        _aten.reflection_pad3d.default: _volume("reflect"),
        _aten.replication_pad3d.default: _volume("replicate"),
    },
)
REPEATED = Rule("negative padding that repeats", ("tflite",), {_aten.pad.default: _repeated})
NEGATIVE = Rule(
    "negative padding",
    ("executorch", "coreml"),
    {_aten.pad.default: _negative, _aten.constant_pad_nd.default: _constant},
)
