"""Calls of operators on values, such as sorting and powers, and the rule that is for each."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from rules_of_layers import PICTURE, SEQUENCE
from torch.nn import functional as F


def assigned(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = x.sigmoid()
    y[:, 0] = 2
    return y * x


def assigned_a_value(s: Any, x: torch.Tensor) -> torch.Tensor:
    """As rotation matrices are made."""
    y = torch.zeros(1, 4, 4, dtype=x.dtype)
    y[:, 0, 0] = x[:, :1, :1].squeeze()
    y[:, 1, 2] = x.sum()
    y[:, 3, 3] = 1
    return x @ y


def written_where(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = x.sigmoid()
    y[x > 1] = 0.25
    y[:, [0, -2]] = x[:, :2]
    return y


def positive(x: torch.Tensor) -> torch.Tensor:
    return x.mT @ x + 2 * torch.eye(x.shape[-1], dtype=x.dtype)


VALUES: dict[str, tuple[str, tuple[int, ...], Callable[..., Any]]] = {
    # the rule, the shape of x, the function
    "round": ("rounding", SEQUENCE, lambda s, x: torch.round(torch.cat([x * 9, (x * 9).floor() * 0.5]))),
    "to bytes": ("casts to bytes", SEQUENCE, lambda s, x: (x * 9).byte().to(x.dtype)),
    "sort of pictures": ("sorted values", PICTURE, lambda s, x: x.sort(2)[0] + x.median(3, keepdim=True)[0]),
    "to integers": ("casts to integers", SEQUENCE, lambda s, x: x - (x * 3).to(torch.int32).to(x.dtype) / 3),
    "round decimals": ("rounding", SEQUENCE, lambda s, x: torch.round(x * 3, decimals=1)),
    "round to thousands": (
        "rounding to decimals",
        SEQUENCE,
        lambda s, x: torch.round(x * 9999, decimals=-3) + torch.round(x, decimals=2),
    ),
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
    "add": ("scaled sums", SEQUENCE, lambda s, x: torch.add(x, x.abs(), alpha=2)),
    "sub": ("scaled sums", SEQUENCE, lambda s, x: torch.sub(x, x.abs(), alpha=0.3)),
    "rsub": ("scaled sums", SEQUENCE, lambda s, x: torch.rsub(x, 2, alpha=3)),
    "tiny term": ("tiny terms", SEQUENCE, lambda s, x: (torch.relu(x) + 1e-9).log() / (torch.relu(x.sum()) - 1e-8)),
    "bools times": ("bools times a number", SEQUENCE, lambda s, x: ((x > 0) * 255 + (x > 1) * 0.5).to(x.dtype)),
    "reciprocal": ("reciprocals", SEQUENCE, lambda s, x: 1 / (x.abs() + 1e-3)),
    "exp2": ("exp2", SEQUENCE, lambda s, x: torch.exp2(x)),
    "fmod": ("fmod", SEQUENCE, lambda s, x: torch.fmod(x, 0.7)),
    "searchsorted of one": (
        "searched values",
        SEQUENCE,
        lambda s, x: torch.searchsorted(x[0, 0].abs().cumsum(0), x[0, 0, 0] * 2) + x,
    ),
    "unbind_copy": (
        "copies of views",
        SEQUENCE,
        lambda s, x: torch.unbind_copy(x, 1)[2] + torch.narrow_copy(x, 1, 1, 1)[:, 0],
    ),
    "zero_": ("zeros in place", SEQUENCE, lambda s, x: x + torch.exp(x).zero_()),
    "squeeze": ("axes that stay", SEQUENCE, lambda s, x: x.squeeze((1, 2)) * 2),
    "erfc": ("erfc", SEQUENCE, lambda s, x: torch.erfc(x)),
    "dist": ("distance of two tensors", SEQUENCE, lambda s, x: x * torch.dist(x, x.flip(1)) + torch.dist(x, x * 2, 1)),
    "aminmax": (
        "least and most",
        SEQUENCE,
        lambda s, x: torch.stack([*x.aminmax(dim=1)]) + torch.stack([*x.aminmax()]).sum(),
    ),
    "softmax of a type": (
        "casts within softmax",
        SEQUENCE,
        lambda s, x: (
            torch.softmax((x * 3).int(), 1, dtype=x.dtype) + torch.log_softmax((x * 3).int(), 2, dtype=x.dtype)
        ),
    ),
    "tan": ("tan", SEQUENCE, lambda s, x: torch.tan(x)),
    "to": (
        "moves between devices",
        SEQUENCE,
        lambda s, x: torch.ops.aten.to.device(x * 3, "cpu", torch.int32, True, True).to(x.dtype) + x,
    ),
    "trunc": ("trunc", SEQUENCE, lambda s, x: torch.trunc(x * 3)),
    "asinh": ("logarithms near 1", SEQUENCE, lambda s, x: torch.asinh(x * 1e-3)),
    "log1p": ("logarithms near 1", SEQUENCE, lambda s, x: torch.log1p(torch.relu(x) * 1e-6)),
    "clamp": ("small bounds", SEQUENCE, lambda s, x: x.clamp(1e-10, 0.5)),
    "clamp_min": ("small bounds", SEQUENCE, lambda s, x: F.normalize(torch.relu(x) * 1e-12, dim=2)),
    "clamp integers": ("float bounds", SEQUENCE, lambda s, x: x.clamp(-1, 1)),
    "hardtanh": ("float bounds", SEQUENCE, lambda s, x: F.hardtanh(x, 0, 2)),
    "where": ("single values", SEQUENCE, lambda s, x: torch.where(x > 0, x, torch.tensor(0.3, dtype=x.dtype))),
    "masked_fill": ("single values", SEQUENCE, lambda s, x: x.masked_fill(x > 1, torch.tensor(0.2, dtype=x.dtype))),
    "reshape without axes": ("shapes without axes", SEQUENCE, lambda s, x: x[0, 0, :1].exp().reshape(()).unsqueeze(0)),
    "expanded": (
        "expanded values",
        PICTURE,
        lambda s, x: x * x.mean((2, 3), keepdim=True).expand_as(x) + x[:, :1].repeat(1, x.shape[1], 1, 1),
    ),
    "filled": (
        "filled values",
        SEQUENCE,
        lambda s, x: x * torch.full_like(x, 3) + x.new_ones(x.shape) + torch.cat([x[..., 1:], x.new_zeros(1, 5, 1)], 2),
    ),
    "assigned": ("fills", SEQUENCE, assigned),
    "assigned a value": ("fills", SEQUENCE, assigned_a_value),
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
    "every second pixel": (
        "joined slices",
        PICTURE,
        lambda s, x: torch.cat([x[:, :, :6:2, ::2] + x[:, :, 1::2, 1::2], x[:, :, :6:2, 1::2].sigmoid()], 1).flatten(1),
    ),
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
    "zeros_like": (
        "filled values",
        SEQUENCE,
        lambda s, x: torch.zeros_like(x > 0, dtype=x.dtype).masked_fill(x > 0, -9.0) + x,
    ),
    "slice of all": ("composites of Core ML", SEQUENCE, lambda s, x: x[:, : x.shape[1]] * 2),
    "where a number": ("composites of Core ML", SEQUENCE, lambda s, x: torch.where(x > 0, x, -1e9)),
    "bools": ("composites of Core ML", SEQUENCE, lambda s, x: ((x > 0) ^ (x < 0.5) | (x > 1) & (x < 2)).to(x.dtype)),
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
    "cumsum of bools": ("running counts", SEQUENCE, lambda s, x: (x > 0).cumsum(1) * x),
    "sum of bools": ("sums of bools", SEQUENCE, lambda s, x: x.gather(1, (x > 2).sum(1, keepdim=True)) * (x > 0).sum()),
    "cumprod": ("running values", SEQUENCE, lambda s, x: x.cumprod(1)),
    "cummax": ("running values", SEQUENCE, lambda s, x: torch.cat([e.to(x.dtype) for e in x.round().cummax(1)])),
    "cummin": ("running values", SEQUENCE, lambda s, x: torch.cat([e.to(x.dtype) for e in x.cummin(-1)])),
    "logcumsumexp": ("running sums of exponentials", SEQUENCE, lambda s, x: (x * 9).logcumsumexp(1)),
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
        "values reduced or put at places",
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
    "put": ("values reduced or put at places", SEQUENCE, lambda s, x: x.put(torch.tensor([1, -3]), x[0, 0, :2])),
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
    "addmv": (
        "added sums and vectors",
        SEQUENCE,
        lambda s, x: torch.addmv(x[0, :, 1], x[0], x[0, 1], beta=0.5, alpha=2)[None],
    ),
    "addbmm": (
        "added sums and vectors",
        PICTURE,
        lambda s, x: torch.addbmm(x[0, 0, :, :1], x[0], x[0].mT, beta=2, alpha=0.3)[None],
    ),
    "addr": (
        "added sums and vectors",
        SEQUENCE,
        lambda s, x: torch.addr(x[0], x[0, :, 1], x[0, 1], beta=0, alpha=3)[None],
    ),
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
    "count_nonzero": (
        "counts",
        SEQUENCE,
        lambda s, x: x.round().count_nonzero((0, 1)) + x.round().count_nonzero().to(x.dtype)[None],
    ),
    "cdist 1": ("distances", SEQUENCE, lambda s, x: torch.cdist(x, x + 1, p=1.0)),
    "diagonal": ("diagonals", PICTURE, lambda s, x: x.diagonal(1, 2, 3) * x.diagonal(-1, 3, 2)),
    "trace": ("diagonals", SEQUENCE, lambda s, x: x * x[0].trace()),
    "diagonal_scatter": (
        "values scattered on a diagonal",
        PICTURE,
        lambda s, x: x.diagonal_scatter(x[:, :, :5, 0] * 2, 1, 2, 3) + x.diagonal_scatter(x[0, 0, :, :, None], 3, 0, 1),
    ),
    "as_strided": ("strided views", SEQUENCE, lambda s, x: x.as_strided((1, 3, 4), (1, 5, 2), 3)),
    "as_strided of a part": ("strided views", SEQUENCE, lambda s, x: x[:, 1:].as_strided((1, 3, 4), (1, 4, 2))),
    "as_strided_scatter": (
        "values scattered on strided views",
        SEQUENCE,
        lambda s, x: x.as_strided_scatter(x[0, :2, :3], (2, 3), (9, 2), 1),
    ),
    "cholesky": ("small matrices", SEQUENCE, lambda s, x: torch.linalg.cholesky(positive(x))),
    "cholesky_solve": (
        "small matrices",
        SEQUENCE,
        lambda s, x: (
            torch.cholesky_solve(x.mT, positive(x).triu(), upper=True)
            + torch.cholesky_inverse(positive(x)[0].tril()).sum()
        ),
    ),
    "solve_triangular": (
        "small matrices",
        SEQUENCE,
        lambda s, x: (
            torch.linalg.solve_triangular(positive(x), x.mT, upper=True)
            - torch.linalg.solve_triangular(positive(x).tril() / 9, x, upper=False, left=False, unitriangular=True).mT
        ),
    ),
    "solve": (
        "small matrices",
        SEQUENCE,
        lambda s, x: torch.linalg.solve(x[:, :4], x.mT) + torch.linalg.solve(x[:, 1:], x, left=False).mT,
    ),
    "inv": (
        "small matrices",
        SEQUENCE,
        lambda s, x: torch.linalg.inv(x[:, :4]) * torch.linalg.det(x[:, 1:]) - torch.inverse(x[0, 1:]),
    ),
    "logdet": (
        "small matrices",
        SEQUENCE,
        lambda s, x: torch.stack([*torch.linalg.slogdet(x[:, :4]), torch.logdet(positive(x))]),
    ),
    "ldexp": (
        "powers of two",
        SEQUENCE,
        lambda s, x: torch.ldexp(x, (x * 3).round()) + torch.logaddexp2(x * 9, x.flip(1)),
    ),
    "frexp": ("parts of numbers", SEQUENCE, lambda s, x: torch.cat([e.to(x.dtype) for e in (x * 1e-9).exp().frexp()])),
    "frexp of parts": ("parts of numbers", SEQUENCE, lambda s, x: (x * torch.relu(x).round() * 1e-30).frexp()[0]),
    "erfinv": ("erfinv", SEQUENCE, lambda s, x: torch.erfinv(torch.tanh(x))),
    "angle": ("angles of real numbers", SEQUENCE, lambda s, x: x.angle() + x),
    "cdist others": (
        "distances",
        SEQUENCE,
        lambda s, x: (
            torch.cdist(x, x + 1, p=math.inf) + torch.cdist(x, x + 1, p=3.0) + torch.cdist(x, x.round(), p=0.0)
        ),
    ),
    "pdist": ("distances", SEQUENCE, lambda s, x: F.pdist(x[0])[None]),
    "quantile": (
        "quantiles",
        SEQUENCE,
        lambda s, x: torch.cat(
            [
                x.quantile(torch.tensor([0.1, 0.5, 0.9], dtype=x.dtype), 2),
                (x + 1).sqrt().nanquantile(0.7, 1, keepdim=True).expand(3, 1, 4)[..., :1] + x.quantile(0.3),
            ],
            2,
        ),
    ),
}
