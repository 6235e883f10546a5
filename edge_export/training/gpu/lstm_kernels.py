"""Triton kernels of many LSTMs on the same sequences. Each program runs a block of sequences of one LSTM.

With the gates i, f, g, o of a step, W = (Wi, Wf, Wg, Wo) the hidden weights and a the gates' inputs,
    i, f, o = sigmoid(a + W h'),   g = tanh(a + W h'),   c = f c' + i g,   h = o tanh(c)
h' and c' are of the step before. Backwards, with dh and dc the gradients of h and c,
    do = dh tanh(c) o (1 - o)            dc = dc + dh o (1 - tanh(c)^2)
    di = dc g i (1 - i)                  df = dc c' f (1 - f)                  dg = dc i (1 - g^2)
    dh' = Wi di + Wf df + Wg dg + Wo do,   dc' = dc f,   dWi += di h', ...

S sequences of T steps, D LSTMs (each direction counts), H hidden features, BLOCK sequences a program:
    gates `(S, T, D, 4 H)`: inputs before the forward pass, gates after it, their gradients after the backward pass
    hidden_weights `(D, 4 H, H)`, cells `(S, T, D, H)` float32, outputs `(D / DIRECTIONS, S, T, DIRECTIONS H)`
    weight_gradients `(D, programs, 4 H, H)` float32: one sum for each program
The next step's values are loaded before this step's products, which hide the wait. Triton wants names like `tl.dot`.
"""

import triton
import triton.language as tl


@triton.jit
def _tanh(x):
    return 2.0 * tl.sigmoid(2.0 * x) - 1.0


@triton.jit
def forward_kernel(
    gates,
    hidden_weights,
    outputs,
    cells,
    S,
    T,
    D,
    DIRECTIONS: tl.constexpr,
    H: tl.constexpr,
    BLOCK: tl.constexpr,
    TYPE: tl.constexpr,
):
    rows = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    d = tl.program_id(1)
    cols = tl.arange(0, H)
    live = (rows < S)[:, None]
    w = hidden_weights + d * 4 * H * H + cols[None, :] * H + cols[:, None]  # [in, out]
    wi = tl.load(w)
    wf = tl.load(w + H * H)
    wg = tl.load(w + 2 * H * H)
    wo = tl.load(w + 3 * H * H)
    backwards = (d % DIRECTIONS) == 1
    h = tl.zeros((BLOCK, H), tl.float32)
    c = tl.zeros((BLOCK, H), tl.float32)
    t = tl.where(backwards, T - 1, 0)
    at = gates + ((rows * T + t) * D + d)[:, None] * (4 * H) + cols[None, :]
    next_i = tl.load(at, mask=live, other=0.0)
    next_f = tl.load(at + H, mask=live, other=0.0)
    next_g = tl.load(at + 2 * H, mask=live, other=0.0)
    next_o = tl.load(at + 3 * H, mask=live, other=0.0)
    for step in range(0, T):
        t = tl.where(backwards, T - 1 - step, step)
        at = gates + ((rows * T + t) * D + d)[:, None] * (4 * H) + cols[None, :]
        i = next_i.to(tl.float32)
        f = next_f.to(tl.float32)
        g = next_g.to(tl.float32)
        o = next_o.to(tl.float32)
        more = live & (step + 1 < T)
        following = tl.where(backwards, t - 1, t + 1)
        at_next = gates + ((rows * T + following) * D + d)[:, None] * (4 * H) + cols[None, :]
        next_i = tl.load(at_next, mask=more, other=0.0)
        next_f = tl.load(at_next + H, mask=more, other=0.0)
        next_g = tl.load(at_next + 2 * H, mask=more, other=0.0)
        next_o = tl.load(at_next + 3 * H, mask=more, other=0.0)
        h_rounded = h.to(TYPE)
        i += tl.dot(h_rounded, wi)
        f += tl.dot(h_rounded, wf)
        g += tl.dot(h_rounded, wg)
        o += tl.dot(h_rounded, wo)
        i = tl.sigmoid(i)
        f = tl.sigmoid(f)
        g = _tanh(g)
        o = tl.sigmoid(o)
        c = f * c + i * g
        h = o * _tanh(c)
        tl.store(at, i.to(TYPE), mask=live)
        tl.store(at + H, f.to(TYPE), mask=live)
        tl.store(at + 2 * H, g.to(TYPE), mask=live)
        tl.store(at + 3 * H, o.to(TYPE), mask=live)
        tl.store(cells + ((rows * T + t) * D + d)[:, None] * H + cols[None, :], c, mask=live)
        row = (((d // DIRECTIONS) * S + rows) * T + t)[:, None] * (DIRECTIONS * H)
        tl.store(outputs + row + (d % DIRECTIONS) * H + cols[None, :], h.to(TYPE), mask=live)


@triton.jit
def backward_kernel(
    gates,
    hidden_weights,
    outputs,
    cells,
    output_gradients,
    weight_gradients,
    S,
    T,
    D,
    DIRECTIONS: tl.constexpr,
    H: tl.constexpr,
    BLOCK: tl.constexpr,
    TYPE: tl.constexpr,
):
    program = tl.program_id(0)
    rows = program * BLOCK + tl.arange(0, BLOCK)
    d = tl.program_id(1)
    cols = tl.arange(0, H)
    live = (rows < S)[:, None]
    w = hidden_weights + d * 4 * H * H + cols[:, None] * H + cols[None, :]  # [out, in]
    wi = tl.load(w)
    wf = tl.load(w + H * H)
    wg = tl.load(w + 2 * H * H)
    wo = tl.load(w + 3 * H * H)
    backwards = (d % DIRECTIONS) == 1
    dh = tl.zeros((BLOCK, H), tl.float32)
    dc = tl.zeros((BLOCK, H), tl.float32)
    sum_i = tl.zeros((H, H), tl.float32)
    sum_f = tl.zeros((H, H), tl.float32)
    sum_g = tl.zeros((H, H), tl.float32)
    sum_o = tl.zeros((H, H), tl.float32)
    sequence = ((d // DIRECTIONS) * S + rows) * T
    column = (d % DIRECTIONS) * H + cols[None, :]
    t = tl.where(backwards, 0, T - 1)
    at = gates + ((rows * T + t) * D + d)[:, None] * (4 * H) + cols[None, :]
    next_i = tl.load(at, mask=live, other=0.0)
    next_f = tl.load(at + H, mask=live, other=0.0)
    next_g = tl.load(at + 2 * H, mask=live, other=0.0)
    next_o = tl.load(at + 3 * H, mask=live, other=0.0)
    c = tl.load(cells + ((rows * T + t) * D + d)[:, None] * H + cols[None, :], mask=live, other=0.0)
    next_dh = tl.load(output_gradients + (sequence + t)[:, None] * (DIRECTIONS * H) + column, mask=live, other=0.0)
    for back in range(0, T):
        step = T - 1 - back
        t = tl.where(backwards, T - 1 - step, step)
        before = tl.where(backwards, t + 1, t - 1)
        has = live & (step > 0)
        at = gates + ((rows * T + t) * D + d)[:, None] * (4 * H) + cols[None, :]
        i = next_i.to(tl.float32)
        f = next_f.to(tl.float32)
        g = next_g.to(tl.float32)
        o = next_o.to(tl.float32)
        dh += next_dh.to(tl.float32)
        at_next = gates + ((rows * T + before) * D + d)[:, None] * (4 * H) + cols[None, :]
        next_i = tl.load(at_next, mask=has, other=0.0)
        next_f = tl.load(at_next + H, mask=has, other=0.0)
        next_g = tl.load(at_next + 2 * H, mask=has, other=0.0)
        next_o = tl.load(at_next + 3 * H, mask=has, other=0.0)
        row = (sequence + before)[:, None] * (DIRECTIONS * H) + column
        next_dh = tl.load(output_gradients + row, mask=has, other=0.0)
        h_before = tl.load(outputs + row, mask=has, other=0.0)
        c_before = tl.load(cells + ((rows * T + before) * D + d)[:, None] * H + cols[None, :], mask=has, other=0.0)
        tanh_c = _tanh(c)
        do = (dh * tanh_c * o * (1.0 - o)).to(TYPE)
        dc += dh * o * (1.0 - tanh_c * tanh_c)
        di = (dc * g * i * (1.0 - i)).to(TYPE)
        dg = (dc * i * (1.0 - g * g)).to(TYPE)
        df = (dc * c_before * f * (1.0 - f)).to(TYPE)
        dc = dc * f
        c = c_before
        tl.store(at, di, mask=live)
        tl.store(at + H, df, mask=live)
        tl.store(at + 2 * H, dg, mask=live)
        tl.store(at + 3 * H, do, mask=live)
        dh = tl.dot(di, wi) + tl.dot(df, wf) + tl.dot(dg, wg) + tl.dot(do, wo)
        sum_i += tl.dot(tl.trans(di), h_before)
        sum_f += tl.dot(tl.trans(df), h_before)
        sum_g += tl.dot(tl.trans(dg), h_before)
        sum_o += tl.dot(tl.trans(do), h_before)
    out = weight_gradients + (d * tl.num_programs(0) + program) * 4 * H * H + cols[:, None] * H + cols[None, :]
    tl.store(out, sum_i)
    tl.store(out + H * H, sum_f)
    tl.store(out + 2 * H * H, sum_g)
    tl.store(out + 3 * H * H, sum_o)
