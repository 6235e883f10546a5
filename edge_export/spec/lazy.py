"""What literal tables name as "module:NAME", so that it is imported only when it is used."""

from __future__ import annotations

import importlib
from typing import Any


def resolve(target: str) -> Any:
    """What "module:NAME" names."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)
