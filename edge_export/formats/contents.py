"""The contents of a compiled file, as every format's `inspect` returns them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edge_export.spec.tensors import TensorSpec


@dataclass(frozen=True)
class Delegate:
    """The parts of a network that were delegated to one backend when it was compiled.

    Attributes:
        name: The backend, such as "XnnpackBackend".
        count: The number of parts. Between them the runtime's own operators run, so one part is best.
        bytes: Their size in the file, weights included.
        operators: The count of each operator in them; empty if the backend's format cannot be read here.
    """

    name: str
    count: int
    bytes: int
    operators: Mapping[str, int]


@dataclass(frozen=True)
class Contents:
    """The contents of one compiled file.

    Attributes:
        format: The name of its format.
        bytes: Its size; of a folder, the size of all its files.
        weight_bytes: The size of its constant tensors.
        inputs: Its inputs. Their names are empty in a format that stores no names.
        outputs: Its outputs, likewise.
        operators: The count of each operator outside of all delegates, which the runtime itself runs.
        delegates: The parts that were delegated when the file was compiled. TFLite and Core ML files have none,
            because these runtimes choose their backends when they load a file.
        backend: The backend that it was compiled for, which decides what runs it; empty: the format's first.
    """

    format: str
    bytes: int
    weight_bytes: int
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    operators: Mapping[str, int]
    delegates: tuple[Delegate, ...] = ()
    backend: str = ""


def counted(names: list[str]) -> dict[str, int]:
    """Counts each name, the most frequent first."""
    return dict(sorted(((name, names.count(name)) for name in set(names)), key=lambda item: (-item[1], item[0])))
