"""Imports coremltools in a third of the time: without the libraries that it looks for and that nothing here needs.

coremltools tries to import each framework that it could convert from: scikit-learn, ExecuTorch, torchao and others cost
four of its five seconds, in every process. They stay hidden while it is imported, unless they are there already.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

_LOOKED_FOR = (
    "executorch",
    "libsvm",
    "sklearn",
    "tensorflow",
    "torchao",
    "torchaudio",
    "torchvision",
    "transformers",
    "xgboost",
)


@cache
def coremltools() -> Any:
    """Returns the module `coremltools`."""
    with _hidden(_LOOKED_FOR):
        return importlib.import_module("coremltools")


@cache
def protobuf(name: str) -> Any:
    """Returns a module of protobuf messages, such as "Model" or "MIL"."""
    coremltools()
    return importlib.import_module(f"coremltools.proto.{name}_pb2")


@cache
def optimize() -> Any:
    """Returns the module `coremltools.optimize.coreml`."""
    coremltools()
    return importlib.import_module("coremltools.optimize.coreml")


@contextmanager
def _hidden(names: tuple[str, ...]) -> Iterator[None]:
    """Makes imports of modules fail that are not imported yet."""
    absent = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]  # None: it cannot be imported
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]
