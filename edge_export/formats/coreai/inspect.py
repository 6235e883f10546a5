"""Read the contents of a Core AI program (`.aimodel`)."""

from __future__ import annotations

from pathlib import Path

from edge_export.formats.contents import Contents, counted
from edge_export.formats.coreai.compile import FUNCTION, open_asset, summary_of, tensor_specs

# Sizes in bits of the types in a summary's statistics.
_BITS = {"Bool": 8, "BFloat16": 16} | {
    f"{kind}{bits}": bits for kind in ("Float", "Int", "UInt") for bits in (2, 4, 8, 16, 32, 64)
}


def inspect(path: Path) -> Contents:
    """Reads the asset in `path`. Counts the operators of its function, without constants.

    The summary's own count has those that each of them is made of, too.
    """
    summary = summary_of(path, statistics=True)
    inputs, outputs = tensor_specs(summary)
    program = open_asset(path).program  # which owns the operations
    block = program._get_graph(FUNCTION).bodyRegion.blocks[0]
    operators = [operation.name.rpartition(".")[2] for operation in block.operations]
    return Contents(
        format="coreai",
        bytes=sum(file.stat().st_size for file in path.rglob("*") if file.is_file()),
        weight_bytes=sum(count * _BITS.get(name, 0) for name, count in summary.storage_types) // 8,
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        operators=counted([name for name in operators if name not in ("constant", "output")]),
    )
