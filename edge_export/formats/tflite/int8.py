"""Quantize a float32 `.tflite` file to int8, by Google's AI Edge Quantizer. What each scheme quantizes:

    static       weights and activations, in ranges that were observed on real inputs
    dynamic      weights; fully connected and convolution layers quantize their inputs to 8 bits at each call
                 (fully connected ones asymmetrically, see `_asymmetric`)
    weight_only  weights; all arithmetic is float32

In every scheme the file's inputs and outputs stay float32, including state that is fed back, and so do layers with a
loud input (`formats/outliers.py`) or with coarse results (`formats/coarse.py`), and in a static file operators that
read or write a mask.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from edge_export.formats.coarse import Coarse, is_coarse
from edge_export.formats.outliers import has_loud_input
from edge_export.formats.tflite.flatbuffer_sharing import write
from edge_export.formats.tflite.products import PREFIX

if TYPE_CHECKING:
    from ai_edge_quantizer.quantizer import Quantizer

# Operators that stay float32 in a static file. A value below half a step of its scale would become a divisor of zero.
# Of PADV2, the padding of a max pooling, the quantizer fails at the single value.
_NEVER_STATIC = ("DIV", "SQRT", "RSQRT", "PADV2")
_MASK = 1e8
"""Larger values are those of masks."""
_CARRIERS = (
    *("ADD", "SUB", "MUL", "SELECT", "SELECT_V2", "RESHAPE", "TRANSPOSE", "SLICE", "STRIDED_SLICE", "SPLIT", "GATHER"),
    *("CONCATENATION", "PACK", "UNPACK", "BROADCAST_TO"),
)
"""Operators whose results may be masks where an operand is one."""
# Operators that quantize their inputs at each call in a dynamic file. LiteRT 2.1.2 computes two others wrong:
# depthwise convolutions read as many scales as there are channels, and BATCH_MATMUL returns NaN for a row of zeros.
_DYNAMIC = ("FULLY_CONNECTED", "CONV_2D")
_LAYERS = ("FULLY_CONNECTED", "CONV_2D")
_WEIGHTED = (*_LAYERS, "DEPTHWISE_CONV_2D", "BATCH_MATMUL")
_EVERYWHERE = ".*"
# Products have float32 inputs in a dynamic file, as a BATCH_MATMUL has, and one scale: thousands of channels with some
# 30 weights each make separators 6 to 8 % larger, and are no closer to float32 (30.6 and 30.7 dB, 34.0 and 34.2 dB).
_PRODUCT, _NO_PRODUCT = f"^{PREFIX}", f"^(?!{PREFIX})"
_ASYMMETRIC_VERSION = 9  # of FULLY_CONNECTED: asymmetric inputs, with scales for each channel

Sample = dict[str, Any]
"""The inputs of one call by name, in the file's own layouts."""


def quantize(
    float32: bytes, signature: str, scheme: str, samples: Sequence[Sample], coarse: Sequence[Coarse] = ()
) -> bytes:
    """Returns the file `float32`, quantized by `scheme`.

    Weights have a scale for each channel; those of products have one scale, unless activations are quantized, too.

    Args:
        float32: The bytes of the file.
        signature: The key of the file's signature.
        scheme: One of the schemes above.
        samples: The samples on which the scheme `static` observes its ranges. Other schemes do not use them.
        coarse: Layers that stay float.
    """
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_quantizer import qtyping
    from ai_edge_quantizer.quantizer import Quantizer

    quantizer = Quantizer(bytearray(float32))
    _RECIPES[scheme](quantizer, qtyping.QuantGranularity.CHANNELWISE)
    _leave_out_loud(schema, float32, quantizer, coarse)
    ranges = None
    if quantizer.need_calibration:
        ranges = _ranges(float32, quantizer, signature, samples)
        _leave_out_masks(schema, float32, quantizer, ranges)
    content = quantizer.quantize(ranges).quantized_model
    model = schema.ModelT.InitFromPackedBuf(bytearray(content), 0)
    _asymmetric(schema, model)
    return write(model)


def _leave_out_loud(schema: Any, float32: bytes, quantizer: Quantizer, coarse: Sequence[Coarse]) -> None:
    import numpy as np

    model = schema.ModelT.InitFromPackedBuf(bytearray(float32), 0)
    for graph, operator, name in _operators(model):
        weights = graph.tensors[operator.inputs[1]] if name in _WEIGHTED else None
        if weights is None or (data := model.buffers[weights.buffer].data) is None:
            continue
        values = np.frombuffer(bytes(data), np.float32).reshape(weights.shape)
        if (name in _LAYERS and has_loud_input(values)) or is_coarse(values, coarse):
            _leave_out(quantizer, graph, operator, name)


def _leave_out_masks(schema: Any, float32: bytes, quantizer: Quantizer, ranges: Any) -> None:
    """Lets operators stay float32 that read or write a mask, such as -1e9 or -inf before a softmax.

    In steps of a 255th of it, all other scores are 0. Scales that are not finite crash LiteRT. The quantizer's ranges
    leave out what is beyond 3e38, so such values are followed from the constants.
    """
    import numpy as np

    model = schema.ModelT.InitFromPackedBuf(bytearray(float32), 0)
    masks = {name for name, range_ in ranges.items() if not all(_is_small(end) for end in range_.values())}
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            data = model.buffers[tensor.buffer].data
            if tensor.type == schema.TensorType.FLOAT32 and data is not None and len(data):
                masks |= set() if _is_small(np.frombuffer(bytes(data), np.float32)) else {tensor.name.decode()}
    for graph, operator, name in _operators(model):
        read, written = (
            {graph.tensors[int(index)].name.decode() for index in side if index >= 0}
            for side in (operator.inputs, operator.outputs)
        )
        if masks & (read | written):
            _leave_out(quantizer, graph, operator, name)
            masks |= written if masks & read and name in _CARRIERS else set()


def _is_small(values: Any) -> bool:
    import numpy as np

    return bool((np.abs(values) < _MASK).all())  # NaN is not


def _operators(model: Any) -> Iterator[tuple[Any, Any, str]]:
    """Yields each operator that the quantizer knows, with its graph and its name there."""
    from ai_edge_quantizer.utils.tfl_flatbuffer_utils import TFL_OP_CODE_TO_NAME

    for graph in model.subgraphs:
        for operator in graph.operators or ():
            code = model.operatorCodes[operator.opcodeIndex]
            name = TFL_OP_CODE_TO_NAME.get(max(code.builtinCode, code.deprecatedBuiltinCode))
            if name is not None:
                yield graph, operator, str(name.value)


def _leave_out(quantizer: Quantizer, graph: Any, operator: Any, name: str) -> None:
    """Lets one operator stay float32."""
    from ai_edge_quantizer import qtyping
    from ai_edge_quantizer.algorithm_manager import AlgorithmName
    from ai_edge_quantizer.utils.tfl_flatbuffer_utils import get_op_scope

    scope = f"^{re.escape(get_op_scope(operator, graph.tensors))}$"
    quantizer.update_quantization_recipe(scope, qtyping.TFLOperationName(name), algorithm_key=AlgorithmName.NO_QUANTIZE)


def _asymmetric(schema: Any, model: Any) -> None:
    """Lets every fully connected layer that quantizes its inputs do so asymmetrically.

    The kernels of TFLite 2.16.1 for Arm forget the scales of the channels where inputs are symmetric: results are some
    fifty times too large. On x86-64 they are right, and so are those for asymmetric inputs everywhere. Its XNNPACK
    takes neither kind; LiteRT's takes both, and always quantizes asymmetrically.
    """
    for graph in model.subgraphs:
        for operator in graph.operators or ():
            code = model.operatorCodes[operator.opcodeIndex]
            if max(code.builtinCode, code.deprecatedBuiltinCode) != schema.BuiltinOperator.FULLY_CONNECTED:
                continue
            inputs, weights = (graph.tensors[index].type for index in operator.inputs[:2])
            if (inputs, weights) == (schema.TensorType.FLOAT32, schema.TensorType.INT8):
                operator.builtinOptions.asymmetricQuantizeInputs = True
                code.version = max(code.version, _ASYMMETRIC_VERSION)


def _static(quantizer: Quantizer, granularity: Any) -> None:
    from ai_edge_quantizer import qtyping
    from ai_edge_quantizer.algorithm_manager import AlgorithmName

    operator = qtyping.TFLOperationName
    quantizer.add_static_config(_EVERYWHERE, operator.ALL_SUPPORTED, 8, 8, granularity)
    # LiteRT 2.1.2 computes it wrong with int8 inputs: it reads the first one of a matrix's scales (0 dB of a small
    # attention), and with a single scale there are 10 dB.
    quantizer.add_weight_only_config(_EVERYWHERE, operator.BATCH_MATMUL, 8, granularity)
    for name in (operator.INPUT, operator.OUTPUT, *map(operator, _NEVER_STATIC)):
        quantizer.update_quantization_recipe(_EVERYWHERE, name, algorithm_key=AlgorithmName.NO_QUANTIZE)


def _dynamic(quantizer: Quantizer, granularity: Any) -> None:
    from ai_edge_quantizer import qtyping

    _weight_only(quantizer, granularity)
    for name in map(qtyping.TFLOperationName, _DYNAMIC):
        quantizer.add_dynamic_config(_NO_PRODUCT, name, 8, granularity)


def _weight_only(quantizer: Quantizer, granularity: Any) -> None:
    from ai_edge_quantizer import qtyping

    quantizer.add_weight_only_config(_EVERYWHERE, qtyping.TFLOperationName.ALL_SUPPORTED, 8, granularity)
    one_scale = qtyping.QuantGranularity.TENSORWISE
    quantizer.add_weight_only_config(_PRODUCT, qtyping.TFLOperationName.ALL_SUPPORTED, 8, one_scale)


_RECIPES = {"static": _static, "dynamic": _dynamic, "weight_only": _weight_only}


def _ranges(float32: bytes, quantizer: Quantizer, signature: str, samples: Sequence[Sample]) -> Any:
    """Returns the smallest and the largest value of each tensor over all samples.

    By default the quantizer averages the ranges of the samples, which clips values that only some samples reach. For a
    classifier that gives 15 dB instead of 36 dB.
    """
    from ai_edge_quantizer.calibrator import Calibrator
    from ai_edge_quantizer.recipe_manager import RecipeManager
    from ai_edge_quantizer.utils.calibration_utils import min_max_update

    recipe = RecipeManager()
    recipe.load_quantization_recipe(quantizer.get_quantization_recipe())
    calibrator = Calibrator(float32, num_threads=1, qsv_update_func=min_max_update)
    calibrator.calibrate({signature: list(samples)}, recipe)
    return calibrator.get_model_qsvs()
