"""Operators that move, select, generate and resize values; compressed weights; control flow."""

from __future__ import annotations

from typing import Any

import coremltools as ct
import numpy as np
import torch
from coremltools.converters.mil import Builder as mb
from coremltools.converters.mil.mil import types
from mil_cases import Case, integers, positive, weight
from torch.nn import functional as F

X = (2, 3, 4)
IMAGE = (2, 4, 3, 5)


def simple(name: str, expected: Any, inputs: Any = (X,), **options: Any) -> Case:
    """Returns a case of an operator with one tensor `x` and fixed options."""
    return Case(name, lambda t, x: getattr(mb, name)(x=x, **options), expected, inputs)


def tensor(array: Any) -> torch.Tensor:
    return torch.from_numpy(np.asarray(array))


def grid(name: str, *sizes: int, mode: str, expected: Any) -> Case:
    build = {
        "resize_bilinear": lambda t, x: mb.resize_bilinear(
            x=x, target_size_height=sizes[0], target_size_width=sizes[1], sampling_mode=mode
        ),
        "resize": lambda t, x: mb.resize(x=x, shape=list(sizes), resized_dims=np.uint32(2), sampling_mode=mode),
    }[name]
    return Case(name, build, expected, ((1, 2, 4, 6),))


def interpolate(x: torch.Tensor, size: tuple[int, int], corners: bool, mode: str = "bilinear") -> torch.Tensor:
    return F.interpolate(x, size, mode=mode, align_corners=corners if mode == "bilinear" else None)


def at(*points: float) -> Any:
    """Interpolates the last axis linearly at these points."""

    def expected(x: torch.Tensor) -> torch.Tensor:
        grid = torch.tensor(points)
        low = grid.floor().long()
        share = grid - low
        return x[..., low] * (1 - share) + x[..., (low + 1).clamp(max=x.shape[-1] - 1)] * share

    return expected


def one_row(name: str, size: int, mode: str, *points: float) -> Case:
    """Returns the points that Core ML's documentation gives for each sampling mode."""
    return Case(
        name,
        lambda t, x: mb.resize_bilinear(x=x, target_size_height=1, target_size_width=size, sampling_mode=mode),
        at(*points),
        ((1, 1, 2),),
    )


def sample(mode: str, padding: str, corners: bool, torch_padding: str) -> Case:
    points = weight(2, 6, 7, 2) * 2.5

    def build(t: Any, x: Any) -> Any:
        return mb.resample(
            x=x,
            coordinates=points,
            sampling_mode=mode,
            padding_mode=padding,
            padding_value=t(0),
            coordinates_mode="normalized_minus_one_to_one",
            align_corners=corners,
        )

    def expected(x: torch.Tensor) -> torch.Tensor:
        return F.grid_sample(x, tensor(points), mode, torch_padding, corners)

    return Case("resample", build, expected, (IMAGE,))


def affine_grid(x: torch.Tensor) -> torch.Tensor:
    theta = tensor(AFFINE).reshape(2, 2, 3)
    return F.grid_sample(x, F.affine_grid(theta, (2, 4, 6, 7), align_corners=True), align_corners=True)


def scattered(mode: str, axis: int = 1) -> Case:
    where = np.array([2, 0, 2], np.int32)
    reduce = {"add": "sum", "mul": "prod", "max": "amax", "min": "amin"}

    def expected(x: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
        index = tensor(where).long()[None, :, None].expand(2, 3, 4)
        if mode == "sub":
            return x.scatter_reduce(axis, index, -u, "sum")
        if mode == "div":
            return x.scatter_reduce(axis, index, 1 / u, "prod")
        return x.scatter_reduce(axis, index, u, reduce[mode])

    return Case(
        "scatter",
        lambda t, x, u: mb.scatter(data=x, indices=where, updates=u, axis=axis, mode=mode),
        expected,
        (positive(2, 5, 4), positive(2, 3, 4, seed=1)),
    )


def put(x: torch.Tensor, u: torch.Tensor, *where: Any, add: bool = False) -> torch.Tensor:
    return x.index_put(tuple(torch.as_tensor(w) for w in where), u, accumulate=add)


def batched_gather(x: torch.Tensor) -> torch.Tensor:
    return torch.stack([row[:, tensor(index).long()] for row, index in zip(x, BATCHED, strict=True)])


def cumsum(x: torch.Tensor, exclusive: bool, reverse: bool) -> torch.Tensor:
    x = x.flip(1) if reverse else x
    result = x.cumsum(1) - (x if exclusive else 0)
    return result.flip(1) if reverse else result


def blocks_of(x: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    """Computes TensorFlow's space_to_batch, channels first."""
    parts = [x[..., r::rows, c::columns] for r in range(rows) for c in range(columns)]
    return torch.cat(parts)


def build_while(t: Any, x: Any) -> Any:
    """Builds a loop that doubles x until its sum is large. The number of iterations depends on the input."""
    rounds, y = mb.while_loop(
        _cond=lambda i, y: mb.less(x=mb.reduce_sum(x=mb.abs(x=y), keep_dims=False), y=t(500)),
        _body=lambda i, y: (mb.add(x=i, y=1), mb.mul(x=y, y=t(2))),
        loop_vars=(mb.fill(shape=[1], value=np.int32(0)), x),
    )
    return rounds, y


def expected_while(x: torch.Tensor) -> Any:
    rounds = 0
    while x.abs().sum() < 500:
        rounds, x = rounds + 1, x * 2
    return torch.tensor([rounds]), x


def build_cond(t: Any, x: Any) -> Any:
    positive = mb.greater(x=mb.reduce_sum(x=x, keep_dims=False), y=t(0))
    return mb.cond(pred=positive, _true_fn=lambda: mb.exp(x=x), _false_fn=lambda: mb.sub(x=x, y=t(1)))


def expected_cond(x: torch.Tensor) -> torch.Tensor:
    return x.exp() if x.sum() > 0 else x - 1


def constexpr(
    name: str, expected: np.ndarray, opset: Any = ct.target.iOS17, precisions: Any = ("fp32",), **given: Any
) -> Case:
    """Returns a case that adds a compressed weight to an input of its shape, so that the program has an input."""

    def build(t: Any, x: Any) -> Any:
        return mb.add(x=x, y=getattr(mb, name)(**{k: v(t) if callable(v) else v for k, v in given.items()}))

    return Case(name, build, lambda x: x + tensor(expected), (expected.shape,), opset, precisions)


def packed(values: np.ndarray, bits: int) -> np.ndarray:
    rows = np.unpackbits(values.astype(np.uint8).reshape(-1, 1), axis=1, bitorder="little")[:, :bits]
    return np.packbits(rows.reshape(-1), bitorder="little")


def small(array: np.ndarray, kind: str) -> np.ndarray:
    """Returns the values as a type of less than a byte."""
    return array.astype(types.nptype_from_builtin(types.string_to_builtin(kind)))


AFFINE = np.array([[1.25, 0.25, 0.125, -0.5, 0.75, 0.25], [0.5, 0, 0, 0, 0.5, 0.5]], np.float32)
BATCHED = integers(2, 6, low=0, high=4)
ALONG = integers(2, 5, 4, low=0, high=3)
PLACES = np.array([[1, 2], [0, 1], [1, 0]], np.int32)
BYTES = integers(6, 4, low=0, high=256).astype(np.uint8)
SIGNED = integers(6, 4, low=-128, high=128, seed=1).astype(np.int8)
NIBBLES = integers(6, 4, low=-8, high=8, seed=2)
SCALE, ROW_SCALE = positive(6, 2), positive(6)
OFFSET = integers(6, 2, low=-4, high=5).astype(np.int8)
LUT = weight(16, seed=3)
SIXES = integers(7, 5, low=0, high=64, seed=4)
INDICES = integers(6, 4, low=0, high=4, seed=5)
GROUPS = weight(2, 1, 4, 1, seed=6)
VECTORS = weight(1, 1, 4, 3, seed=7)
MASK = integers(5, 7, low=0, high=2, seed=8)
KEPT = weight(int(MASK.sum()), seed=9)
DENSE = np.zeros((5, 7), np.float32)
DENSE[MASK != 0] = KEPT
KEPT_NIBBLES = integers(int(MASK.sum()), low=0, high=4, seed=10)
TIES = np.array([[1, 3, 3, -2, 1, 3], [0, 0, 5, 5, -1, 2]], np.float32)


def spread(array: np.ndarray, *repeats: int) -> np.ndarray:
    for axis, count in enumerate(repeats):
        array = np.repeat(array, count, axis)
    return array


def dense_of(values: np.ndarray) -> np.ndarray:
    dense = np.zeros((5, 7), np.float32)
    dense[MASK != 0] = values
    return dense


def sparse(outputs: Any) -> Any:
    """Returns a case of a sparse operator, whose result another operator makes dense."""

    def build(t: Any, x: Any) -> Any:
        mask, values = outputs(t)
        return mb.add(x=x, y=mb.constexpr_sparse_to_dense(nonzero_data=values, mask=mask))

    return build


CASES = [
    Case("const", lambda t, x: mb.add(x=x, y=mb.const(val=t(weight(3, 5)))), lambda x: x + tensor(weight(3, 5))),
    Case("const", lambda t, x: mb.add(x=x, y=mb.const(val=t(weight(2, 3, 5)))), lambda x: x + tensor(weight(2, 3, 5)),
         ((2, 3, 5),)),
    Case("while_loop", build_while, expected_while),
    Case("cond", build_cond, expected_cond),
    Case("cond", build_cond, expected_cond, (-positive(2, 3),)),
    simple("reshape", lambda x: x.reshape(4, 6), shape=[-1, 6]),
    simple("reshape", lambda x: x.reshape(1, 2, 3, 4), shape=[1, -1, 0, 0]),
    Case("reshape_like", lambda t, x, y: mb.reshape_like(x=x, ref_tensors=(y, y), begins=(0, 1), ends=(1, 0),
                                                         end_masks=(False, True)),
         lambda x, y: x.reshape(4, 3, 2), (X, (4, 3, 2))),
    simple("transpose", lambda x: x.permute(2, 0, 1), perm=[2, 0, -2]),
    simple("squeeze", lambda x: x.squeeze(0).squeeze(-1), ((1, 3, 1, 1),), axes=[0, -1]),
    simple("squeeze", lambda x: x.squeeze(), ((1, 3, 1, 2),)),
    simple("expand_dims", lambda x: x[:, None, :, :, None], axes=[1, -1]),
    simple("flatten2d", lambda x: x.reshape(6, 4), axis=-1),
    Case("concat", lambda t, x, y: mb.concat(values=(x, y), axis=-2), lambda x, y: torch.cat((x, y), -2),
         (X, (2, 5, 4))),
    Case("concat", lambda t, x, y: mb.concat(values=(x, y), axis=1, interleave=True),
         lambda x, y: torch.stack((x, y), 2).reshape(2, 6, 4), (X, X)),
    Case("concat", lambda t, x: mb.concat(values=(x,), axis=0), lambda x: x),
    Case("stack", lambda t, x, y: mb.stack(values=(x, y), axis=-1), lambda x, y: torch.stack((x, y), -1), (X, X)),
    simple("split", lambda x: x.split([1, 4, 2], 1), ((2, 7, 3),), split_sizes=[1, 4, 2], axis=1),
    simple("split", lambda x: x.chunk(3, -1), ((2, 6),), num_splits=3, axis=-1),
    simple("tile", lambda x: x.tile(2, 1, 3), reps=[2, 1, 3]),
    simple("reverse", lambda x: x.flip(0, 2), axes=[0, -1]),
    simple("reverse", lambda x: x.flip(0, 1, 2)),
    simple("reverse_sequence", lambda x: torch.stack([x[0].flip(0), torch.cat((x[1, :2].flip(0), x[1, 2:]))]),
           ((2, 3, 4),), lengths=[3, 2], seq_axis=1, batch_axis=0),
    Case("pad", lambda t, x: mb.pad(x=x, pad=[1, 2, 3, 0], mode="constant", constant_val=t(-1.5)),
         lambda x: F.pad(x, (3, 0, 1, 2), value=-1.5)),
    simple("pad", lambda x: F.pad(x, (2, 1, 1, 2), mode="reflect"), (IMAGE,), pad=[1, 2, 2, 1], mode="reflect"),
    simple("pad", lambda x: F.pad(x, (3, 1, 1, 2), mode="replicate"), (IMAGE,), pad=[1, 2, 3, 1], mode="replicate"),
    simple("sliding_windows", lambda x: x.unfold(1, 3, 2).movedim(-1, 2), ((2, 8, 3),), axis=1, size=3, stride=2),
    simple("depth_to_space", lambda x: F.pixel_shuffle(x.reshape(2, 4, 2, 3, 5).transpose(1, 2).reshape(
        2, 8, 3, 5), 2), ((2, 8, 3, 5),), block_size=2),
    simple("space_to_depth", lambda x: torch.cat([x[..., r::2, c::2] for r in range(2) for c in range(2)], 1),
           ((2, 3, 4, 6),), block_size=2),
    simple("pixel_shuffle", lambda x: F.pixel_shuffle(x, 2), ((2, 8, 3, 5),), upscale_factor=2),
    simple("pixel_unshuffle", lambda x: F.pixel_unshuffle(x, 3), ((2, 2, 6, 3),), downscale_factor=np.uint32(3)),
    simple("space_to_batch", lambda x: blocks_of(F.pad(x, (0, 1, 1, 2)), 2, 3), (IMAGE,), block_shape=[2, 3],
           paddings=[[1, 2], [0, 1]]),
    simple("batch_to_space",
           lambda x: F.pixel_shuffle(x.reshape(4, 2, 3, 5).permute(1, 0, 2, 3), 2)[:, :, 1:, :-2].reshape(2, 1, 5, 8),
           ((8, 1, 3, 5),), block_shape=[2, 2], crops=[[1, 0], [0, 2]]),
    simple("crop", lambda x: x[..., 1:, 2:-1], (IMAGE,), crop_height=[1, 0], crop_width=[2, 1]),
    simple("band_part", lambda x: x.tril(2).triu(-1), ((2, 5, 6),), lower=1, upper=2),
    simple("band_part", lambda x: x.triu(0), ((5, 4),), lower=0, upper=-1),
    simple("slice_by_index", lambda x: x[1:2, :, 1:4:2], ((3, 3, 6),), begin=[1, 0, -5], end=[2, 0, 4],
           stride=[1, 1, 2], begin_mask=[False, True, False], end_mask=[False, True, False]),
    simple("slice_by_index", lambda x: x[-1, :, 0], ((3, 3, 6),), begin=[-1, 0, 0], end=[0, 3, 0],
           squeeze_mask=[True, False, True]),
    simple("slice_by_index", lambda x: x.flip(2)[:, 1:, ::2], ((3, 3, 6),), begin=[0, 1, 0], end=[3, 3, 0],
           stride=[1, 1, -2], begin_mask=[False, False, True], end_mask=[False, False, True]),
    simple("slice_by_size", lambda x: x[1:2, :, 2:], ((3, 3, 6),), begin=[1, 0, 2], size=[1, 3, -1]),
    Case("slice_update", lambda t, x, u: mb.slice_update(x=x, update=u, begin=[0, 1, 0], end=[2, 3, 4],
                                                         stride=[1, 1, 2]),
         lambda x, u: torch.cat((x[:, :1], torch.stack((u[..., 0], x[:, 1:, 1], u[..., 1], x[:, 1:, 3]), -1)), 1),
         (X, (2, 2, 2)), ct.target.iOS18),
    simple("gather", lambda x: x[:, [2, 0, 2]], indices=[2, 0, 2], axis=1),
    simple("gather", lambda x: x[..., tensor(PLACES).long()], indices=PLACES, axis=-1),
    simple("gather", batched_gather, ((2, 3, 4),), indices=BATCHED, axis=2, batch_dims=1),
    simple("gather_along_axis", lambda x: x.gather(1, tensor(ALONG).long()), indices=ALONG, axis=1),
    simple("gather_nd", lambda x: x[[1, 0, 1], [2, 1, 0]], indices=PLACES),
    simple("gather_nd", lambda x: torch.stack([x[0][[1, 0, 1], [2, 1, 0]], x[1][[0, 0, 2], [3, 1, 0]]]), ((2, 3, 4),),
           indices=np.stack([PLACES, np.array([[0, 3], [0, 1], [2, 0]], np.int32)]), batch_dims=1),
    *map(scattered, ("add", "sub", "mul", "div", "max", "min")),
    Case("scatter", lambda t, x, u: mb.scatter(data=x, indices=[2, 0], updates=u, axis=-1, mode="update"),
         lambda x, u: x.index_copy(2, torch.tensor([2, 0]), u), (X, (2, 3, 2))),
    Case("scatter_along_axis",
         lambda t, x, u: mb.scatter_along_axis(data=x, indices=ALONG, updates=u, axis=1, mode="add"),
         lambda x, u: x.scatter_add(1, tensor(ALONG).long(), u), (X, (2, 5, 4))),
    Case("scatter_nd", lambda t, x, u: mb.scatter_nd(data=x, indices=PLACES, updates=u, mode="update"),
         lambda x, u: put(x, u, [1, 0, 1], [2, 1, 0]), (X, (3, 4))),
    Case("scatter_nd", lambda t, x, u: mb.scatter_nd(data=x, indices=[[1], [1]], updates=u, mode="add"),
         lambda x, u: put(x, u, [1, 1], add=True), (X, (2, 3, 4))),
    Case("fill", lambda t, x: mb.add(x=x, y=mb.fill(shape=mb.shape(x=x), value=t(1.5))), lambda x: x + 1.5),
    Case("fill_like", lambda t, x: mb.fill_like(ref_tensor=x, value=t(-2.5)), lambda x: torch.full_like(x, -2.5)),
    Case("range_1d", lambda t, x: mb.range_1d(start=mb.squeeze(x=x), end=np.int32(11), step=np.int32(3)),
         lambda x: torch.arange(2, 11, 3), (np.array([2], np.int32),)),
    Case("shape", lambda t, x: mb.shape(x=mb.exp(x=x)), lambda x: torch.tensor(x.shape)),
    Case("one_hot", lambda t, x: mb.one_hot(indices=x, one_hot_vector_size=4, axis=1, on_value=t(1.5), off_value=t(-1)),
         lambda x: F.one_hot(x.long(), 4).movedim(-1, 1) * 2.5 - 1.0, (integers(2, 3, low=0, high=4),)),
    Case("one_hot", lambda t, x: mb.one_hot(indices=x, one_hot_vector_size=3), lambda x: F.one_hot(x.long(), 3),
         (np.array([0, 2], np.int32),)),
    *(simple("cumsum", lambda x, e=e, r=r: cumsum(x, e, r), ((2, 5, 3),), axis=1, exclusive=e, reverse=r)
      for e in (False, True) for r in (False, True)),
    Case("argsort", lambda t, x: mb.argsort(x=x, axis=1), lambda x: x.sort(dim=1, descending=True, stable=True)[1]),
    Case("argsort", lambda t, x: mb.argsort(x=x, axis=-1, ascending=True), lambda x: x.sort(dim=-1, stable=True)[1],
         (TIES,)),
    Case("topk", lambda t, x: mb.topk(x=x, k=2, axis=1), lambda x: x.topk(2, 1)),
    Case("topk", lambda t, x: mb.topk(x=x, k=3, axis=-1, ascending=True, return_indices=False),
         lambda x: x.sort(-1)[0][:, :3], (TIES,)),
    Case("non_zero", lambda t, x: mb.non_zero(x=x), lambda x: x.nonzero(), (integers(3, 4, low=0, high=2),)),
    simple("upsample_nearest_neighbor", lambda x: F.interpolate(x, scale_factor=(2, 3)), (IMAGE,),
           scale_factor_height=2, scale_factor_width=3),
    simple("upsample_nearest_neighbor", lambda x: F.interpolate(x, (4, 8)), (IMAGE,),
           scale_factor_height=np.float32(1.5), scale_factor_width=np.float32(1.6)),
    simple("resize_nearest_neighbor", lambda x: F.interpolate(x, (7, 4)), (IMAGE,), target_size_height=7,
           target_size_width=4),
    simple("upsample_bilinear", lambda x: interpolate(x, (6, 15), True), (IMAGE,), scale_factor_height=2,
           scale_factor_width=3, align_corners=True),
    simple("upsample_bilinear", lambda x: interpolate(x, (4, 8), False), (IMAGE,), scale_factor_height=np.float32(1.5),
           scale_factor_width=np.float32(1.6), align_corners=False),
    grid("resize_bilinear", 7, 4, mode="STRICT_ALIGN_CORNERS", expected=lambda x: interpolate(x, (7, 4), True)),
    grid("resize_bilinear", 3, 9, mode="UNALIGN_CORNERS", expected=lambda x: interpolate(x, (3, 9), False)),
    one_row("resize_bilinear", 5, "STRICT_ALIGN_CORNERS", 0, 0.25, 0.5, 0.75, 1),
    one_row("resize_bilinear", 1, "STRICT_ALIGN_CORNERS", 0),
    one_row("resize_bilinear", 1, "ALIGN_CORNERS", 0.5),
    one_row("resize_bilinear", 5, "DEFAULT", 0, 0.4, 0.8, 1, 1),
    one_row("resize_bilinear", 6, "OFFSET_CORNERS", 1 / 12, 3 / 12, 5 / 12, 7 / 12, 9 / 12, 11 / 12),
    one_row("resize_bilinear", 6, "UNALIGN_CORNERS", 0, 0, 1 / 3, 2 / 3, 1, 1),
    grid("resize", 7, 4, mode="ALIGN_CORNERS", expected=lambda x: interpolate(x, (7, 4), True)),
    grid("resize", 0, 9, mode="UNALIGN_CORNERS", expected=lambda x: interpolate(x, (4, 9), False)),
    Case("resize", lambda t, x: mb.resize(x=x, shape=[1, 3, 2], resized_dims=np.uint32(2), sampling_mode="DEFAULT",
                                          interpolation_mode="NEAREST_NEIGHBOR"),
         lambda x: x[..., [0, 1, 1], :][..., [0, 0]], ((1, 1, 2, 1),)),
    *(sample(mode, padding, corners, torch_padding)
      for mode, padding, corners, torch_padding in (
          ("bilinear", "constant", True, "zeros"), ("bilinear", "constant", False, "zeros"),
          ("nearest", "constant", False, "zeros"), ("bilinear", "border", True, "border"),
          ("bilinear", "reflection", True, "reflection"), ("bilinear", "symmetric", False, "reflection"))),
    Case("affine",
         lambda t, x: mb.affine(x=x, transform_matrix=t(AFFINE), output_height=6, output_width=7,
                                sampling_mode="bilinear", padding_mode="constant", padding_value=t(0),
                                coordinates_mode="normalized_minus_one_to_one", align_corners=True),
         affine_grid, (IMAGE,)),
    constexpr("constexpr_affine_dequantize", ROW_SCALE[:, None] * (BYTES.astype(np.float32) - 130),
              quantized_data=BYTES, zero_point=np.full(6, 130, np.uint8), scale=lambda t: t(ROW_SCALE), axis=0,
              precisions=("fp32", "fp16")),
    constexpr("constexpr_affine_dequantize", np.float32(0.25) * SIGNED, quantized_data=SIGNED, zero_point=np.int8(0),
              scale=lambda t: t(0.25), axis=1, precisions=("fp32", "fp16")),
    constexpr("constexpr_blockwise_shift_scale",
              spread(SCALE, 1, 2) * (SIGNED - spread(OFFSET.astype(np.float32), 1, 2)), ct.target.iOS18,
              data=SIGNED, scale=lambda t: t(SCALE), offset=OFFSET, precisions=("fp32", "fp16")),
    constexpr("constexpr_blockwise_shift_scale", spread(SCALE, 1, 2) * NIBBLES, ct.target.iOS18,
              data=small(NIBBLES, "int4"), scale=lambda t: t(SCALE), precisions=("fp32", "fp16")),
    constexpr("constexpr_lut_to_dense", LUT[NIBBLES + 8], indices=packed(NIBBLES + 8, 4), lut=lambda t: t(LUT),
              shape=np.array([6, 4], np.uint32), precisions=("fp32", "fp16")),
    constexpr("constexpr_lut_to_dense", weight(64)[SIXES], indices=packed(SIXES, 6), lut=lambda t: t(weight(64)),
              shape=np.array([7, 5], np.uint32)),
    constexpr("constexpr_lut_to_dense", np.concatenate([GROUPS[0, 0, INDICES[:3], 0], GROUPS[1, 0, INDICES[3:], 0]]),
              ct.target.iOS18, indices=small(INDICES, "uint2"), lut=lambda t: t(GROUPS), precisions=("fp32", "fp16")),
    constexpr("constexpr_lut_to_dense", VECTORS[0, 0, INDICES].transpose(0, 2, 1).reshape(18, 4), ct.target.iOS18,
              indices=small(INDICES, "uint2"), lut=lambda t: t(VECTORS), vector_axis=np.int32(0)),
    constexpr("constexpr_lut_to_dense", VECTORS[0, 0, INDICES].reshape(6, 12), ct.target.iOS18,
              indices=small(INDICES, "uint2"), lut=lambda t: t(VECTORS), vector_axis=np.int32(-1)),
    constexpr("constexpr_lut_to_dense", weight(1, 1, 64, 1)[0, 0, SIXES, 0], ct.target.iOS18,
              indices=small(SIXES, "uint6"), lut=lambda t: t(weight(1, 1, 64, 1))),
    constexpr("constexpr_sparse_to_dense", DENSE, nonzero_data=lambda t: t(KEPT), mask=packed(MASK, 1),
              shape=np.array([5, 7], np.uint32), precisions=("fp32", "fp16")),
    constexpr("constexpr_sparse_to_dense", DENSE, ct.target.iOS18, nonzero_data=lambda t: t(KEPT),
              mask=small(MASK, "uint1"), precisions=("fp32", "fp16")),
    Case("constexpr_lut_to_sparse",
         sparse(lambda t: mb.constexpr_lut_to_sparse(indices_mask=small(MASK, "uint1"),
                                                         indices_nonzero_data=small(KEPT_NIBBLES, "uint2"),
                                                         lut=t(weight(1, 1, 4, 1)))),
         lambda x: x + tensor(dense_of(weight(1, 1, 4, 1)[0, 0, KEPT_NIBBLES, 0])), ((5, 7),), ct.target.iOS18),
    Case("constexpr_sparse_blockwise_shift_scale",
         sparse(lambda t: mb.constexpr_sparse_blockwise_shift_scale(data_mask=small(MASK, "uint1"),
                                                                        nonzero_data=KEPT_NIBBLES.astype(np.int8),
                                                                        scale=t(positive(5, 1)))),
         lambda x: x + tensor(dense_of(KEPT_NIBBLES) * positive(5, 1)), ((5, 7),), ct.target.iOS18),
    Case("constexpr_cast",
         lambda t, x: mb.add(x=x, y=mb.constexpr_cast(source_val=np.float16(weight(3, 4)), output_dtype="fp32")),
         lambda x: x + tensor(weight(3, 4)).half().float(), (X,), precisions=("fp32",)),
    Case("quantize", lambda t, x: mb.quantize(input=x, scale=t([0.25, 0.5, 0.125]), axis=1, output_dtype="int8",
                                              zero_point=np.array([3, -4, 0], np.int8)),
         lambda x: (x / torch.tensor([0.25, 0.5, 0.125])[:, None]).round().add(
             torch.tensor([3, -4, 0])[:, None]).clamp(-128, 127), (weight(2, 3, 40) * 40,)),
    Case("dequantize", lambda t, x: mb.dequantize(input=mb.cast(x=x, dtype="uint8"), scale=t(0.25),
                                                  zero_point=np.uint8(9)),
         lambda x: (x - 9) * 0.25, (integers(4, 5, low=0, high=200),)),
]  # fmt: skip
