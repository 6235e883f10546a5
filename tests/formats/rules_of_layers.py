"""Calls of operators that are layers, such as convolution and pooling, and the rule that is for each."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

PICTURE, SEQUENCE, VOLUME = (1, 4, 7, 6), (1, 5, 4), (1, 4, 5, 6, 7)
ROWS = torch.arange(1.0, 7.0).reshape(6, 1)


def taps(x: torch.Tensor, *shape: int) -> torch.Tensor:
    return torch.linspace(-1, 1, math.prod(shape), dtype=x.dtype).reshape(shape)


LAYERS: dict[str, tuple[str, tuple[int, ...], Callable[..., Any]]] = {
    # the rule, the shape of x, the function
    "avg_pool3d": ("averages of volumes", VOLUME, lambda s, x: F.avg_pool3d(x, (2, 3, 2), (1, 2, 2), 1, True, False)),
    "avg_pool3d divisor": ("averages of volumes", VOLUME, lambda s, x: F.avg_pool3d(x, 2, divisor_override=3)),
    "max_pool3d": (
        "maxima of volumes",
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
    "padded conv1d": (
        "padded convolution along one axis",
        SEQUENCE,
        lambda s, x: F.conv1d(F.pad(x.reshape(1, 4, 5), (1, 2)), taps(x, 2, 4, 4), None, 2),
    ),
    "grouped conv1d": (
        "convolution along one axis",
        SEQUENCE,
        lambda s, x: F.conv1d(x.reshape(1, 4, 5), taps(x, 8, 2, 4), None, 1, 2, 1, 2)[..., :-1],
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
    "blind query by numbers": (
        "attention",
        PICTURE,
        lambda s, x: F.scaled_dot_product_attention(
            x,
            x,
            x,
            (x[:, :1] @ x[:, 1:2].mT).masked_fill(x[:, :1, :, :1].mT <= x[:, 1:2, :, 1:2] + 0.5, -math.inf),
            scale=0.3,
        ),
    ),
    "nearest odd scale": (
        "resize to neighbors by a float scale",
        PICTURE,
        lambda s, x: F.interpolate(x, scale_factor=0.6),
    ),
    "nearest of volumes": ("resize of volumes", VOLUME, lambda s, x: F.interpolate(x, scale_factor=1.5)),
    "trilinear": ("resize of volumes", VOLUME, lambda s, x: F.interpolate(x, (5, 3, 7), mode="trilinear")),
    "constant rows": (
        "constants along other axes than the channels",
        (1, 4, 6, 6),
        lambda s, x: s.d(s.d(x) * ROWS) - ROWS.reshape(6),
    ),
    "relu": ("relu between products", SEQUENCE, lambda s, x: torch.relu(x * 2) * 3),
    "safe softmax": (
        "softmax of nothing",
        SEQUENCE,
        lambda s, x: torch.ops.aten._safe_softmax(x.masked_fill(x[:, :, :1] > 0, -math.inf), -1) + x * 0.1,
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
    "max_pool3d dilated": ("dilated max pooling", VOLUME, lambda s, x: F.max_pool3d(x, 2, (1, 2, 2), 1, (2, 1, 3))),
    "adaptive_max_pool3d": ("adaptive max pooling", VOLUME, lambda s, x: F.adaptive_max_pool3d(x, (2, 4, 3))),
    "pools without a batch": (
        "pooling without a batch",
        PICTURE,
        lambda s, x: (
            F.max_pool2d(x[0], 2, 1)
            + F.avg_pool2d(x[0], (2, 3), 1, (0, 1))[..., 1:]
            + F.adaptive_avg_pool2d(x[0], (6, 5))
        )[None],
    ),
    "rows without a batch": (
        "pooling without a batch",
        SEQUENCE,
        lambda s, x: (F.max_pool1d(x[0], 2) + F.avg_pool1d(x[0], 3, 2, 1))[None],
    ),
    "places of adaptive maxima": (
        "places of adaptive maxima",
        PICTURE,
        lambda s, x: torch.cat([e.to(x.dtype) for e in F.adaptive_max_pool2d(x, (3, 4), return_indices=True)]),
    ),
    "places of maxima": (
        "places of pooled maxima",
        PICTURE,
        lambda s, x: sum(e.to(x.dtype) for e in F.max_pool2d(x.round(), 3, 2, 1, ceil_mode=True, return_indices=True)),
    ),
    "places of maxima of volumes": (
        "places of maxima of volumes",
        VOLUME,
        lambda s, x: torch.cat([e.to(x.dtype) for e in F.max_pool3d(x, 2, padding=1, return_indices=True)]),
    ),
    "unpooled": (
        "maxima in their places",
        SEQUENCE,
        lambda s, x: F.max_unpool1d(*F.max_pool1d(x, 2, return_indices=True), 2),
    ),
    "unpooled volumes": (
        "maxima in their places",
        VOLUME,
        lambda s, x: F.max_unpool3d(*F.max_pool3d(x, 2, return_indices=True), 2, output_size=(5, 6, 7)),
    ),
    "replicate, cut": ("negative padding that repeats", PICTURE, lambda s, x: F.pad(x, (-1, 2, 0, -2), "replicate")),
    "instance_norm beside": (
        "statistics of the input beside running ones",
        PICTURE,
        lambda s, x: F.instance_norm(x, s.n.running_mean, s.n.running_var, x[0, :, 0, 0], None, True),
    ),
    "conv3d same": (
        "convolution of volumes",
        VOLUME,
        lambda s, x: F.conv3d(x, taps(x, 2, 4, 2, 3, 2), None, 1, "same", (2, 1, 1)),
    ),
    "embedding_bag": (
        "bags of embeddings",
        SEQUENCE,
        lambda s, x: torch.cat(
            [
                F.embedding_bag(x[0, :, :].abs().long(), taps(x, 9, 3), mode=mode, padding_idx=padding)
                for mode, padding in (("sum", None), ("mean", 0), ("max", 1))
            ]
        ),
    ),
    "embedding_bag with offsets": (
        "bags of embeddings",
        SEQUENCE,
        lambda s, x: F.embedding_bag(
            x.reshape(-1).abs().long(),
            taps(x, 9, 3),
            (x[0, :, 0].abs() * 0).cumsum(0).long() + torch.tensor([0, 3, 3, 9, 20]),
            mode="sum",
            per_sample_weights=x.reshape(-1),
            include_last_offset=True,
        ),
    ),
    "bilinear": (
        "bilinear layers",
        SEQUENCE,
        lambda s, x: F.bilinear(x, x[..., :3].contiguous(), taps(x, 2, 4, 3), taps(x, 2)),
    ),
    "replicate, cut to nothing": (
        "negative padding that repeats",
        PICTURE,
        lambda s, x: F.pad(x, (-7, 3, 2, -1), "replicate"),
    ),
    "rrelu": ("leaky slopes by chance", SEQUENCE, lambda s, x: F.rrelu(x)),
    "adaptive_avg_pool3d": ("adaptive averages of volumes", VOLUME, lambda s, x: F.adaptive_avg_pool3d(x, (2, 6, 3))),
    "conv_transpose3d": (
        "transposed convolution of volumes",
        VOLUME,
        lambda s, x: F.conv_transpose3d(x, taps(x, 4, 3, 3, 2, 3), taps(x, 6), (2, 1, 2), 1, 0, 2, (1, 2, 1)),
    ),
    "conv_transpose3d padded": (
        "padded transposed convolution of volumes",
        VOLUME,
        lambda s, x: F.conv_transpose3d(x, taps(x, 4, 2, 2, 3, 2), None, 2, 1, (1, 0, 1)),
    ),
    "std of all": (
        "spreads of all values",
        SEQUENCE,
        lambda s, x: x * x.std() + x.var(correction=2) + x.var(None, True, keepdim=True) + x.std(unbiased=False),
    ),
    "std_mean": (
        "spreads with their means",
        SEQUENCE,
        lambda s, x: (
            torch.cat([*torch.std_mean(x, 1), *torch.var_mean(x, (1,), correction=0)])
            + torch.stack(torch.var_mean(x)).sum()
        ),
    ),
}
