"""The number of CPU threads that torch uses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def cpu_threads(count: int | None) -> Iterator[None]:
    """Sets torch's number of CPU threads to `count` inside the block. None: leaves it unchanged.

    With one thread, sums are the same on any machine, and the other cores stay free for other processes.
    """
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(count or before)
        yield
    finally:
        torch.set_num_threads(before)
