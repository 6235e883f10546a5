"""The rules for single operators: the same mathematics in float64, for every format that a rule is for."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import batched
from pathlib import Path
from typing import Any

import pytest
import torch
from legalized import Function, file_snr, math_error, seeded
from torch import nn
from torch.nn import functional as F

from edge_export.baking.export import export_program
from edge_export.formats import FORMATS
from edge_export.formats.legalize.program import legalized, notes
from edge_export.formats.legalize.rules import RULES

PICTURE, SEQUENCE, VOLUME = (1, 4, 7, 6), (1, 5, 4), (1, 4, 5, 6, 7)
ROWS = torch.arange(1.0, 7.0).reshape(6, 1)


def taps(x: torch.Tensor, *shape: int) -> torch.Tensor:
    return torch.linspace(-1, 1, math.prod(shape), dtype=x.dtype).reshape(shape)


def assigned(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = x.sigmoid()
    y[:, 0] = 2
    return y * x


def written_where(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = x.sigmoid()
    y[x > 1] = 0.25
    y[:, [0, -2]] = x[:, :2]
    return y


CASES: dict[str, tuple[str, tuple[int, ...], Callable[..., Any]]] = {
    # the rule, the shape of x, the function
    "avg_pool3d": ("pooling of volumes", VOLUME, lambda s, x: F.avg_pool3d(x, (2, 3, 2), (1, 2, 2), 1, True, False)),
    "avg_pool3d divisor": ("pooling of volumes", VOLUME, lambda s, x: F.avg_pool3d(x, 2, divisor_override=3)),
    "max_pool3d": (
        "pooling of volumes",
        VOLUME,
        lambda s, x: F.max_pool3d(x, (2, 3, 2), (1, 2, 1), 1, (2, 1, 1), True),
    ),
    "conv3d": ("convolution of volumes", VOLUME, lambda s, x: s.c(x)),
    "conv1d": (
        "convolution along one axis",
        PICTURE,
        lambda s, x: F.conv1d(F.conv1d(x[0], taps(x, 2, 7, 3), None, 1, 1), taps(x, 4, 1, 2), None, 1, "same", 1, 2)[
            None
        ],
    ),
    "conv_transpose1d": (
        "convolution along one axis",
        PICTURE,
        lambda s, x: F.conv_transpose1d(x[0], taps(x, 7, 2, 3), None, 2, 1, 1)[None],
    ),
    "conv_transpose1d dilated": (
        "convolution along one axis",
        SEQUENCE,
        lambda s, x: F.conv_transpose1d(x, taps(x, 5, 2, 3), taps(x, 2), 1, 0, 0, 1, 2),
    ),
    "computed bias": (
        "computed bias",
        PICTURE,
        lambda s, x: F.conv2d(x, taps(x, 6, 2, 3, 3), x[0, :, 0, :2].reshape(-1)[:6], 2, 1, 1, 2),
    ),
    "computed weights": (
        "computed weights",
        PICTURE,
        lambda s, x: F.conv2d(x, x[:, :, :3, :2].reshape(4, 1, 3, 2), x[0, :, 0, 0], (2, 1), (1, 0), (1, 2), 4),
    ),
    "computed weights of rows": (
        "computed weights",
        SEQUENCE,
        lambda s, x: F.conv1d(x, x[:, :, :2].expand(3, 5, 2), padding="same"),
    ),
    "max_pool2d stride": ("pooling without a stride", PICTURE, lambda s, x: F.max_pool2d(x, 2)),
    "max_pool1d stride": ("pooling without a stride", SEQUENCE, lambda s, x: F.max_pool1d(x, 2)),
    "max_pool2d dilated": ("dilated max pooling", PICTURE, lambda s, x: F.max_pool2d(x, 3, 2, 1, 2)),
    "max_pool2d dilated ceil": ("dilated max pooling", PICTURE, lambda s, x: F.max_pool2d(x, 2, 2, 0, (1, 2), True)),
    "max_pool1d dilated": ("dilated max pooling", SEQUENCE, lambda s, x: F.max_pool1d(x - 9, 2, 1, 1, 2)),
    "adaptive_max_pool2d": ("adaptive max pooling", PICTURE, lambda s, x: F.adaptive_max_pool2d(x, (5, 3))),
    "adaptive_max_pool1d": ("adaptive max pooling", SEQUENCE, lambda s, x: F.adaptive_max_pool1d(x, 3)),
    "circular": ("circular padding", PICTURE, lambda s, x: F.pad(x, (1, 2, 0, 3), mode="circular")),
    "circular, cut": ("circular padding", PICTURE, lambda s, x: F.pad(x, (-1, 2, 1, -2), mode="circular")),
    "negative": ("negative padding", PICTURE, lambda s, x: F.pad(x, (-1, 2, 0, -2), value=0.5)),
    "exact down": ("exact resize", PICTURE, lambda s, x: F.interpolate(x, (5, 4), mode="nearest-exact")),
    "exact scale": ("exact resize", SEQUENCE, lambda s, x: F.interpolate(x, scale_factor=1.7, mode="nearest-exact")),
    "nearest down": ("resize to nearest neighbors", PICTURE, lambda s, x: F.interpolate(x, (5, 9))),
    "nearest scale": ("resize to nearest neighbors", SEQUENCE, lambda s, x: F.interpolate(x, scale_factor=2.3)),
    "rounded up": ("average pooling", PICTURE, lambda s, x: F.avg_pool2d(x, (2, 4), ceil_mode=True)),
    "rounded up on a phone": ("average pooling of Core ML", PICTURE, lambda s, x: F.avg_pool2d(x, 2, ceil_mode=True)),
    "padded": ("average pooling of Core ML", PICTURE, lambda s, x: F.avg_pool2d(x, 5, 4, 2)),
    "padded 1": (
        "average pooling of Core ML",
        SEQUENCE,
        lambda s, x: F.avg_pool1d(x, 4, 2, 2, count_include_pad=False),
    ),
    "reflected volume": (
        "mirrored padding of volumes",
        VOLUME,
        lambda s, x: F.pad(x, (5, 1, 0, 2, 3, 4), mode="reflect"),
    ),
    "repeated volume": ("mirrored padding of volumes", VOLUME, lambda s, x: nn.ReplicationPad3d((9, 1, 0, 2, 3, 1))(x)),
    "round": ("rounding", SEQUENCE, lambda s, x: torch.round(torch.cat([x * 9, (x * 9).floor() * 0.5]))),
    "to integers": ("casts to integers", SEQUENCE, lambda s, x: x - (x * 3).to(torch.int32).to(x.dtype) / 3),
    "round decimals": ("rounding", SEQUENCE, lambda s, x: torch.round(x * 3, decimals=1)),
    "round tens": ("rounding", SEQUENCE, lambda s, x: torch.round(x * 99, decimals=-1)),
    "remainder 1": ("floored division", SEQUENCE, lambda s, x: (x * 3) % 1),
    "remainder": ("floored division", SEQUENCE, lambda s, x: torch.remainder(x * 9, -x.roll(1, 2))),
    "floor_divide": ("floored division", SEQUENCE, lambda s, x: (x * 9) // 1 + torch.floor_divide(x, x.roll(1, 2))),
    "div floor": ("floored division", SEQUENCE, lambda s, x: torch.div(x * 9, -0.7, rounding_mode="floor")),
    "pow": ("powers", SEQUENCE, lambda s, x: x**2 + x**3 * x.abs() ** 0.5 + (x + 9) ** -7 + (x + 9) ** -0.5),
    "pow of integers": ("powers", SEQUENCE, lambda s, x: x + ((x * 9).int() ** 3).to(x.dtype)),
    "pow of a number": ("powers", SEQUENCE, lambda s, x: 2**x + 0.3 ** (x * 4)),
    "argmax": ("places", SEQUENCE, lambda s, x: torch.stack([x.round().argmax(1), x.round().argmin(1)]).to(x.dtype)),
    "argmax of all": ("places", SEQUENCE, lambda s, x: (x * 9).round().argmax(keepdim=True).to(x.dtype)),
    "max and place": (
        "places",
        SEQUENCE,
        lambda s, x: torch.cat([e.to(x.dtype) for e in (*x.round().max(2), *x.round().min(2))]),
    ),
    "rsqrt": ("reciprocals", SEQUENCE, lambda s, x: torch.rsqrt(x * x * 1e-12)),
    "softplus 1": ("activations", SEQUENCE, lambda s, x: F.softplus(x * 30)),
    "mish": ("activations", SEQUENCE, lambda s, x: F.mish(x * 9)),
    "not counted": (
        "average pooling of Core AI",
        PICTURE,
        lambda s, x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
    ),
    "pixels beside each other": (
        "average of all pixels",
        PICTURE,
        lambda s, x: F.adaptive_avg_pool2d(s.d(x.reshape(1, 7, 6, 4).permute(0, 3, 1, 2)), 1),
    ),
    "bicubic": ("bicubic resize", PICTURE, lambda s, x: F.interpolate(x, (9, 11), mode="bicubic", align_corners=True)),
    "bicubic scale": ("bicubic resize", PICTURE, lambda s, x: F.interpolate(x, scale_factor=1.7, mode="bicubic")),
    "antialias": (
        "antialiased resize",
        PICTURE,
        lambda s, x: F.interpolate(x, (3, 4), mode="bilinear", antialias=True),
    ),
    "odd scale": (
        "resize by a float scale",
        PICTURE,
        lambda s, x: F.interpolate(x, scale_factor=(1.3, 2.2), mode="bilinear"),
    ),
    "odd scale 1": (
        "resize by a float scale",
        SEQUENCE,
        lambda s, x: F.interpolate(x, scale_factor=1.3, mode="linear"),
    ),
    "one pixel": (
        "resize to one pixel",
        PICTURE,
        lambda s, x: F.interpolate(x, (1, 4), mode="bilinear", align_corners=True),
    ),
    "grid_sample": (
        "sampled at a grid",
        PICTURE,
        lambda s, x: F.grid_sample(x, x[:, :2].permute(0, 2, 3, 1) * 0.7, align_corners=False),
    ),
    "grid_sample mirrored": (
        "sampled beyond a mirrored border",
        PICTURE,
        lambda s, x: F.grid_sample(x, x[:, :2].permute(0, 2, 3, 1) * 2, padding_mode="reflection", align_corners=False),
    ),
    "affine_grid": (
        "affine grids",
        PICTURE,
        lambda s, x: F.affine_grid(x.reshape(-1, 2, 3)[:1], [1, 4, 5, 6], align_corners=False),
    ),
    "rms_norm": ("normalization", SEQUENCE, lambda s, x: F.rms_norm(x, (4,), torch.ones(4, dtype=x.dtype) * 3)),
    "instance_norm": ("normalization", PICTURE, lambda s, x: s.n(x)),
    "long sums": (
        "long sums",
        SEQUENCE,
        lambda s, x: torch.stack(
            [(y := x.repeat(1, 30, 30).square()).sum(), y.mean(), y.std(), y.norm(), y.var(2).sum()]
        ),
    ),
    "long sums of axes": ("long sums", SEQUENCE, lambda s, x: x.square().repeat(3, 2, 900)[..., 1:].mean((0, 2))[None]),
    "group_norm": (
        "long sums",
        SEQUENCE,
        lambda s, x: F.group_norm(x.repeat(1, 30, 100), 5, x[0, :, :1].repeat(30, 1)[:, 0]),
    ),
    "long instance_norm": ("long sums", SEQUENCE, lambda s, x: F.instance_norm(x.repeat(1, 1, 2100).square())[..., :9]),
    "gelu": ("tanh GELU", SEQUENCE, lambda s, x: F.gelu(x, approximate="tanh")),
    "prelu": (
        "PReLU",
        SEQUENCE,
        lambda s, x: F.prelu(F.prelu(x, torch.ones(5).to(x) / 5)[:, 0], torch.ones(1).to(x) / 2),
    ),
    "elu": ("ELU", SEQUENCE, lambda s, x: F.elu(x, 0.3)),
    "elu 1": ("ELU of Core AI", SEQUENCE, lambda s, x: F.elu(x)),
    "selu": ("ELU of Core AI", SEQUENCE, lambda s, x: F.selu(x)),
    "elu scaled": ("ELU", SEQUENCE, lambda s, x: torch.ops.aten.elu(x, 1.2, 1.1, 0.7)),
    "softplus": ("activations", SEQUENCE, lambda s, x: F.softplus(x * 3, beta=3, threshold=2)),
    "celu": ("activations", SEQUENCE, lambda s, x: F.celu(x, 0.3)),
    "logsigmoid": ("activations", SEQUENCE, lambda s, x: F.logsigmoid(x * 30)),
    "hardshrink": ("activations", SEQUENCE, lambda s, x: F.hardshrink(x, 0.3)),
    "add": ("scaled sums", SEQUENCE, lambda s, x: torch.add(x, x.abs(), alpha=2)),
    "sub": ("scaled sums", SEQUENCE, lambda s, x: torch.sub(x, x.abs(), alpha=0.3)),
    "rsub": ("scaled sums", SEQUENCE, lambda s, x: torch.rsub(x, 2, alpha=3)),
    "reciprocal": ("reciprocals", SEQUENCE, lambda s, x: 1 / (x.abs() + 1e-3)),
    "exp2": ("exp2", SEQUENCE, lambda s, x: torch.exp2(x)),
    "fmod": ("fmod", SEQUENCE, lambda s, x: torch.fmod(x, 0.7)),
    "trunc": ("trunc", SEQUENCE, lambda s, x: torch.trunc(x * 3)),
    "asinh": ("logarithms near 1", SEQUENCE, lambda s, x: torch.asinh(x * 1e-3)),
    "log1p": ("logarithms near 1", SEQUENCE, lambda s, x: torch.log1p(torch.relu(x) * 1e-6)),
    "clamp": ("small bounds", SEQUENCE, lambda s, x: x.clamp(1e-10, 0.5)),
    "clamp_min": ("small bounds", SEQUENCE, lambda s, x: F.normalize(torch.relu(x) * 1e-12, dim=2)),
    "clamp integers": ("float bounds", SEQUENCE, lambda s, x: x.clamp(-1, 1)),
    "hardtanh": ("float bounds", SEQUENCE, lambda s, x: F.hardtanh(x, 0, 2)),
    "where": ("single values", SEQUENCE, lambda s, x: torch.where(x > 0, x, torch.tensor(0.3, dtype=x.dtype))),
    "masked_fill": ("single values", SEQUENCE, lambda s, x: x.masked_fill(x > 1, torch.tensor(0.2, dtype=x.dtype))),
    "assigned": ("single values", SEQUENCE, assigned),
    "flip": ("shapes", PICTURE, lambda s, x: x.flip(1, -1)),
    "pixel_unshuffle": ("shapes", (1, 3, 6, 4), lambda s, x: F.pixel_unshuffle(x, 2)),
    "unfold": ("windows", SEQUENCE, lambda s, x: x.unfold(1, 3, 2)),
    "fold": (
        "fold",
        PICTURE,
        lambda s, x: F.fold(F.unfold(x, (3, 2), padding=1, stride=2), (7, 6), (3, 2), padding=1, stride=2),
    ),
    "split": ("parts of different sizes", PICTURE, lambda s, x: torch.cat(x.split(4, 2)[::-1], 2)),
    "split sizes": ("parts of different sizes", PICTURE, lambda s, x: x.split((2, 4), -1)[1]),
    "chunk": ("parts of different sizes", PICTURE, lambda s, x: torch.cat(x.chunk(3, 2)[::-1], 2)),
    "unsafe_split": ("parts of different sizes", PICTURE, lambda s, x: torch.unsafe_split(x, 5, 2)[1]),
    "amax": ("extremes over all axes", SEQUENCE, lambda s, x: (x - x.amax()) / x.amin(keepdim=True)),
    "max": ("largest along an axis", SEQUENCE, lambda s, x: x.max(1)[0]),
    "lerp": ("composites of Core ML", SEQUENCE, lambda s, x: torch.lerp(torch.lerp(x, x.abs(), 0.3), x * 2, 0.7)),
    "addcdiv": ("composites of Core ML", SEQUENCE, lambda s, x: torch.addcdiv(x, x, x.abs() + 1, value=0.5)),
    "rot90": ("composites of Core ML", PICTURE, lambda s, x: x.rot90(1, (2, 3))),
    "cosine": ("products along an axis", SEQUENCE, lambda s, x: F.cosine_similarity(x, x.abs(), dim=2)),
    "take_along_dim": (
        "products along an axis",
        SEQUENCE,
        lambda s, x: torch.take_along_dim(x, torch.tensor([[[2], [0]]]), 1),
    ),
    "cdist": ("distances", SEQUENCE, lambda s, x: torch.cdist(x, x + 1)),
    "atan2": ("atan2", SEQUENCE, lambda s, x: torch.atan2(x, x.roll(1, 2).round())),
    "grouped attention": (
        "attention",
        PICTURE,
        lambda s, x: F.scaled_dot_product_attention(x, x[:, :2], x[:, 2:], is_causal=True, enable_gqa=True),
    ),
    "blind query": (
        "attention",
        PICTURE,
        lambda s, x: F.scaled_dot_product_attention(x, x, x, x[:, :1, :, :1].transpose(2, 3) > x[:, 1:2, :, 1:2] + 0.5),
    ),
    "zeros_like": (
        "composites of Core ML",
        SEQUENCE,
        lambda s, x: torch.zeros_like(x > 0, dtype=x.dtype).masked_fill(x > 0, -9.0) + x,
    ),
    "slice of all": ("composites of Core ML", SEQUENCE, lambda s, x: x[:, : x.shape[1]] * 2),
    "where a number": ("composites of Core ML", SEQUENCE, lambda s, x: torch.where(x > 0, x, -1e9)),
    "bools": ("composites of Core ML", SEQUENCE, lambda s, x: ((x > 0) ^ (x < 0.5) | (x > 1) & (x < 2)).to(x.dtype)),
    "nearest odd scale": (
        "resize to neighbors by a float scale",
        PICTURE,
        lambda s, x: F.interpolate(x, scale_factor=0.6),
    ),
    "nearest of volumes": ("resize of volumes", VOLUME, lambda s, x: F.interpolate(x, scale_factor=1.5)),
    "trilinear": ("resize of volumes", VOLUME, lambda s, x: F.interpolate(x, (5, 3, 7), mode="trilinear")),
    "roll": ("shapes", SEQUENCE, lambda s, x: x.roll(1, -1)),
    "sort": ("sorted values", SEQUENCE, lambda s, x: torch.cat([e.to(x.dtype) for e in (x * 2).round().sort(1)])),
    "argsort": ("sorted values", SEQUENCE, lambda s, x: x.argsort(-1, descending=True).to(x.dtype)),
    "msort": ("sorted values", SEQUENCE, lambda s, x: x[0].msort()),
    "stable": (
        "values sorted in a stable order",
        SEQUENCE,
        lambda s, x: torch.cat([e.to(x.dtype) for e in x.round().sort(stable=True, descending=True)]),
    ),
    "median": ("order statistics", SEQUENCE, lambda s, x: torch.cat([e.to(x.dtype) for e in x.median(2)])),
    "median of all": ("order statistics", SEQUENCE, lambda s, x: x.median().reshape(1)),
    "nanmedian": ("order statistics without NaN", SEQUENCE, lambda s, x: (x + 1).sqrt().nanmedian(1)[0]),
    "kthvalue": ("order statistics", SEQUENCE, lambda s, x: torch.cat([e.to(x.dtype) for e in x.kthvalue(2, 1)])),
    "bucketize": (
        "searched values",
        SEQUENCE,
        lambda s, x: torch.bucketize(x, torch.tensor([-1, 0.2, 0.8], dtype=x.dtype), right=True).to(x.dtype),
    ),
    "searchsorted": (
        "searched values",
        SEQUENCE,
        lambda s, x: torch.searchsorted(x.abs().cumsum(-1), x[..., :3] * 2).to(x.dtype),
    ),
    "cumprod": ("running values", SEQUENCE, lambda s, x: x.cumprod(1)),
    "cummax": ("running values", SEQUENCE, lambda s, x: torch.cat([e.to(x.dtype) for e in x.round().cummax(1)])),
    "cummin": ("running values", SEQUENCE, lambda s, x: torch.cat([e.to(x.dtype) for e in x.cummin(-1)])),
    "logcumsumexp": ("running sums of exponentials", SEQUENCE, lambda s, x: (x * 9).logcumsumexp(1)),
    "constant rows": (
        "constants along other axes than the channels",
        (1, 4, 6, 6),
        lambda s, x: s.d(s.d(x) * ROWS) - ROWS.reshape(6),
    ),
    "relu": ("relu between products", SEQUENCE, lambda s, x: torch.relu(x * 2) * 3),
    "acosh": ("logarithms near 1", SEQUENCE, lambda s, x: torch.acosh(1 + x.abs())),
    "prod": ("products of all", SEQUENCE, lambda s, x: x.prod(1, keepdim=True) + x.prod(-1)[..., None] * x.prod()),
    "index_put": (
        "scattered values",
        SEQUENCE,
        lambda s, x: (
            x.index_put((torch.tensor([0]), torch.tensor([-1, 2])), x[0, 0, :1])
            * x.index_put((torch.tensor([0, 0]), torch.tensor([1, 1])), x[0, 1:3], accumulate=True)
        ),
    ),
    "assigned where": ("scattered values", SEQUENCE, written_where),
    "scatter_reduce": (
        "scattered values",
        SEQUENCE,
        lambda s, x: torch.cat(
            [
                x.scatter_reduce(1, x[:, :3].abs().long() % 5, x * 2, how, include_self=own)
                for how, own in (("prod", True), ("mean", False), ("amax", True), ("amin", False))
            ]
        ),
    ),
    "index_fill": ("scattered values", SEQUENCE, lambda s, x: x.index_fill(1, torch.tensor([0, -2]), 7)),
    "masked_scatter": ("scattered values", SEQUENCE, lambda s, x: x.masked_scatter(x > 0, x.flip(1))),
    "put": ("scattered values", SEQUENCE, lambda s, x: x.put(torch.tensor([1, -3]), x[0, 0, :2])),
    "index_add": (
        "values scattered along an axis",
        SEQUENCE,
        lambda s, x: x.index_add(1, torch.tensor([0, 3, 0]), x[:, 1:4], alpha=2),
    ),
    "index_copy": (
        "values scattered along an axis",
        SEQUENCE,
        lambda s, x: x.index_copy(-1, torch.tensor([3, 1]), x[..., :2]),
    ),
    "scatter_add": (
        "values scattered by comparisons",
        SEQUENCE,
        lambda s, x: x.scatter_add(1, x[:, :3].abs().long() % 5, x) + x.index_add(2, torch.tensor([3, 3]), x[..., :2]),
    ),
    "scatter": (
        "values scattered by comparisons",
        SEQUENCE,
        lambda s, x: x.scatter(2, (x * 9).abs().long() % 4, x + 9) + x.scatter(1, x[:, :2, :2].abs().long() % 5, 3.0),
    ),
    "addmv": ("added products", SEQUENCE, lambda s, x: torch.addmv(x[0, :, 1], x[0], x[0, 1], beta=0.5, alpha=2)[None]),
    "addbmm": (
        "added products",
        PICTURE,
        lambda s, x: torch.addbmm(x[0, 0, :, :1], x[0], x[0].transpose(1, 2), beta=2, alpha=0.3)[None],
    ),
    "addr": ("added products", SEQUENCE, lambda s, x: torch.addr(x[0], x[0, :, 1], x[0, 1], beta=0, alpha=3)[None]),
    "addmm": ("added products", SEQUENCE, lambda s, x: torch.addmm(x[0, :, :1], x[0], x[0, :4], alpha=0.5)[None]),
    "isinf": (
        "infinities",
        SEQUENCE,
        lambda s, x: (
            x
            + torch.isinf(1 / x.round())
            + torch.isfinite(1 / x.relu()).to(x.dtype) * 2
            - (-1 / x.relu()).isneginf().to(x.dtype)
        ),
    ),
    "copysign": (
        "signs",
        SEQUENCE,
        lambda s, x: x.copysign(-0.0) + torch.copysign(x, x.roll(1, 2)) + x.flip(1).signbit().to(x.dtype),
    ),
    "fmax": (
        "larger values without NaN",
        SEQUENCE,
        lambda s, x: torch.fmax(x.relu() / x.relu(), x) - torch.fmin(x, x.relu() / x.relu()),
    ),
    "hypot": ("lengths", SEQUENCE, lambda s, x: torch.hypot(x.relu(), x.roll(1, 2)) + torch.hypot(x * 0, x * 0)),
    "clamp tensors": (
        "bounds that are tensors",
        SEQUENCE,
        lambda s, x: x.clamp(x.roll(1, 2), x[:, :1]) + x.clamp_min(x.flip(1)) + x.clamp(max=x[..., :1]),
    ),
    "safe softmax": (
        "softmax of nothing",
        SEQUENCE,
        lambda s, x: torch.ops.aten._safe_softmax(x.masked_fill(x[:, :, :1] > 0, -math.inf), -1) + x * 0.1,
    ),
    "count_nonzero": (
        "counts",
        SEQUENCE,
        lambda s, x: x.round().count_nonzero((0, 1)) + x.round().count_nonzero().to(x.dtype)[None],
    ),
    "dropout": ("dropout", PICTURE, lambda s, x: F.feature_alpha_dropout(x, training=False) * F.alpha_dropout(x)),
    "computed transposed": (
        "computed weights of transposed convolutions",
        PICTURE,
        lambda s, x: F.conv_transpose2d(
            x, x[0, :, :3, :4].reshape(4, 2, 3, 2), None, (2, 1), (1, 0), (1, 0), 2, (1, 2)
        ),
    ),
    "computed transposed of rows": (
        "computed weights of transposed convolutions",
        SEQUENCE,
        lambda s, x: F.conv_transpose1d(x[:1], x[0, :, :3].reshape(5, 1, 3), x[0, 0, :1], 3, 3),
    ),
    "attention of rows": (
        "attention of other axes",
        SEQUENCE,
        lambda s, x: F.scaled_dot_product_attention(x, x, x.flip(1), x @ x.transpose(1, 2)),
    ),
    "own statistics": (
        "statistics of the input itself",
        PICTURE,
        lambda s, x: F.batch_norm(x, None, None, x[0, :, 0, 0], x[0, :, 1, 0], training=True),
    ),
    "cdist 1": ("distances", SEQUENCE, lambda s, x: torch.cdist(x, x + 1, p=1.0)),
}
MOST_OUTPUTS = 64
"""Of one file."""


def network(function: Callable[..., Any]) -> Function:
    torch.manual_seed(0)
    norm = nn.InstanceNorm2d(4, affine=True, track_running_stats=True)
    nn.init.uniform_(norm.running_mean)  # type: ignore[arg-type]
    conv = nn.Conv3d(4, 6, (3, 2, 3), (2, 1, 1), 1, groups=2, dilation=(1, 2, 1))
    return Function(function, c=conv, n=norm, d=nn.Conv2d(4, 4, 1))


def formats_of(case: str) -> tuple[str, ...]:
    return next(rule.formats for rule in RULES if rule.name == CASES[case][0])


@pytest.mark.parametrize("case", CASES)
def test_it_is_the_same_mathematics(case: str) -> None:
    _, shape, function = CASES[case]
    for format_name in formats_of(case):
        assert math_error(network(function), seeded(*shape), format_name) < 1e-12


def test_every_rule_has_a_case_and_known_formats() -> None:
    names = [rule.name for rule in RULES]
    assert len(names) == len(set(names))
    assert {"recurrent"} | {name for name, _, _ in CASES.values()} == set(names)
    assert {each for rule in RULES for each in rule.formats} <= FORMATS.keys()


@pytest.mark.slow
@pytest.mark.parametrize("format_name", sorted({each for rule in RULES for each in rule.formats}))
def test_the_file_is_right(format_name: str, tmp_path: Path) -> None:
    """Files of all cases of a format: each part of their input as a picture, sequence or volume."""
    for cases in batched([case for case in CASES if format_name in formats_of(case)], MOST_OUTPUTS):

        def everything(layers: Any, x: torch.Tensor, cases: tuple[str, ...] = cases) -> tuple[torch.Tensor, ...]:
            parts = [x[:, : math.prod(CASES[case][1])].reshape(CASES[case][1]) for case in cases]
            return tuple(CASES[case][2](layers, part) for case, part in zip(cases, parts, strict=True))

        snr_db = file_snr(network(everything), seeded(1, math.prod(VOLUME)), format_name, tmp_path)
        assert {case: snr for case, snr in zip(cases, snr_db, strict=True) if not snr > 100} == {}


def test_what_no_rule_matches_stays_the_same_program() -> None:
    plain = nn.Sequential(nn.Conv2d(4, 8, 3, padding=1), nn.ReLU6(), nn.MaxPool2d(2), nn.AvgPool2d(2), nn.GELU())
    program = export_program(plain.eval(), (torch.zeros(1, 4, 8, 8),))
    for format_name in FORMATS:
        assert legalized(program, format_name) == (program, ())


@pytest.mark.parametrize("format_name", ["executorch", "coreml", "tflite"])
def test_nan_is_the_largest_value(format_name: str) -> None:
    def statistics(s: Any, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        y = torch.log(x)
        return (
            *y.sort(stable=True),
            *y.sort(descending=True, stable=True),
            *y.median(2),
            y.nanmedian(1)[0],
            *y.cummax(2),
        )

    x = seeded(*SEQUENCE)
    network = Function(statistics)
    program, _ = legalized(export_program(network, (x,)), format_name)
    for expected, actual in zip(network(x), program.module()(x), strict=True):
        assert torch.equal(expected.nan_to_num(99.0), actual.nan_to_num(99.0))


def test_too_many_values_to_order_are_refused_and_told() -> None:
    program = export_program(Function(lambda s, x: x.sort(-1)[0]), (seeded(1, 3000),))
    same, outcomes = legalized(program, "executorch")
    assert same is program
    assert "9,000,000 comparisons are more than 4,194,304" in notes(outcomes)[0]


def test_a_folded_constant_keeps_its_name_in_later_rounds() -> None:
    """Constants that are dropped between rounds leave gaps in the numbers of those that stay."""

    def many(s: Any, x: torch.Tensor) -> torch.Tensor:
        first = torch.bucketize(x, torch.tensor([-1.0, 0.2, 0.8], dtype=x.dtype)).to(x.dtype)
        y = x.median(2)[0] + x.kthvalue(2, 2)[0] + x.cummax(2)[0][..., 0]
        return y + first.sum(2) + torch.relu(x * 2).sort(stable=True)[0][..., 1] * 3

    assert math_error(Function(many), seeded(*SEQUENCE), "tflite") < 1e-12


def test_indices_that_are_read_are_refused_and_told() -> None:
    program = export_program(Function(lambda s, x: x.max(1)[1]), (seeded(*SEQUENCE),))
    same, outcomes = legalized(program, "executorch")
    assert same is program
    assert notes(outcomes) == ("max is left as it is: the network reads a result of it that has no other form",)


def test_numbers_of_64_bits_inside_become_32() -> None:
    window = torch.hann_window(4, dtype=torch.float64)

    def inside(s: Any, x: torch.Tensor) -> torch.Tensor:
        return ((x.double() * window).sum(1, dtype=torch.float64) - x.mean()).to(torch.float32)

    x, network = seeded(*SEQUENCE), Function(inside)
    program, outcomes = legalized(export_program(network, (x,)), "tflite")
    assert {outcome.operator for outcome in outcomes} >= {"to", "sum"}
    assert torch.float64 not in {getattr(node.meta.get("val"), "dtype", None) for node in program.graph.nodes}
    assert torch.allclose(network(x), program.module()(x), atol=1e-5)


def test_what_is_written_in_place_is_rewritten_too() -> None:
    program = export_program(Function(lambda s, x: x.sigmoid().add_(x, alpha=2)), (seeded(*SEQUENCE),))
    assert notes(legalized(program, "coreml")[1]) == ("written with other operators: add",)


def test_what_was_rewritten_is_told() -> None:
    program = export_program(Function(lambda s, x: F.celu(F.celu(x)).clamp(-1, 1)), (seeded(*SEQUENCE),))
    assert notes(legalized(program, "coreml")[1]) == ("written with other operators: celu ×2, clamp",)


def test_a_users_constants_and_assignments_stay_right() -> None:
    def assigns(layers: Any, x: torch.Tensor) -> torch.Tensor:
        y = F.adaptive_max_pool1d(x * torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=x.dtype), 3)
        y[:, 1] = 0
        return y.flip(1) + torch.tensor(2.0, dtype=x.dtype)

    assert math_error(Function(assigns), seeded(*SEQUENCE), "tflite") < 1e-12
