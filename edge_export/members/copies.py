"""Copies a mother, which must not change."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from edge_export.errors import RequestError, raised

if TYPE_CHECKING:
    from torch import nn


def copied(network: nn.Module) -> nn.Module:
    """Returns a copy of a mother.

    Raises:
        RequestError: It holds what Python cannot copy, such as a lock, a generator or an open file.
    """
    try:
        return copy.deepcopy(network)
    except Exception as error:  # a stranger's attribute may raise anything
        raise RequestError(
            f"{type(network).__name__} cannot be copied: {_uncopied(network)}{raised(error)}; keep it out of the "
            "module, or make it where it is used"
        ) from error


def _uncopied(network: nn.Module) -> str:
    """Returns which attribute cannot be copied, for a message; empty: none can't by itself."""
    for path, module in network.named_modules():
        for name, value in vars(module).items():
            try:
                if name not in ("_modules", "_parameters", "_buffers"):
                    copy.deepcopy(value)
            except Exception:
                return f"its attribute {f'{path}.{name}' if path else name} gives "
    return ""
