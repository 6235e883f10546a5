"""All LSTMs of a layer at once: one matrix product for all inputs, then one kernel for all steps.

An nn.LSTM of 32 features leaves most of a GPU idle, and a separator has up to eight of them on the same sequences.
Needs Triton, which torch's wheel for Linux requires. On a GPU the products are of bfloat16, sums and cells float32; on
the CPU, by Triton's interpreter (TRITON_INTERPRET=1), all is float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from edge_export.training.gpu.lstm_kernels import backward_kernel, forward_kernel

BLOCK, WARPS = 16, 2
"""The sequences of a program and its warps: the fastest of five choices for 32 features on an H200."""


def fused_lstms(lstms: Sequence[nn.LSTM], x: Tensor) -> Tensor:
    """Runs LSTMs of one layer and equal sizes on the same sequences, from a state of zeros.

    Args:
        lstms: LSTMs of 16 or 32 hidden features, all in one direction or all in both.
        x: `(sequences, steps, features)`.

    Returns:
        `(lstms, sequences, steps, directions x hidden features)`, bfloat16 on a GPU.
    """
    suffixes = ("", "_reverse") if lstms[0].bidirectional else ("",)

    def stacked(name: str) -> Tensor:
        return torch.stack([getattr(lstm, f"{name}_l0{suffix}") for lstm in lstms for suffix in suffixes])

    bias = stacked("bias_ih") + stacked("bias_hh")
    weights = stacked("weight_ih"), stacked("weight_hh")
    return _FusedLSTMs.apply(x, *weights, bias, len(suffixes))  # type: ignore[no-any-return, no-untyped-call]


class _FusedLSTMs(torch.autograd.Function):
    """Sizes: S sequences, T steps, N features, D LSTMs (each direction counts), H hidden features."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, input_weights: Tensor, hidden_weights: Tensor, bias: Tensor, directions: int
    ) -> Tensor:
        """Takes x (S, T, N), weights (D, 4 H, N) and (D, 4 H, H), bias (D, 4 H)."""
        S, T, _ = x.shape
        D, _, H = hidden_weights.shape
        dtype = torch.bfloat16 if x.is_cuda else torch.float32
        if S * T * D * 4 * H >= 2**31:
            raise ValueError(f"{S} sequences of {T} steps: the kernels count {D} LSTMs' gates in 32 bits")
        flat_x, flat_weights = x.flatten(0, 1).to(dtype), input_weights.flatten(0, 1).to(dtype)
        hidden_weights = hidden_weights.to(dtype).contiguous()
        gates = torch.addmm(bias.flatten().to(dtype), flat_x, flat_weights.t())
        outputs = x.new_empty(D // directions, S, T, directions * H, dtype=dtype)
        cells = x.new_empty(S, T, D, H, dtype=torch.float32)
        sizes = {"S": S, "T": T, "D": D, "DIRECTIONS": directions, "H": H, "BLOCK": BLOCK, "num_warps": WARPS}
        sizes["TYPE"] = tl.bfloat16 if x.is_cuda else tl.float32
        forward_kernel[(triton.cdiv(S, BLOCK), D)](gates, hidden_weights, outputs, cells, **sizes)
        ctx.kept, ctx.sizes = (flat_x, flat_weights, hidden_weights, gates, outputs, cells), sizes
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, output_gradients: Tensor) -> tuple[Tensor | None, ...]:
        """The gates become their gradients in place, so that this runs only once."""
        flat_x, flat_weights, hidden_weights, gates, outputs, cells = ctx.kept
        ctx.kept = None
        S, T, D, H = (ctx.sizes[name] for name in "STDH")
        programs = triton.cdiv(S, BLOCK)
        weight_gradients = cells.new_empty(D, programs, 4 * H, H)
        backward_kernel[(programs, D)](
            gates, hidden_weights, outputs, cells, output_gradients.contiguous(), weight_gradients, **ctx.sizes
        )
        ones = gates.new_ones(1, S * T)  # a matrix product sums bfloat16 rows in float32
        return (
            (gates @ flat_weights).float().view(S, T, -1),
            (gates.t() @ flat_x).float().view(D, 4 * H, -1),
            weight_gradients.sum(1),
            (ones @ gates).float().view(D, 4 * H),
            None,
        )
