"""Lower a program to XNNPACK, as much as possible in one delegate, constants included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from executorch.backends.xnnpack.partition.config import ALL_PARTITIONER_CONFIGS
from executorch.backends.xnnpack.partition.config.gemm_configs import LinearConfig
from executorch.backends.xnnpack.partition.config.xnnpack_config import ConfigPrecisionType
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.backends.xnnpack.utils.quant_utils import is_dequant
from executorch.exir import ExecutorchBackendConfig, to_edge_transform_and_lower
from executorch.exir.backend.utils import tag_constant_data

from edge_export.formats.executorch.library import look_for_few_patterns

if TYPE_CHECKING:
    from torch.export import ExportedProgram
    from torch.fx import Node

_SEGMENT_ALIGNMENT = 64
"""Bytes. XNNPACK requires 16. ExecuTorch's default, 128, is mostly padding if there are many small constants."""


def lower(exported: ExportedProgram, way: str = "") -> bytes:
    """Lowers `exported` and returns the bytes of its `.pte` file.

    Args:
        way: "stock": by ExecuTorch's own partitioner. "portable": in core operators, without a delegate.
    """
    look_for_few_patterns()
    if way == "portable":
        exported = exported.run_decompositions()
    partitioners = {"stock": [XnnpackPartitioner()], "portable": []}.get(way) if way else [_Partitioner()]
    edge = to_edge_transform_and_lower(exported, partitioner=partitioners)
    return bytes(edge.to_executorch(ExecutorchBackendConfig(segment_alignment=_SEGMENT_ALIGNMENT)).buffer)


class _Partitioner(XnnpackPartitioner):  # type: ignore[misc]
    """ExecuTorch's XNNPACK partitioner, which also puts all constants into the delegate.

    By default only the constants of linear layers and convolutions are inside. The others are inputs of the delegate,
    so XNNPACK does not know that they are constant. It then packs the matrix of a batched product again on each call.
    """

    def __init__(self) -> None:
        super().__init__(configs=[_LinearConfig if c is LinearConfig else c for c in ALL_PARTITIONER_CONFIGS])

    def partition(self, exported_program: ExportedProgram) -> Any:
        result = super().partition(exported_program)
        tag_constant_data(result.tagged_exported_program)
        return result


class _LinearConfig(LinearConfig):  # type: ignore[misc]
    """ExecuTorch's config for linear layers, which also delegates float32 layers with int8 weights and no bias.

    XNNPACK has this layer (f32-qc8w). With a bias, its result is wrong: it scales the bias as if it were quantized like
    the weights.
    """

    def get_deps(self, node: Node, ep: ExportedProgram) -> tuple[bool, list[Node]]:
        inputs = node.all_input_nodes
        if len(inputs) == 2 and is_dequant(inputs[1]) and not is_dequant(inputs[0]):
            valid, nodes = self._get_weight_deps(node, ep, ConfigPrecisionType.STATIC_QUANT)
        else:
            valid, nodes = super().get_deps(node, ep)
        return bool(valid), list(nodes)
