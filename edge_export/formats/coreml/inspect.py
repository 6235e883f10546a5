"""Read the contents of a Core ML program (`.mlpackage`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge_export.formats.contents import Contents, counted
from edge_export.formats.coreml.compile import reopen, tensor_specs


def inspect(path: Path) -> Contents:
    """Reads the package in `path`. Counts the operators of all blocks of `main`, without constants."""
    spec = reopen(path)
    inputs, outputs = tensor_specs(spec)
    weights = path / "Data" / "com.apple.CoreML" / "weights"
    return Contents(
        format="coreml",
        bytes=sum(file.stat().st_size for file in path.rglob("*") if file.is_file()),
        weight_bytes=sum(file.stat().st_size for file in weights.rglob("*") if file.is_file()),
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        operators=counted(_of_program(spec)),
    )


def operators_of(path: Path) -> list[str]:
    """Returns the operators of the package in `path`, one by one, as `inspect` counts them."""
    return _of_program(reopen(path))


def _of_program(spec: Any) -> list[str]:
    (block,) = spec.mlProgram.functions["main"].block_specializations.values()
    return _operators(block)


def _operators(block: Any) -> list[str]:
    names = [operation.type for operation in block.operations if operation.type != "const"]
    for operation in block.operations:
        for inner in operation.blocks:
            names += _operators(inner)
    return names
