"""The runtimes that artifacts run in: a literal table, format -> runtime. They are imported only when used."""

from __future__ import annotations

import importlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Runtime:
    """One runtime.

    Its module offers `available() -> str | None` (None, or why it cannot run on this machine), `version() -> str` and
    `load(path, io, threads=1)`, where `io` is the artifact's own: a function from arrays by input name to arrays by
    output name. Both hold exactly the shapes and types of `io`; anything else raises ValueError.

    Attributes:
        module: Where its functions are.
        name: What people call it.
    """

    module: str
    name: str


RUNTIMES: dict[str, Runtime] = {
    "executorch": Runtime("edge_export.runtimes.executorch", "ExecuTorch"),
    "coreml": Runtime("edge_export.runtimes.coreml", "Core ML"),
    "tflite": Runtime("edge_export.runtimes.litert", "LiteRT"),
}


def why_unavailable(format_name: str) -> str | None:
    """None when artifacts of this format can run on this machine, or the reason why not."""
    reason: str | None = importlib.import_module(RUNTIMES[format_name].module).available()
    return reason
