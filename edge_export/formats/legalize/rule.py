"""The type of a legalization rule and its outcomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch.fx import Node


@dataclass(frozen=True)
class Refused:
    """A rule knows that the converter fails on a call or gets it wrong, but has no other form; `reason` says why."""

    reason: str


Rewrite = Callable[..., Any]
"""Takes PyTorch's own arguments of an operator and returns its results, computed by other operators.

It is traced with tensors that have shapes but no values. It returns `NotImplemented` for a call that needs no
rewriting, and `Refused` for one that has no other form. In a tuple of results, None stands for one that it cannot
compute.
"""


@dataclass(frozen=True)
class Rule:
    """What some formats lack, get wrong or compute too coarsely, and how it is written instead.

    Attributes:
        name: What it is about, for tests and outcomes.
        formats: The formats that need it.
        rewrites: The function for each operator.
        concerns: Tells of a call with its neighbors in the graph whether the rule is for it; None: it is for every one.
            The constants of the graph are its nodes `get_attr`.
    """

    name: str
    formats: tuple[str, ...]
    rewrites: Mapping[Any, Rewrite]
    concerns: Callable[[Node], bool] | None = None


@dataclass(frozen=True)
class Outcome:
    """What a rule did with one call of an operator. An empty reason: it rewrote the call."""

    rule: str
    operator: str
    reason: str = ""
