"""The worker task "bisect_weights": finds the weights of a program that were changed in a file.

Compiled files hold weights as raw bytes, in one of a few orders of their axes. A weight that a freshly compiled file
holds and the file lacks was changed in the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from edge_export.spec.tensors import IO
from edge_export.workers.task import InputPath, Message, WorkerTask

if TYPE_CHECKING:
    from torch import Tensor

MIN_BYTES = 16
"""The minimum size of a weight. The bytes of shorter ones occur anywhere in a file by chance."""


class ChangedWeightsRequest(Message):
    """The request of the worker task "bisect_weights".

    Attributes:
        program, io: The program that both files were made from, with its inputs and outputs.
        path: The file to examine.
        fresh: The freshly compiled file.
    """

    program: InputPath
    io: IO
    path: InputPath
    fresh: InputPath


class ChangedWeightsAnswer(Message):
    """The names of the weights that only the freshly compiled file holds, in the program's order."""

    changed: tuple[str, ...]


def changed_weights(request: ChangedWeightsRequest) -> ChangedWeightsAnswer:
    """Returns the weights that only the freshly compiled file holds."""
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
    """Yields the bytes of a weight in float32 and float16, in each order of axes.

    The orders: PyTorch's, input channels last, output channels last, and both moved.
    """
    for weight in (tensor, tensor.half()):
        orders = [weight]
        if weight.dim() > 1:
            orders += [weight.movedim(1, -1), weight.movedim(0, -1), weight.movedim(1, -1).movedim(0, -1)]
        yield from (order.contiguous().numpy().tobytes() for order in orders)


CHANGED_WEIGHTS = WorkerTask("bisect_weights", ChangedWeightsRequest, ChangedWeightsAnswer, changed_weights)
