"""The steps of a program: operators that run in order, on numbered slots that hold the values."""

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
    """The slot of a result, and its declared type.

    Attributes:
        slot: The slot that receives the result.
        declared: The type that the program declares.
        held: The numpy dtype of the result in the evaluator.
        shape: The declared shape; None if a dimension is known only when the program runs.
        rounds: Whether the result is rounded even if it has that dtype already. True for float16, except for operators
            that only move values.
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
        label: The operator and its first result, for messages.
        run: Computes the results from the slots.
        results: The results of the operator.
        release: The slots that no later step reads. They are cleared after the step.
    """

    label: str
    run: Callable[[Slots], Any]
    results: tuple[Result, ...]
    release: tuple[int, ...] = ()


def execute(steps: Iterable[Step], slots: Slots) -> None:
    """Runs `steps` in order."""
    for step in steps:
        try:
            value = step.run(slots)
            _store(step.results, value if type(value) is tuple else (value,), slots)
        except Exception as error:
            raise ValueError(f"{step.label}: {error or type(error).__name__}") from error
        for slot in step.release:
            slots[slot] = None


def _store(results: tuple[Result, ...], values: tuple[Any, ...], slots: Slots) -> None:
    if len(values) != len(results):
        raise ValueError(f"returns {len(values)} results, but the program declares {len(results)}")
    for result, value in zip(results, values, strict=True):
        if result.rounds or value.dtype != result.held:
            value = rounded(value, result.declared.scalar)
        if value.shape != result.shape and (result.shape is not None or not _fits(value, result.declared)):
            raise ValueError(f"returns {list(value.shape)}, but the program declares {result.declared}")
        slots[result.slot] = value


def _fits(array: Array, declared: TensorType) -> bool:
    sizes = declared.shape
    return len(sizes) == array.ndim and all(a in (b, None) for a, b in zip(sizes, array.shape, strict=True))
