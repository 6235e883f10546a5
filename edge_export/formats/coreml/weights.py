"""Compress the weights of a Core ML program. It computes in float16, as with precision fp16, and widens the weights.

linear8   8-bit integers, symmetric, a scale per channel
palette6  6-bit indices into 64 values, found by k-means for each weight
palette4  4-bit indices into 16 values

Weights of a layer with a loud input stay float16 (`formats/outliers.py`), or with coarse results (`formats/coarse.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edge_export.formats.coarse import Coarse, is_coarse
from edge_export.formats.coreml.library import optimize, protobuf
from edge_export.formats.outliers import has_loud_input

_SMALLEST = 200
"""Weights of up to this many values stay float16, because the data that describes a compressed one is as large."""
_LAYERS = ("linear", "conv")
_PALETTE_BITS = {"palette6": 6, "palette4": 4}


def compressed(model: Any, scheme: str, coarse: Sequence[Coarse] = ()) -> Any:
    """Returns `model`, an `MLModel` in float16, with its weights compressed by `scheme`, but for coarse layers."""
    from threadpoolctl import threadpool_limits

    cto = optimize()
    if scheme in _PALETTE_BITS:
        palette = cto.OpPalettizerConfig(mode="kmeans", nbits=_PALETTE_BITS[scheme], weight_threshold=_SMALLEST)
        with threadpool_limits(1):  # several threads sum in any order, which changes the palette
            return cto.palettize_weights(model, _config(model, palette, coarse))
    linear = cto.OpLinearQuantizerConfig(
        mode="linear_symmetric", dtype="int8", granularity="per_channel", weight_threshold=_SMALLEST
    )
    return cto.linear_quantize_weights(model, _config(model, linear, coarse))


def _config(model: Any, everywhere: Any, coarse: Sequence[Coarse]) -> Any:
    cto = optimize()
    config = cto.OptimizationConfig(global_config=everywhere)
    for name, weight in cto.get_weights_metadata(model, weight_threshold=_SMALLEST).items():
        reader = weight.child_ops[0].op_type
        if reader in _LAYERS and (has_loud_input(weight.val) or is_coarse(weight.val, coarse)):
            config.set_op_name(name, None)
    return config


def stayed_float(spec: Any) -> tuple[str, ...]:
    """Returns notes for the user on what stays float in a compressed program, one sentence each."""
    count = size = 0
    (block,) = spec.mlProgram.functions["main"].block_specializations.values()
    for operation in block.operations:
        if operation.type == "const":
            tensor = operation.attributes["val"].type.tensorType
            if tensor.dataType == protobuf("MIL").FLOAT16:
                count += 1
                size += 2 * _elements(tensor)
    return (
        "inputs and outputs are float32, everything computes in float16",
        f"{count} constants of {size} bytes together are stored as float16",
    )


def _elements(tensor: Any) -> int:
    count = 1
    for dimension in tensor.dimensions:
        count *= dimension.constant.size
    return count
