"""The worker task "bisect_weights": which weights of a program a file no longer holds.

Compiled files hold weights as raw bytes, in one of a few orders of their axes. Those that a freshly compiled file
holds and another one lacks were changed in that one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_export.spec.io_json import io_from_json

if TYPE_CHECKING:
    from torch import Tensor

MIN_BYTES = 16
"""Shorter constants stand everywhere by chance."""


def changed_weights(args: dict[str, Any]) -> dict[str, Any]:
    """Compare the weights in two files.

    Args:
        args: `program` (the `.pt2` file that both come from), its `member_io`, `path` and `fresh` (paths of the files).

    Returns:
        `changed`: the names of the weights, in the program's order, that only the fresh file holds; `same`: whether
        the files are equal.
    """
    from edge_export.formats.program import load_program

    program = load_program(Path(args["program"]), io_from_json(args["member_io"]))
    data, fresh = Path(args["path"]).read_bytes(), Path(args["fresh"]).read_bytes()
    changed = []
    for name, tensor in program.state_dict.items():
        if tensor.nbytes >= MIN_BYTES:
            held = [order for order in _orders(tensor.detach()) if order in fresh]
            if held and not any(order in data for order in held):
                changed.append(name)
    return {"changed": changed, "same": data == fresh}


def _orders(tensor: Tensor) -> Iterator[bytes]:
    """The bytes of a weight, as float32 and float16: as PyTorch has it, with input or output channels last, or both."""
    for weight in (tensor, tensor.half()):
        orders = [weight]
        if weight.dim() > 1:
            orders += [weight.movedim(1, -1), weight.movedim(0, -1), weight.movedim(1, -1).movedim(0, -1)]
        yield from (order.contiguous().numpy().tobytes() for order in orders)
