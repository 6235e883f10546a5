"""Conversions without walking through every object of the libraries again and again."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def set_aside() -> Iterator[None]:
    """Keep what exists before from the garbage collector for a while.

    torch and a converter together hold half a million objects that live as long as the process. A full collection
    takes 0.3 to 0.5 s for them, and converters ask for some: half of a small network's conversion.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
