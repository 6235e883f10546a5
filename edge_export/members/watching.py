"""Watches a forward: which operators draw random numbers, and which is the first to give NaN or infinity.

Both are told with the line of the user's file that calls the operator.
"""

from __future__ import annotations

import random
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from edge_export.errors import users_line

_OFF = {"train": False, "training": False, "p": 0.0, "dropout": 0.0, "dropout_p": 0.0}
"""The arguments by which an operator that may draw random numbers draws none."""
_MOST = 3


class _Watch(TorchDispatchMode):
    """Calls a function with each operator, its arguments by name, and its result."""

    def __init__(self, seen: Callable[[Any, dict[str, Any], Any], None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seen = seen

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        names = [each.name for each in func._schema.arguments]
        self.seen(func, {**dict(zip(names, args, strict=False)), **(kwargs or {})}, result)
        return result


def draws(run: Callable[[], object]) -> str:
    """Returns the operators of a forward that draw random numbers, with their lines; empty: there are none."""
    found: dict[str, None] = {}

    def seen(operator: Any, given: dict[str, Any], _: Any) -> None:
        if torch.Tag.nondeterministic_seeded in operator.tags and not _is_off(operator, given):
            found[_called(operator)] = None

    with torch.no_grad(), _Watch(seen):
        run()
    return ", ".join(list(found)[:_MOST])


def first_not_finite(run: Callable[[], object]) -> str:
    """Returns the first operator that makes NaN or infinity of finite numbers, with its line; empty: none does."""
    found: list[str] = []

    def seen(operator: Any, given: dict[str, Any], result: Any) -> None:
        if not found and not _all_finite(result) and _all_finite(given):
            found.append(_called(operator))

    with torch.no_grad(), _Watch(seen):
        run()
    return "".join(found)


def _is_off(operator: Any, given: dict[str, Any]) -> bool:
    arguments = {each.name: given.get(each.name, each.default_value) for each in operator._schema.arguments}
    return any(name in arguments and arguments[name] == value for name, value in _OFF.items())


def _all_finite(values: Any) -> bool:
    tensors = (each for each in tree_leaves(values) if isinstance(each, torch.Tensor) and each.is_floating_point())
    return all(bool(torch.isfinite(each).all()) for each in tensors)


def _called(operator: Any) -> str:
    line = users_line(traceback.extract_stack())
    name = str(operator._schema.name).removeprefix("aten::").strip("_")
    return f"{name} ({line})" if line else name


def why_changing(who: str, run: Callable[[], tuple[torch.Tensor, ...]], far: bool) -> str:
    """Returns why a forward gave other outputs when it ran the same input again; empty: by rounding alone.

    Args:
        who: What ran, for the message.
        run: Runs it again.
        far: Whether the outputs differ by more than rounding.
    """
    said = f"{who} gives other outputs when it runs the same input again"
    if drawn := draws(run):
        return (
            f"{said}, it is random: {drawn}; take that out of its forward in eval mode, such as F.dropout without "
            "training=self.training"
        )
    if not far:
        return ""
    with torch.no_grad():
        first, second = (_seeded(run) for _ in range(2))
    if all(map(same, first, second)):
        return (
            f"{said}, it is random: numpy or Python's random draws numbers; take them out of its forward in eval mode"
        )
    return (
        f"{said}, but draws no random numbers: it keeps something from call to call, such as a counter or a cache; "
        "take that out, or make it an input and an output"
    )


def same(first: torch.Tensor, second: torch.Tensor) -> bool:
    """Returns whether two outputs have the same values, NaN in the same places included."""
    return torch.equal(first.isnan(), second.isnan()) and torch.equal(first.nan_to_num(), second.nan_to_num())


def _seeded(run: Callable[[], tuple[torch.Tensor, ...]]) -> tuple[torch.Tensor, ...]:
    random.seed(0)
    np.random.seed(0)
    return tuple(each.clone() for each in run())
