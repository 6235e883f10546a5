"""One operator after another, on numbered slots that hold the values."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_export.files.arrays import Array
from edge_export.runtimes.mil.types import TensorType, rounded

Slots = list[Any]


@dataclass(frozen=True, slots=True)
class Result:
    """Where a result goes, and what it must be.

    Attributes:
        held: The type that it is held as.
        shape: None where a dimension is only known when the program runs.
        rounds: Whether it is rounded even if it is of that type already: float16, but for operators that only move
            values.
    """

    slot: int
    declared: TensorType
    held: np.dtype[Any]
    shape: tuple[int, ...] | None
    rounds: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One operator.

    Attributes:
        label: Its operator and its first result, for messages.
        run: Computes its results from the slots.
        forget: Slots that nothing reads afterwards.
    """

    label: str
    run: Callable[[Slots], Any]
    results: tuple[Result, ...]
    forget: tuple[int, ...] = ()


def execute(steps: Iterable[Step], slots: Slots) -> None:
    """Run `steps` one after another."""
    for step in steps:
        try:
            value = step.run(slots)
            _store(step.results, value if type(value) is tuple else (value,), slots)
        except Exception as error:
            raise ValueError(f"{step.label}: {error or type(error).__name__}") from error
        for slot in step.forget:
            slots[slot] = None


def _store(results: tuple[Result, ...], values: tuple[Any, ...], slots: Slots) -> None:
    if len(values) != len(results):
        raise ValueError(f"gives {len(values)} results, the program declares {len(results)}")
    for result, value in zip(results, values, strict=True):
        if result.rounds or value.dtype != result.held:
            value = rounded(value, result.declared.scalar)
        if value.shape != result.shape and (result.shape is not None or not _fits(value, result.declared)):
            raise ValueError(f"gives {list(value.shape)}, the program declares {result.declared}")
        slots[result.slot] = value


def _fits(array: Array, declared: TensorType) -> bool:
    sizes = declared.shape
    return len(sizes) == array.ndim and all(a in (b, None) for a, b in zip(sizes, array.shape, strict=True))
