"""The runtimes that artifacts run in. Each format's descriptor names its own; they are imported only when used."""

from __future__ import annotations

import importlib

from edge_export.formats import format_named
from edge_export.formats.descriptor import Runtime

__all__ = ["Runtime", "Unsupported", "runtime_of", "why_unavailable"]


class Unsupported(ValueError):
    """An artifact holds operators that its runtime here does not know; the message names them."""


def runtime_of(format_name: str, name: str | None = None) -> Runtime:
    """The runtime called `name` of a format or an intermediate; its first when None."""
    return next(runtime for runtime in format_named(format_name).runtimes if name in (None, runtime.name))


def why_unavailable(runtime: Runtime) -> str | None:
    """None when the runtime works on this machine, or the reason why not."""
    reason: str | None = importlib.import_module(runtime.module).available()
    return reason
