"""Lower a program to ExecuTorch's Vulkan delegate, for GPUs of Android phones."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch.export import ExportedProgram

_LEFT_OUT = re.compile(r"Due to \[(.*)\], skipping [^=]*= ([\w.:]+)\(")


def lower(exported: ExportedProgram, precision: str) -> tuple[bytes, tuple[str, ...]]:
    """Lowers `exported`. With fp16, the GPU stores and computes in float16; inputs and outputs stay float32.

    Returns:
        The bytes of its `.pte` file, and notes for the user: what is left out of the delegate, and why.
    """
    from executorch.backends.vulkan.partitioner.vulkan_partitioner import VulkanPartitioner
    from executorch.exir import to_edge_transform_and_lower

    told = _Told()
    logger = logging.getLogger()  # the partitioner has none of its own
    level = logger.level
    logger.addHandler(told)
    logger.setLevel(logging.INFO)
    try:
        partitioner = VulkanPartitioner({"force_fp16": precision == "fp16"})
        edge = to_edge_transform_and_lower(exported, partitioner=[partitioner])
    finally:
        logger.removeHandler(told)
        logger.setLevel(level)
    return bytes(edge.to_executorch().buffer), told.notes()


class _Told(logging.Handler):
    """Keeps what the partitioner tells of operators that it leaves out."""

    def __init__(self) -> None:
        super().__init__()
        self._left_out: dict[str, set[str]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        if found := _LEFT_OUT.search(record.getMessage()):
            self._left_out.setdefault(found[1], set()).add(found[2])

    def notes(self) -> tuple[str, ...]:
        return tuple(
            f"{', '.join(sorted(names))} not in the Vulkan delegate: {reason}"
            for reason, names in sorted(self._left_out.items())
        )
