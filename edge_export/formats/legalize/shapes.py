"""Changes of shape that a converter lacks or gets wrong → slices, reshapes and picked rows.

flip                 index_select of the reversed places       a slice of step −1 has no operator in LiteRT
x.unfold             index_select of all windows               coremltools and Core AI do not take it
fold                 transposed convolution with 0 and 1       refused by coremltools, Core AI and ExecuTorch
amax over all axes   the largest of one row                     torch's ONNX exporter fails on it
max along an axis    amax, then squeeze                        ExecuTorch's XNNPACK pass refuses one less axis
pixel_unshuffle      slices, one beside the other               onnx2tf leaves an operator that LiteRT lacks
split, chunk         a slice for each part                      the same, if parts have different sizes
roll                 of axes counted from the first             torch's ONNX exporter fails on others
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from edge_export.formats.legalize.rule import Rule


def _windows(x: Tensor, axis: int, size: int, step: int) -> Tensor:
    axis %= x.dim()
    count = (x.shape[axis] - size) // step + 1
    places = torch.arange(count).unsqueeze(1) * step + torch.arange(size)
    picked = x.index_select(axis, places.reshape(-1))
    return picked.reshape(*x.shape[:axis], count, size, *x.shape[axis + 1 :]).movedim(axis + 1, -1)


def _largest(x: Tensor, dim: int, keepdim: bool = False) -> Any:
    values = torch.amax(x, dim, keepdim=True)
    return values if keepdim else values.squeeze(dim), None


def _over_all(operator: Any) -> Any:
    def over_all(x: Tensor, dim: Sequence[int] = (), keepdim: bool = False) -> Any:
        if len(dim):
            return NotImplemented
        return operator(x.reshape(1, -1), [1]).reshape([1] * x.dim() if keepdim else [])

    return over_all


def _fold(
    x: Tensor,
    output_size: Sequence[int],
    kernel_size: Sequence[int],
    dilation: Sequence[int],
    padding: Sequence[int],
    stride: Sequence[int],
) -> Any:
    """Sums the pixels of all patches `(batch, channels × kernel, patches)` where they lie in the picture."""
    (rows, columns), (high, wide) = kernel_size, output_size
    high, wide = high + 2 * padding[0], wide + 2 * padding[1]
    down = (high - dilation[0] * (rows - 1) - 1) // stride[0] + 1
    right = (wide - dilation[1] * (columns - 1) - 1) // stride[1] + 1
    batch, channels = x.shape[0], x.shape[1] // (rows * columns)
    patches = x.reshape(batch, channels * rows * columns, down, right)
    eye = torch.eye(channels, dtype=x.dtype)
    taps = torch.eye(rows * columns, dtype=x.dtype).reshape(rows * columns, 1, rows, columns)
    weight = (eye[:, None, :, None, None] * taps[None, :, 0, None]).reshape(-1, channels, rows, columns)
    whole = torch.nn.functional.conv_transpose2d(patches, weight, None, list(stride), 0, 0, 1, list(dilation))
    missing = (high - whole.shape[2], wide - whole.shape[3])
    if any(missing):
        whole = torch.nn.functional.pad(whole, (0, missing[1], 0, missing[0]))
    return whole[:, :, padding[0] : high - padding[0], padding[1] : wide - padding[1]]


def _flip(x: Tensor, dims: Sequence[int]) -> Any:
    for axis in dims:
        x = x.index_select(axis, torch.arange(x.shape[axis] - 1, -1, -1))
    return x


def _pixel_unshuffle(x: Tensor, factor: int) -> Any:
    *outer, channels, height, width = x.shape
    whole = x.reshape(-1, channels, 1, height, width)
    pixels = [whole[..., row::factor, column::factor] for row in range(factor) for column in range(factor)]
    return torch.cat(pixels, 2).reshape(*outer, channels * factor**2, height // factor, width // factor)


def _split(x: Tensor, size: int, dim: int = 0) -> Any:
    whole, rest = divmod(x.shape[dim], size)
    return _parts(x, [size] * whole + [rest] * bool(rest), dim)


def _chunk(x: Tensor, chunks: int, dim: int = 0) -> Any:
    return _split(x, -(-x.shape[dim] // chunks), dim)


def _parts(x: Tensor, sizes: Sequence[int], dim: int = 0) -> Any:
    if len(set(sizes)) < 2:
        return NotImplemented
    return tuple(x.narrow(dim, sum(sizes[:index]), size) for index, size in enumerate(sizes))


def _roll(x: Tensor, shifts: Sequence[int], dims: Sequence[int] = ()) -> Any:
    return (
        torch.roll(x, shifts, [axis % x.dim() for axis in dims]) if any(axis < 0 for axis in dims) else NotImplemented
    )


_aten = torch.ops.aten
RULE = Rule(
    "shapes",
    ("tflite",),
    {
        _aten.flip.default: _flip,
        _aten.pixel_unshuffle.default: _pixel_unshuffle,
        _aten.roll.default: _roll,
    },
)
WINDOWS = Rule("windows", ("coreml", "coreai"), {_aten.unfold.default: _windows})
FOLD = Rule("fold", ("executorch", "coreml", "coreai"), {_aten.col2im.default: _fold})
LARGEST = Rule("largest along an axis", ("executorch",), {_aten.max.dim: _largest})
SPLITS = Rule(
    "parts of different sizes",
    ("tflite",),
    {
        **dict.fromkeys((_aten.split.Tensor, _aten.unsafe_split.Tensor), _split),
        **dict.fromkeys((_aten.chunk.default, _aten.unsafe_chunk.default), _chunk),
        **dict.fromkeys(
            (_aten.split.sizes, _aten.split_with_sizes.default, _aten.unsafe_split_with_sizes.default), _parts
        ),
    },
)
OVER_ALL = Rule(
    "extremes over all axes",
    ("tflite",),
    {operator: _over_all(operator) for operator in (_aten.amax.default, _aten.amin.default)},
)
