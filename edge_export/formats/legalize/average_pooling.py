"""Express average pooling that divides by the elements counted per window by pooling that divides by the kernel size.

    avg_pool(x, ceil_mode or divisor_override)  →  avg_pool(pad(x)) · (elements of the kernel / elements counted)

For a window that extends past the border, Core ML divides by the whole kernel, and PyTorch by the elements inside.
coremltools passes `ceil_mode` on without correcting this, and rejects `divisor_override`; onnx2tf gets both wrong.
Core AI's converter fails on both, and counts padding that PyTorch doesn't. Core ML was seen to give right values with a
padding of 1, and other ones with 3 (apple/coremltools issue 1901), so a Core ML file pads by more than 1 before it
pools. The rewritten form gives the same values everywhere. The factors are one constant for all windows: onnx2tf loses
one of two products in a row.

    adaptive_avg_pool(x, 1)  →  mean(x)

If the pixels of `x` lie beside each other, as behind a permutation, PyTorch writes the pool's strides into the program,
which torch's ONNX exporter turns into a loop that no runtime of TFLite has.

    adaptive_avg_pool3d(x)  →  a product with a matrix of shares along each axis

No converter takes it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from edge_export.formats.legalize.rule import Rewrite, Rule
from edge_export.formats.legalize.windows import Axis, per_axis

_Right = Callable[[Sequence[int], bool], bool]
"""Whether a format's own pooling is right with a padding and a value of `count_include_pad`."""


def _decomposition(operator: Any, axes: int, right: _Right) -> Rewrite:
    """Returns the rule for one operator."""

    def pool(
        x: Tensor,
        kernel_size: Sequence[int],
        stride: Sequence[int] = (),
        padding: Sequence[int] = (0,),
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Any:
        if not ceil_mode and divisor_override is None and right(padding, count_include_pad):
            return NotImplemented
        from torch.nn.functional import pad

        kernel, strides, pads = (per_axis(values, axes) for values in (kernel_size, stride or kernel_size, padding))
        along = [Axis(*each, ceil_mode) for each in zip(x.shape[-axes:], kernel, strides, pads, strict=True)]
        margins = [margin for axis in reversed(along) for margin in (axis.padding, axis.missing)]
        y = operator(pad(x, margins) if any(margins) else x, kernel, strides)
        if divisor_override is not None:
            return y * (math.prod(kernel) / divisor_override)
        shares = [[axis.kernel / axis.counted(at, count_include_pad) for at in range(axis.windows)] for axis in along]
        if all(share == 1 for own in shares for share in own):
            return y
        factors = torch.ones([1] * y.dim(), dtype=y.dtype)
        for place, own in enumerate(shares, 1 - axes):
            factors = factors * torch.tensor(own, dtype=y.dtype).reshape([-1] + [1] * -place)
        return y * factors

    return pool


def _over_all(x: Tensor, output_size: Sequence[int]) -> Any:
    if any(size != 1 for size in output_size) or x.is_contiguous():
        return NotImplemented
    return x.mean(list(range(-len(output_size), 0)), keepdim=True)


def _of_volumes(x: Tensor, output_size: Sequence[int]) -> Tensor:
    for axis, count in enumerate(output_size, x.dim() - len(output_size)):
        size = x.shape[axis]
        shares = torch.zeros(count, size, dtype=x.dtype)
        for window in range(count):
            begin, end = window * size // count, -(-(window + 1) * size // count)
            shares[window, begin:end] = 1 / (end - begin)
        if count != size:
            rows = x.movedim(axis, -1)
            y = torch.nn.functional.linear(rows.reshape(-1, size), shares)
            x = y.reshape(*rows.shape[:-1], count).movedim(-1, axis)
    return x


_aten = torch.ops.aten
_OPERATORS = {1: _aten.avg_pool1d.default, 2: _aten.avg_pool2d.default, 3: _aten.avg_pool3d.default}


def _rule(name: str, format_name: str, right: _Right) -> Rule:
    return Rule(name, (format_name,), {each: _decomposition(each, axes, right) for axes, each in _OPERATORS.items()})


RULE = _rule("average pooling", "tflite", lambda padding, counted: True)
COREML = _rule("average pooling of Core ML", "coreml", lambda padding, counted: max(padding) <= 1)
COREAI = _rule("average pooling of Core AI", "coreai", lambda padding, counted: counted or not any(padding))
OF_VOLUMES = Rule(
    "adaptive averages of volumes",
    ("executorch", "coreml", "tflite"),
    {_aten.adaptive_avg_pool3d.default: _of_volumes},
)
OVER_ALL = Rule("average of all pixels", ("tflite",), {_aten.adaptive_avg_pool2d.default: _over_all})
