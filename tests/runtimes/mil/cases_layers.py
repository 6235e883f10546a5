"""Convolutions, pooling, normalizations, matrix products and recurrent layers."""

from __future__ import annotations

from typing import Any

import coremltools as ct
import numpy as np
import torch
from coremltools.converters.mil import Builder as mb
from mil_cases import Case, positive, weight
from torch import nn
from torch.nn import functional as F


def tensor(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array)


def conv(shape: tuple[int, ...], kernel: tuple[int, ...], pads: list[int] | None = None, **options: Any) -> Case:
    """Returns a case. `kernel` is the weight's shape; `pads` are PyTorch's elements before and after each axis."""
    w, b = weight(*kernel), weight(kernel[0], seed=1)
    run = getattr(F, f"conv{len(shape) - 2}d")
    axes = len(shape) - 2
    pads = pads or options.get("pad") or [0] * 2 * axes
    torch_pads = [side for axis in reversed(range(axes)) for side in pads[2 * axis : 2 * axis + 2]]

    def expected(x: torch.Tensor) -> torch.Tensor:
        return run(
            F.pad(x, torch_pads),
            tensor(w),
            tensor(b),
            options.get("strides", 1),
            0,
            options.get("dilations", 1),
            options.get("groups", 1),
        )

    return Case("conv", lambda t, x: mb.conv(x=x, weight=t(w), bias=t(b), **options), expected, (shape,))


def conv_transpose(shape: tuple[int, ...], kernel: tuple[int, ...], torch_options: Any, **options: Any) -> Case:
    w, b = weight(*kernel), weight(kernel[1] * options.get("groups", 1), seed=1)
    run = getattr(F, f"conv_transpose{len(shape) - 2}d")
    return Case(
        "conv_transpose",
        lambda t, x: mb.conv_transpose(x=x, weight=t(w), bias=t(b), **options),
        lambda x: run(x, tensor(w), tensor(b), **torch_options),
        (shape,),
    )


def pool(name: str, shape: tuple[int, ...], expected: Any, **options: Any) -> Case:
    return Case(name, lambda t, x: getattr(mb, name)(x=x, **options), expected, (shape,))


def norm(name: str, shape: tuple[int, ...], build: Any, expected: Any) -> Case:
    # Differences of rounded values: both lose some bits of float16 before the norm begins.
    return Case(name, build, expected, (shape,), snr_db={"fp32": 105, "fp16": 55})


MEAN, VARIANCE, GAMMA, BETA = weight(4), positive(4), positive(4, seed=1), weight(4, seed=2)
LAYER_GAMMA, LAYER_BETA = positive(4, 5), weight(4, 5, seed=1)

S, B, N, H = 4, 2, 3, 5  # steps, batch, features, hidden
W_IH, W_HH, BIAS = weight(4 * H, N), weight(4 * H, H), weight(4 * H, seed=1)
W_IH_BACK, W_HH_BACK, BIAS_BACK = weight(4 * H, N, seed=2), weight(4 * H, H, seed=2), weight(4 * H, seed=3)
PEEPHOLE = weight(3 * H, seed=4)


def torch_order(array: np.ndarray) -> torch.Tensor:
    """Reorders Core ML's gates input, forget, output, cell to PyTorch's input, forget, cell, output."""
    i, f, o, z = np.split(array, 4)
    return tensor(np.concatenate([i, f, z, o]))


def torch_lstm(x: Any, h: Any, c: Any, weights: list[np.ndarray]) -> Any:
    layer = nn.LSTM(N, H, bidirectional=len(weights) == 6)
    with torch.no_grad():
        for index, suffix in enumerate(("", "_reverse")[: len(weights) // 3]):
            w_ih, w_hh, bias = weights[3 * index : 3 * index + 3]
            getattr(layer, f"weight_ih_l0{suffix}").copy_(torch_order(w_ih))
            getattr(layer, f"weight_hh_l0{suffix}").copy_(torch_order(w_hh))
            getattr(layer, f"bias_ih_l0{suffix}").copy_(torch_order(bias))
            getattr(layer, f"bias_hh_l0{suffix}").zero_()
    states = [torch.stack(value.split(H, -1)) for value in (h, c)]
    y, (h, c) = layer(x, tuple(states))
    return y, torch.cat(list(h), -1), torch.cat(list(c), -1)


def lstm(direction: str, whole: bool) -> Case:
    both = direction == "bidirectional"
    given = [W_IH, W_HH, BIAS, *((W_IH_BACK, W_HH_BACK, BIAS_BACK) if both else ())]

    def build(t: Any, x: Any, h: Any, c: Any) -> Any:
        back = (
            {"weight_ih_back": t(W_IH_BACK), "weight_hh_back": t(W_HH_BACK), "bias_back": t(BIAS_BACK)} if both else {}
        )
        weights = {"weight_ih": t(W_IH), "weight_hh": t(W_HH), "bias": t(BIAS), **back}
        return mb.lstm(x=x, initial_h=h, initial_c=c, direction=direction, output_sequence=whole, **weights)

    def expected(x: Any, h: Any, c: Any) -> Any:
        # In "reverse", Core ML returns the states in the order in which it computes them.
        y, h, c = torch_lstm(x.flip(0) if direction == "reverse" else x, h, c, given)
        return y if whole else h[None], h, c

    state = (B, 2 * H if both else H)
    return Case("lstm", build, expected, ((S, B, N), state, state))


def lstm_by_hand(x: Any, h: Any, c: Any) -> Any:
    """Computes an LSTM with peepholes, other activations and a clipped cell, which PyTorch does not have."""
    p = tensor(PEEPHOLE).split(H)
    for step in x:
        i, f, o, z = (step @ tensor(W_IH).T + h @ tensor(W_HH).T + tensor(BIAS)).split(H, -1)
        i, f = F.hardtanh(0.2 * (i + p[0] * c) + 0.5, 0, 1), F.hardtanh(0.2 * (f + p[1] * c) + 0.5, 0, 1)
        c = (f * c + i * F.relu(z)).clamp(-0.5, 0.5)
        h = F.hardtanh(0.2 * (o + p[2] * c) + 0.5, 0, 1) * c
    return h[None], h, c


def rnn(direction: str, activation: str, whole: bool) -> Case:
    act = {"tanh": torch.tanh, "relu": F.relu, "sigmoid": torch.sigmoid, "linear": lambda x: x}[activation]

    def expected(x: Any, h: Any) -> Any:
        states = []
        for step in x.flip(0) if direction == "reverse" else x:
            h = act(step @ tensor(W_IH[:H]).T + h @ tensor(W_HH[:H]).T + tensor(BIAS[:H]))
            states.append(h)
        return torch.stack(states) if whole else h[None], h

    def build(t: Any, x: Any, h: Any) -> Any:
        weights = {"weight_ih": t(W_IH[:H]), "weight_hh": t(W_HH[:H]), "bias": t(BIAS[:H])}
        return mb.rnn(x=x, initial_h=h, direction=direction, activation=activation, output_sequence=whole, **weights)

    return Case("rnn", build, expected, ((S, B, N), (B, H)))


def gru(direction: str, whole: bool) -> Case:
    """Computes Core ML's GRU, whose reset gate acts on the state before the product."""
    w_ih, w_hh, bias = (tensor(a[: 3 * H]) for a in (W_IH, W_HH, BIAS))

    def expected(x: Any, h: Any) -> Any:
        states = []
        for step in x.flip(0) if direction == "reverse" else x:
            given, inner = step @ w_ih.T + bias, h @ w_hh.T
            r, z = torch.sigmoid(given[:, :H] + inner[:, :H]), torch.sigmoid(given[:, 2 * H :] + inner[:, 2 * H :])
            o = torch.tanh(given[:, H : 2 * H] + (r * h) @ w_hh[H : 2 * H].T)
            h = (1 - z) * o + z * h
            states.append(h)
        return torch.stack(states) if whole else h[None], h

    def build(t: Any, x: Any, h: Any) -> Any:
        weights = {"weight_ih": t(W_IH[: 3 * H]), "weight_hh": t(W_HH[: 3 * H]), "bias": t(BIAS[: 3 * H])}
        return mb.gru(x=x, initial_h=h, direction=direction, output_sequence=whole, **weights)

    return Case("gru", build, expected, ((S, B, N), (B, H)))


def build_torch_gru(t: Any, x: Any, h: Any) -> Any:
    w_ih, w_hh = W_IH[: 3 * H], W_HH[: 3 * H]
    weights = {
        "weight_ih": t(w_ih),
        "weight_hh": t(w_hh),
        "input_bias": t(BIAS[: 3 * H]),
        "bias": t(BIAS_BACK[: 3 * H]),
    }
    return mb.gru(x=x, initial_h=h, reset_after=True, output_sequence=True, **weights)


def torch_gru(x: Any, h: Any) -> Any:
    def order(array: np.ndarray) -> torch.Tensor:  # reset, output, update -> reset, update, output
        r, o, z = np.split(array[: 3 * H], 3)
        return tensor(np.concatenate([r, z, o]))

    layer = nn.GRU(N, H)
    with torch.no_grad():
        for name, array in (("weight_ih", W_IH), ("weight_hh", W_HH), ("bias_ih", BIAS), ("bias_hh", BIAS_BACK)):
            getattr(layer, f"{name}_l0").copy_(order(array))
    y, h = layer(x, h[None])
    return y, h[0]


def attention(mask: str) -> Case:
    def build(t: Any, q: Any, k: Any, v: Any, *m: Any) -> Any:
        options = {"attn_mask": mb.cast(x=m[0], dtype="bool") if mask == "bool" else m[0]} if m else {}
        return mb.scaled_dot_product_attention(query=q, key=k, value=v, **options)

    def expected(q: Any, k: Any, v: Any, *m: Any) -> Any:
        return F.scaled_dot_product_attention(q, k, v, (m[0].bool() if mask == "bool" else m[0]) if m else None)

    masks = {"": (), "bool": (np.tril(np.ones((3, 7), np.int32)),), "float": ((1, 1, 3, 7),)}
    return Case(
        "scaled_dot_product_attention", build, expected, ((2, 2, 3, 4), (2, 2, 7, 4), (2, 2, 7, 6), *masks[mask]),
        ct.target.iOS18,
    )  # fmt: skip


MATRIX, OFFSET = weight(4, 5), weight(4)

CASES = [
    conv((2, 3, 9, 8), (4, 3, 3, 2)),
    conv((1, 4, 9, 7), (6, 2, 3, 3), pad_type="custom", pad=[1, 0, 2, 1], strides=[2, 1], groups=2),
    conv((1, 4, 9, 7), (4, 1, 3, 3), pad_type="custom", pad=[1, 1, 1, 1], groups=4),
    conv((1, 3, 9, 7), (6, 1, 3, 3), pad_type="custom", pad=[2, 2, 2, 2], groups=3, dilations=[2, 2]),
    conv((1, 2, 11, 12), (3, 2, 3, 2), dilations=[2, 3]),
    conv((1, 2, 8, 7), (3, 2, 3, 4), [0, 1, 1, 2], pad_type="same", strides=[2, 1]),
    conv((1, 2, 8, 7), (3, 2, 3, 4), [1, 0, 2, 1], pad_type="same_lower", strides=[2, 1]),
    conv((2, 4, 6, 5), (7, 4, 1, 1)),
    conv((2, 3, 12), (4, 3, 4), pad_type="custom", pad=[3, 0], strides=[3]),
    conv((1, 2, 5, 6, 4), (3, 2, 2, 3, 2), strides=[1, 2, 1]),
    Case(
        "conv",
        lambda t, x, w: mb.conv(x=x, weight=w, pad_type="valid"),
        F.conv2d,
        ((2, 3, 6, 7), (4, 3, 3, 3)),
    ),
    conv_transpose((1, 3, 4, 5), (3, 4, 3, 2), {"stride": (2, 3)}, strides=[2, 3]),
    conv_transpose(
        (1, 4, 4, 5),
        (4, 3, 3, 3),
        {"stride": 2, "padding": 1, "groups": 2, "output_padding": (1, 0)},
        strides=[2, 2],
        groups=2,
        pad_type="custom",
        pad=[1, 1, 1, 1],
        output_shape=[1, 6, 8, 9],
    ),
    conv_transpose(
        (1, 2, 5, 4), (2, 3, 3, 2), {"dilation": (2, 3), "padding": (1, 0)}, dilations=[2, 3], pad_type="custom",
        pad=[1, 1, 0, 0],
    ),
    conv_transpose((2, 3, 7), (3, 2, 4), {"stride": 2, "padding": 1}, strides=[2], pad_type="same"),
    conv_transpose((1, 2, 3, 2, 4), (2, 3, 2, 2, 3), {"stride": (1, 2, 1)}, strides=[1, 2, 1]),
    pool("max_pool", (1, 2, 8, 7), lambda x: F.max_pool2d(x, (3, 2), (2, 1)), kernel_sizes=[3, 2], strides=[2, 1],
         pad_type="valid"),
    pool("max_pool", (1, 2, 8, 7), lambda x: F.max_pool2d(x, 3, 2, 1, ceil_mode=True), kernel_sizes=[3, 3],
         strides=[2, 2], pad_type="custom", pad=[1, 1, 1, 1], ceil_mode=True),
    pool("max_pool", (1, 2, 9), lambda x: F.max_pool1d(x, 4, 3, ceil_mode=True), kernel_sizes=[4], strides=[3],
         pad_type="valid", ceil_mode=True),
    pool("max_pool", (1, 2, 8, 7), lambda x: F.max_pool2d(F.pad(x, (1, 1, 0, 1), value=-torch.inf), 3, 2),
         kernel_sizes=[3, 3], strides=[2, 2], pad_type="same"),
    pool("max_pool", (1, 2, 5, 6, 4), lambda x: F.max_pool3d(x, 2, 2), kernel_sizes=[2, 2, 2], strides=[2, 2, 2],
         pad_type="valid"),
    pool("avg_pool", (1, 2, 8, 7), lambda x: F.avg_pool2d(x, 3, 2, 1), kernel_sizes=[3, 3], strides=[2, 2],
         pad_type="custom", pad=[1, 1, 1, 1]),
    pool("avg_pool", (1, 2, 8, 7), lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False), kernel_sizes=[3, 3],
         strides=[2, 2], pad_type="custom", pad=[1, 1, 1, 1], exclude_padding_from_average=True),
    # Unlike PyTorch, Core ML counts what hangs over the end.
    pool("avg_pool", (1, 2, 8, 7), lambda x: F.avg_pool2d(F.pad(x, (1, 1, 1, 2)), 3, 2), kernel_sizes=[3, 3],
         strides=[2, 2], pad_type="custom", pad=[1, 1, 1, 1], ceil_mode=True),
    pool("avg_pool", (1, 2, 7), lambda x: F.avg_pool1d(F.pad(x, (0, 1)), 2, 3), kernel_sizes=[2], strides=[3],
         pad_type="valid", ceil_mode=True),
    pool("avg_pool", (1, 2, 8, 7), lambda x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False),
         kernel_sizes=[3, 3], strides=[2, 2], pad_type="custom", pad=[1, 1, 1, 1], ceil_mode=True,
         exclude_padding_from_average=True),
    pool("avg_pool", (2, 3, 9), lambda x: F.avg_pool1d(F.pad(x, (2, 1)), 4), kernel_sizes=[4], strides=[4],
         pad_type="same_lower"),
    pool("l2_pool", (1, 2, 8, 7), lambda x: F.lp_pool2d(x, 2, (2, 3), (2, 3)), kernel_sizes=[2, 3], strides=[2, 3],
         pad_type="valid"),
    norm("batch_norm", (2, 4, 3, 5),
         lambda t, x: mb.batch_norm(x=x, mean=t(MEAN), variance=t(VARIANCE), gamma=t(GAMMA), beta=t(BETA),
                                    epsilon=t(1e-3)),
         lambda x: F.batch_norm(x, *map(tensor, (MEAN, VARIANCE, GAMMA, BETA)), eps=1e-3)),
    norm("batch_norm", (2, 4, 6), lambda t, x: mb.batch_norm(x=x, mean=t(MEAN), variance=t(VARIANCE)),
         lambda x: F.batch_norm(x, tensor(MEAN), tensor(VARIANCE))),
    norm("instance_norm", (2, 4, 3, 5),
         lambda t, x: mb.instance_norm(x=x, gamma=t(GAMMA), beta=t(BETA), epsilon=t(1e-3)),
         lambda x: F.instance_norm(x, weight=tensor(GAMMA), bias=tensor(BETA), eps=1e-3)),
    norm("layer_norm", (2, 3, 4, 5),
         lambda t, x: mb.layer_norm(x=x, axes=[-1, 2], gamma=t(LAYER_GAMMA), beta=t(LAYER_BETA), epsilon=t(1e-3)),
         lambda x: F.layer_norm(x, (4, 5), tensor(LAYER_GAMMA), tensor(LAYER_BETA), 1e-3)),
    norm("layer_norm", (2, 4, 5), lambda t, x: mb.layer_norm(x=x, axes=[1]),
         lambda x: F.layer_norm(x.transpose(1, 2), (4,)).transpose(1, 2)),
    norm("l2_norm", (2, 3, 4, 5), lambda t, x: mb.l2_norm(x=x, epsilon=t(1e-3)),
         lambda x: x / (x.square().sum((1, 2, 3), keepdim=True) + 1e-3).sqrt()),
    norm("local_response_norm", (2, 7, 4, 3),
         lambda t, x: mb.local_response_norm(x=x, size=4, alpha=t(0.5), beta=t(0.75), k=t(1.5)),
         lambda x: F.local_response_norm(x, 4, 0.5, 0.75, 1.5)),
    norm("local_response_norm", (2, 7, 4), lambda t, x: mb.local_response_norm(x=x, size=3, alpha=t(0.5)),
         lambda x: F.local_response_norm(x, 3, 0.5)),
    Case("linear", lambda t, x: mb.linear(x=x, weight=t(MATRIX), bias=t(OFFSET)),
         lambda x: F.linear(x, tensor(MATRIX), tensor(OFFSET))),
    Case("linear", lambda t, x: mb.linear(x=x, weight=t(MATRIX)), lambda x: F.linear(x, tensor(MATRIX)), ((5,),)),
    Case("matmul", lambda t, x, y: mb.matmul(x=x, y=y), torch.matmul, ((2, 1, 3, 5), (4, 5, 2))),
    Case("matmul", lambda t, x, y: mb.matmul(x=x, y=y, transpose_x=True, transpose_y=True),
         lambda x, y: x.mT @ y.mT, ((3, 5, 2), (3, 4, 5))),
    Case("einsum", lambda t, x, y: mb.einsum(values=(x, y), equation="nchw,nwhu->nchu"),
         lambda x, y: torch.einsum("nchw,nwhu->nchu", x, y), ((2, 3, 4, 5), (2, 5, 4, 6))),
    Case("einsum", lambda t, x, y: mb.einsum(values=(x, y), equation="chw,whr->chr"),
         lambda x, y: torch.einsum("chw,whr->chr", x, y.expand(5, 4, 6)), ((3, 4, 5), (5, 1, 6))),
    *map(attention, ("", "bool", "float")),
    *(lstm(direction, whole) for direction in ("forward", "reverse", "bidirectional") for whole in (True, False)),
    Case("lstm",
         lambda t, x, h, c: mb.lstm(x=x, initial_h=h, initial_c=c, weight_ih=t(W_IH), weight_hh=t(W_HH), bias=t(BIAS),
                                    peephole=t(PEEPHOLE), recurrent_activation="hard_sigmoid", cell_activation="relu",
                                    activation="linear", clip=t(0.5)),
         lstm_by_hand, ((S, B, N), (B, H), (B, H))),
    rnn("forward", "tanh", True), rnn("reverse", "relu", True), rnn("forward", "sigmoid", False),
    gru("forward", True), gru("reverse", True), gru("reverse", False),
    Case("gru", build_torch_gru, torch_gru, ((S, B, N), (B, H)), ct.target.iOS18),
]  # fmt: skip
