"""The runtimes that artifacts run in: a literal table, format -> runtime. They are imported only when used."""

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
    """

    module: str
    name: str
    proves: str = ""


RUNTIMES: dict[str, Runtime] = {
    "executorch": Runtime("edge_export.runtimes.executorch", "ExecuTorch"),
    "coreml": (
        Runtime("edge_export.runtimes.coreml", "Core ML")
        if sys.platform == "darwin"
        else Runtime(
            "edge_export.runtimes.mil.runtime",
            "MIL evaluator",
            proves="this proves the program and its weights, not Apple's own kernels or the Neural Engine's rounding",
        )
    ),
    "tflite": Runtime("edge_export.runtimes.litert", "LiteRT"),
}


class Unsupported(ValueError):
    """An artifact holds operators that its runtime here does not know; the message names them."""


def why_unavailable(format_name: str) -> str | None:
    """None when artifacts of this format can run on this machine, or the reason why not."""
    reason: str | None = importlib.import_module(RUNTIMES[format_name].module).available()
    return reason
