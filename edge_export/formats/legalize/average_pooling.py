"""Express average pooling that divides by the elements counted per window by pooling that divides by the kernel size.

    avg_pool(x, ceil_mode or divisor_override)  →  avg_pool(pad(x)) · (elements of the kernel / elements counted)

For a window that extends past the border, Core ML divides by the whole kernel, and PyTorch by the elements inside.
coremltools passes `ceil_mode` on without correcting this, and rejects `divisor_override`; onnx2tf gets both wrong.
Core AI's converter fails on both, and counts padding that PyTorch doesn't. The rewritten form gives the same values
everywhere. The factors are one constant for all windows: onnx2tf loses one of two products in a row.

    adaptive_avg_pool(x, 1)  →  mean(x)

If the pixels of `x` lie beside each other, as behind a permutation, PyTorch writes the pool's strides into the program,
which torch's ONNX exporter turns into a loop that no runtime of TFLite has.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from edge_export.formats.legalize.rule import Rewrite, Rule
from edge_export.formats.legalize.windows import Axis, per_axis


def _decomposition(operator: Any, axes: int, counts_padding: bool = True) -> Rewrite:
    """Returns the rule for one operator. `counts_padding` False: for a converter that always counts it."""

    def pool(
        x: Tensor,
        kernel_size: Sequence[int],
        stride: Sequence[int] = (),
        padding: Sequence[int] = (0,),
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Any:
        right = counts_padding or count_include_pad or not any(padding)
        if not ceil_mode and divisor_override is None and right:
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


_aten = torch.ops.aten
_OPERATORS = {1: _aten.avg_pool1d.default, 2: _aten.avg_pool2d.default, 3: _aten.avg_pool3d.default}
RULE = Rule(
    "average pooling",
    ("coreml", "tflite"),
    {operator: _decomposition(operator, axes) for axes, operator in _OPERATORS.items()},
)
COREAI = Rule(
    "average pooling of Core AI",
    ("coreai",),
    {operator: _decomposition(operator, axes, counts_padding=False) for axes, operator in _OPERATORS.items()},
)
OVER_ALL = Rule("average of all pixels", ("tflite",), {_aten.adaptive_avg_pool2d.default: _over_all})
