"""What can be read from every format's files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edge_export.spec.tensors import TensorSpec


@dataclass(frozen=True)
class Delegate:
    """The parts of a network that were handed to one backend when it was compiled.

    Attributes:
        name: The backend, such as "XnnpackBackend".
        count: How many parts. Between them the runtime's own operators run, so one is best.
        bytes: What they take in the file, weights included.
        operators: How many of each operator are in them; empty when the backend's format is not known here.
    """

    name: str
    count: int
    bytes: int
    operators: Mapping[str, int]


@dataclass(frozen=True)
class Contents:
    """One compiled file.

    Attributes:
        format: The name of its format.
        bytes: Its size, or that of all the files of a folder.
        weight_bytes: What its constant tensors take of that.
        inputs: Its inputs; their names are empty in a format that keeps none.
        outputs: Its outputs.
        operators: How many of each operator the runtime runs itself, left out of all delegates.
        delegates: What was handed to backends when the file was compiled; none in TFLite and Core ML, which choose
            their backends when they load a file.
    """

    format: str
    bytes: int
    weight_bytes: int
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    operators: Mapping[str, int]
    delegates: tuple[Delegate, ...] = ()


def counted(names: list[str]) -> dict[str, int]:
    """How often each name is there, the most frequent first."""
    return dict(sorted(((name, names.count(name)) for name in set(names)), key=lambda item: (-item[1], item[0])))
