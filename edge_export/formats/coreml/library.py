"""Imports coremltools without the libraries that it looks for, in a third of the time; it validates a program once.

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
        module = importlib.import_module("coremltools")
    _validate_once()
    return module


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


def _validate_once() -> None:
    """Has coremltools validate a program after all passes of a pipeline, and not print it for a log that nobody reads.

    It validates the whole program after each of some hundred passes: a quarter of the time of a conversion.
    """
    from coremltools.converters.mil.mil import Program
    from coremltools.converters.mil.mil.passes.pass_pipeline import PassPipelineManager

    apply, validate, text = PassPipelineManager.apply_pipeline, Program.validate, Program.__str__

    def apply_and_validate(program: Any, pipeline: Any) -> None:
        Program.validate, Program.__str__ = _nothing, _nothing
        try:
            apply(program, pipeline)
        finally:
            Program.validate, Program.__str__ = validate, text
        program.validate()

    PassPipelineManager.apply_pipeline = staticmethod(apply_and_validate)


def _nothing(program: Any, **options: Any) -> str:
    return ""


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
