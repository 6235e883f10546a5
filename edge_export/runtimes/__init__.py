"""The runtimes that run artifacts. Each format's descriptor names its runtimes; they are imported only when used."""

from __future__ import annotations

import importlib

from edge_export.formats import format_named
from edge_export.formats.descriptor import Runtime

__all__ = ["Runtime", "Unsupported", "runtime_of", "why_unavailable"]


class Unsupported(ValueError):
    """An artifact holds operators that the runtime does not support. The message names them."""


def runtime_of(format_name: str, name: str | None = None, backend: str = "") -> Runtime:
    """Returns the runtime called `name` of a format or an intermediate, for files of a backend.

    Args:
        name: None: the first runtime.
        backend: Empty: the format's first.
    """
    return next(each for each in format_named(format_name).runtimes_of(backend) if name in (None, each.name))


def why_unavailable(runtime: Runtime) -> str | None:
    """Returns None if the runtime works on this machine, otherwise the reason why not."""
    reason: str | None = importlib.import_module(runtime.module).available()
    return reason
