"""The worker task "bisect_weights": which weights of a program a file no longer holds.

Compiled files hold weights as raw bytes, in one of a few orders of their axes. Those that a freshly compiled file
holds and another one lacks were changed in that one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from edge_export.spec.tensors import IO
from edge_export.workers.task import InputPath, Message, WorkerTask

if TYPE_CHECKING:
    from torch import Tensor

MIN_BYTES = 16
"""Shorter constants stand everywhere by chance."""


class ChangedWeightsRequest(Message):
    """Two files, one of them freshly compiled, and the program that both come from with its io."""

    program: InputPath
    io: IO
    path: InputPath
    fresh: InputPath


class ChangedWeightsAnswer(Message):
    """The names of the weights, in the program's order, that only the fresh file holds."""

    changed: tuple[str, ...]


def changed_weights(request: ChangedWeightsRequest) -> ChangedWeightsAnswer:
    """Compare the weights in two files."""
    from edge_export.formats.program import load_program

    program = load_program(request.program, request.io)
    data, fresh = request.path.read_bytes(), request.fresh.read_bytes()
    changed = []
    for name, tensor in program.state_dict.items():
        if tensor.nbytes >= MIN_BYTES:
            held = [order for order in _orders(tensor.detach()) if order in fresh]
            if held and not any(order in data for order in held):
                changed.append(name)
    return ChangedWeightsAnswer(changed=tuple(changed))


def _orders(tensor: Tensor) -> Iterator[bytes]:
    """The bytes of a weight, as float32 and float16: as PyTorch has it, with input or output channels last, or both."""
    for weight in (tensor, tensor.half()):
        orders = [weight]
        if weight.dim() > 1:
            orders += [weight.movedim(1, -1), weight.movedim(0, -1), weight.movedim(1, -1).movedim(0, -1)]
        yield from (order.contiguous().numpy().tobytes() for order in orders)


CHANGED_WEIGHTS = WorkerTask("bisect_weights", ChangedWeightsRequest, ChangedWeightsAnswer, changed_weights)
