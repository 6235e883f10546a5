"""Read the contents of a Core AI program (`.aimodel`)."""

from __future__ import annotations

from pathlib import Path

from edge_export.formats.contents import Contents
from edge_export.formats.coreai.compile import summary_of, tensor_specs

# Sizes in bits of the types in a summary's statistics.
_BITS = {"Bool": 8, "BFloat16": 16} | {
    f"{kind}{bits}": bits for kind in ("Float", "Int", "UInt") for bits in (2, 4, 8, 16, 32, 64)
}


def inspect(path: Path) -> Contents:
    """Reads the asset in `path`. Counts the operators of its program, without constants."""
    summary = summary_of(path, statistics=True)
    inputs, outputs = tensor_specs(summary)
    operators = {name: count for name, count in summary.operation_distribution if name != "constant"}
    return Contents(
        format="coreai",
        bytes=sum(file.stat().st_size for file in path.rglob("*") if file.is_file()),
        weight_bytes=sum(count * _BITS.get(name, 0) for name, count in summary.storage_types) // 8,
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        operators=dict(sorted(operators.items(), key=lambda item: (-item[1], item[0]))),
    )
