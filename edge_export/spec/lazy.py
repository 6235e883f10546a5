"""Lazy imports: literal tables hold "module:NAME", which is imported when it is used."""

from __future__ import annotations

import importlib
from typing import Any


def resolve(target: str) -> Any:
    """Imports and returns the object that "module:NAME" names."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)
