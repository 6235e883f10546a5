"""The runtimes that artifacts run in: a literal table, format -> runtimes. They are imported only when used."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Runtime:
    """One runtime.

    Its module offers `available() -> str | None` (None, or why it cannot run on this machine), `version() -> str` and
    `load(path, io, threads=1)`, where `io` is the artifact's own: a function from arrays by input name to arrays by
    output name. Both hold exactly the shapes and types of `io`; anything else raises ValueError. A runtime that does
    not know every operator of its format also offers `unsupported(path) -> list[str]`, which names them.

    Attributes:
        module: Where its functions are.
        name: What people call it.
        proves: What its agreement with the mother says, where that is not everything.
        environment: The isolated environment that it runs in; empty for the main one.
    """

    module: str
    name: str
    proves: str = ""
    environment: str = ""


# The first runtime of a format is the one that an artifact must pass in; others are run as well where they are there.
RUNTIMES: dict[str, tuple[Runtime, ...]] = {
    "executorch": (Runtime("edge_export.formats.executorch.runtime", "ExecuTorch"),),
    "coreml": (
        Runtime("edge_export.formats.coreml.runtime", "Core ML")
        if sys.platform == "darwin"
        else Runtime(
            "edge_export.runtimes.mil.runtime",
            "MIL evaluator",
            proves="this proves the program and its weights, not Apple's own kernels or the Neural Engine's rounding",
        ),
    ),
    "tflite": (
        Runtime("edge_export.formats.tflite.litert", "LiteRT"),
        Runtime("edge_export.formats.tflite.tensorflow", "TensorFlow", environment="tensorflow"),
    ),
    "onnx": (Runtime("edge_export.formats.onnx.runtime", "ONNX Runtime"),),  # on the way to an artifact
}


class Unsupported(ValueError):
    """An artifact holds operators that its runtime here does not know; the message names them."""


def runtime_of(format_name: str, name: str | None = None) -> Runtime:
    """The runtime called `name` of a format; its first when None."""
    return next(runtime for runtime in RUNTIMES[format_name] if name in (None, runtime.name))


def why_unavailable(runtime: Runtime) -> str | None:
    """None when the runtime works on this machine, or the reason why not."""
    reason: str | None = importlib.import_module(runtime.module).available()
    return reason
