"""The result of a format's `compile`, and checks of a file's inputs and outputs.

The contract of a format module:

    compile(program: Path, io: IOSpec, precision: str, options: Mapping[str, object], workdir: Path,
            calibration: Path | None = None) -> Compiled

`program` is a `.pt2` file (`torch.export.save`) of a baked member, `io` its inputs and outputs in order. `options` may
name the `backend` and the precision's `scheme`; a format's docstring lists its other options. `calibration` is a
safetensors file of real inputs of that member, `(count, …)` for each input by its name, including fed-back state.
Quantizers observe ranges on it. Everything is written below `workdir`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from edge_export.spec.tensors import IOSpec, TensorSpec


@dataclass(frozen=True)
class Compiled:
    """One artifact. It was read back from disk after it was written.

    Attributes:
        path: The file, or the folder of an `.mlpackage`.
        io: Its own inputs and outputs, in the member's order: names, shapes and layouts as they are in the file.
        tools: The versions of the packages that made it.
        notes: What a user should know about it, one sentence each.
        seconds: The time that the converter took, without its imports and without waiting for a worker.
        stages: Files that the route to the artifact passed through, in order, by their format: {"onnx": path}. They
            have the artifact's own io.
        operators: Its operators, each with its version, where runtimes know them by version.
    """

    path: Path
    io: IOSpec
    tools: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    stages: Mapping[str, Path] = field(default_factory=dict)
    operators: Mapping[str, int] = field(default_factory=dict)


def require_io(io: IOSpec, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec], *, named: bool = True) -> None:
    """Compares `io` with the inputs and outputs of a file: names (if `named`), shapes and dtypes, in order.

    Raises:
        ValueError: They differ. The message lists every difference.
    """
    problems = []
    for side, stated, real in (("input", io.inputs, inputs), ("output", io.outputs, outputs)):
        if len(stated) != len(real):
            problems.append(f"the file has {len(real)} {side}s, not {len(stated)}")
            continue
        for want, have in zip(stated, real, strict=True):
            if named and want.name != have.name:
                problems.append(f"{side} {want.name} is called {have.name} in the file")
            if want.shape != have.shape or want.dtype != have.dtype:
                problems.append(
                    f"{side} {want.name} is {have.dtype} {list(have.shape)} in the file, "
                    f"not {want.dtype} {list(want.shape)}"
                )
    if problems:
        raise ValueError("; ".join(problems))


def reject_options(options: Mapping[str, object], known: Mapping[str, Sequence[str]]) -> None:
    """Raises ValueError for an option that is not in `known`, or whose value is not one of its known values."""
    problems = [
        f"option {name}={value!r} is unknown" if name not in known else f"option {name} must be one of {known[name]}"
        for name, value in options.items()
        if value not in known.get(name, ())
    ]
    if problems:
        raise ValueError("; ".join(problems))


def versions(*distributions: str) -> dict[str, str]:
    """Returns the installed versions of some packages, by name."""
    return {name: metadata.version(name) for name in distributions}
