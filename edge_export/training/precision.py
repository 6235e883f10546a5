"""What a device multiplies faster than float32, and where training allows it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


def has_mixed_precision(device: torch.device) -> bool:
    """Returns whether `device` multiplies bfloat16 natively."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()) and bool(torch.cpu._is_avx512_bf16_supported())


@contextmanager
def tensor_float32() -> Iterator[None]:
    """Inside the block, a GPU rounds the factors of float32 matrix products to TF32's 10 bits, which is faster."""
    matmul = torch.backends.cuda.matmul
    before = matmul.fp32_precision
    try:
        matmul.fp32_precision = "tf32"
        yield
    finally:
        matmul.fp32_precision = before
