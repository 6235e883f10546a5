"""Imports onnx2tf without what it does to its process: it lets Python recurse until the memory is full."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

DEEPEST = 100_000
"""The calls within calls that a conversion may take."""


@contextmanager
def converter() -> Iterator[Any]:
    """Gives the module `onnx2tf`. Afterwards the limit of recursion is what it was."""
    limit = sys.getrecursionlimit()
    try:
        import onnx2tf

        sys.setrecursionlimit(max(limit, DEEPEST))
        yield onnx2tf
    finally:
        sys.setrecursionlimit(limit)
