"""Convolution that a converter gets wrong or lacks → forms that it has. The first four are of onnx2tf.

along one axis       of a picture one pixel high       its batch is taken for 1; no groups, no dilated transposed one;
                                                       a padding of 1 and 2 before a stride of 2 is put elsewhere
with computed bias   the bias added behind it           the file has another bias
computed weights     products with all windows          no operator, as in trackers, whose weights are features
transposed likewise  the convolution of the input with zeros between its pixels, with the weights turned round
of volumes           likewise   ExecuTorch has no transposed one, coremltools none with output padding
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.fx import Node
from torch.nn import functional as F

from edge_export.formats.legalize.rule import Rule
from edge_export.formats.legalize.windows import per_axis


def _convolution(x: Tensor, weight: Tensor, *options: Any) -> Any:
    groups = options[4] if len(options) > 4 else 1
    if x.dim() < 3 or (x.shape[0] == 1 and groups in (1, x.shape[1])):
        return NotImplemented
    return _of_picture(x, weight, *options)


def _of_picture(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sequence[int] = (1,),
    padding: Sequence[int] | str = (0,),
    dilation: Sequence[int] = (1,),
    groups: int = 1,
) -> Any:
    pads = padding if isinstance(padding, str) else [0, *per_axis(padding, 1)]
    steps, gaps = [1, *per_axis(stride, 1)], [1, *per_axis(dilation, 1)]
    return F.conv2d(x.unsqueeze(-2), weight.unsqueeze(2), bias, steps, pads, gaps, groups).squeeze(-2)


def _transposed(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sequence[int] = (1,),
    padding: Sequence[int] = (0,),
    output_padding: Sequence[int] = (0,),
    groups: int = 1,
    dilation: Sequence[int] = (1,),
) -> Any:
    gap = per_axis(dilation, 1)
    if (x.dim() < 3 or x.shape[0] == 1) and gap == per_axis((1,), 1):
        return NotImplemented
    pads, missing = [0, *per_axis(padding, 1)], [0, *per_axis(output_padding, 1)]
    picture = x.unsqueeze(-2) if x.dim() == 3 else x.unsqueeze(-2)[None]
    y = F.conv_transpose2d(
        picture, weight.unsqueeze(2), bias, [1, *per_axis(stride, 1)], pads, missing, groups, [1, *gap]
    ).squeeze(2)
    return y if x.dim() == 3 else y[0]


def _without_bias(x: Tensor, weight: Tensor, bias: Tensor, *where: Any) -> Any:
    convolve = {3: F.conv1d, 4: F.conv2d, 5: F.conv3d}[weight.dim()]
    return convolve(x, weight, None, *where) + bias.reshape(-1, *[1] * (weight.dim() - 2))


def _by_windows(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sequence[int] = (1,),
    padding: Sequence[int] | str = (0,),
    dilation: Sequence[int] = (1,),
    groups: int = 1,
) -> Any:
    out, each, *kernel = weight.shape
    axes = len(kernel)
    steps, gaps = per_axis(stride, axes), per_axis(dilation, axes)
    reach = [gap * (size - 1) for gap, size in zip(gaps, kernel, strict=True)]
    if isinstance(padding, str):
        margins = [(size // 2, size - size // 2) if padding == "same" else (0, 0) for size in reach]
    else:
        margins = [(pad, pad) for pad in per_axis(padding, axes)]
    whole = x if x.dim() == axes + 2 else x[None]
    if any(map(any, margins)):
        whole = F.pad(whole, [pad for margin in reversed(margins) for pad in margin])
    counts = [(size - far - 1) // step + 1 for size, far, step in zip(whole.shape[2:], reach, steps, strict=True)]
    windows = []
    for taps in itertools.product(*map(range, kernel)):
        picked = whole
        for axis, (tap, gap, step, count) in enumerate(zip(taps, gaps, steps, counts, strict=True), 2):
            begin = tap * gap
            picked = picked[(slice(None),) * axis + (slice(begin, begin + (count - 1) * step + 1, step),)]
        windows.append(picked)
    rows = torch.stack(windows, 2).reshape(len(whole), groups, each * len(windows), math.prod(counts))
    y = (weight.reshape(1, groups, out // groups, -1) @ rows).reshape(len(whole), out, *counts)
    y = y if bias is None else y + bias.reshape(-1, *[1] * axes)
    return y if x.dim() == axes + 2 else y[0]


def _transposed_by_windows(x: Tensor, weight: Tensor, *options: Any) -> Any:
    return _spread(_by_windows, x, weight, *options)


def _transposed_volumes(x: Tensor, weight: Tensor, *options: Any) -> Any:
    return _spread(F.conv3d, x, weight, *options)


def _is_padded(node: Node) -> bool:
    """Whether a convolution with a stride reads a padding, which ends up in it."""
    source: Any = node.args[0]
    strides = node.args[3] if len(node.args) > 3 else 1
    return source.target in (_aten.pad.default, _aten.constant_pad_nd.default) and strides not in (1, [1])


def _has_output_padding(node: Node) -> bool:
    return len(node.args) > 5 and any(node.args[5])  # type: ignore[arg-type]


def _spread(
    convolve: Callable[..., Tensor],
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sequence[int] = (1,),
    padding: Sequence[int] = (0,),
    output_padding: Sequence[int] = (0,),
    groups: int = 1,
    dilation: Sequence[int] = (1,),
) -> Any:
    axes = weight.dim() - 2
    steps, pads, missing, gaps = (per_axis(each, axes) for each in (stride, padding, output_padding, dilation))
    whole = x if x.dim() == axes + 2 else x[None]
    for axis, step in enumerate(steps, 2):
        if step > 1:
            size = whole.shape[axis]
            beside = torch.stack([whole, *[torch.zeros_like(whole)] * (step - 1)], axis + 1)
            shape = [*whole.shape[:axis], size * step, *whole.shape[axis + 1 :]]
            whole = beside.reshape(shape).narrow(axis, 0, (size - 1) * step + 1)
    margins: list[int] = []
    for gap, size, pad, more in zip(gaps, weight.shape[2:], pads, missing, strict=True):
        reach = gap * (size - 1) - pad
        margins = [reach, reach + more, *margins]
    if any(margins):
        whole = F.pad(whole, margins)
    inner, each, *kernel = weight.shape
    turned = weight.flip(*range(2, weight.dim())).reshape(groups, inner // groups, each, *kernel).transpose(1, 2)
    y = convolve(
        whole, turned.reshape(groups * each, inner // groups, *kernel), bias, [1] * axes, [0] * axes, gaps, groups
    )
    return y if x.dim() == axes + 2 else y[0]


def _is_computed(node: Node, place: int, name: str) -> bool:
    given = node.args[place] if len(node.args) > place else node.kwargs.get(name)
    return isinstance(given, Node) and given.op != "get_attr"


_aten = torch.ops.aten
_ANY = tuple(getattr(getattr(_aten, f"conv{n}d"), overload) for n in (1, 2, 3) for overload in ("default", "padding"))
_TRANSPOSED = (_aten.conv_transpose1d.default, _aten.conv_transpose2d.input, _aten.conv_transpose3d.input)
COMPUTED_TRANSPOSED = Rule(
    "computed weights of transposed convolutions",
    ("tflite",),
    dict.fromkeys(_TRANSPOSED, _transposed_by_windows),
    lambda node: _is_computed(node, 1, "weight"),
)
TRANSPOSED_VOLUMES = Rule(
    "transposed convolution of volumes", ("executorch",), {_aten.conv_transpose3d.input: _transposed_volumes}
)
PADDED_VOLUMES = Rule(
    "padded transposed convolution of volumes",
    ("coreml",),
    {_aten.conv_transpose3d.input: _transposed_volumes},
    _has_output_padding,
)
COMPUTED = Rule(
    "computed weights", ("tflite",), dict.fromkeys(_ANY, _by_windows), lambda node: _is_computed(node, 1, "weight")
)
BIAS = Rule(
    "computed bias", ("tflite",), dict.fromkeys(_ANY, _without_bias), lambda node: _is_computed(node, 2, "bias")
)
PADDED = Rule(
    "padded convolution along one axis",
    ("tflite",),
    dict.fromkeys((_aten.conv1d.default, _aten.conv1d.padding), _of_picture),
    _is_padded,
)
RULE = Rule(
    "convolution along one axis",
    ("tflite",),
    {
        _aten.conv1d.default: _convolution,
        _aten.conv1d.padding: _convolution,
        _aten.conv_transpose1d.default: _transposed,
    },
)
