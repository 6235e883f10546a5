"""A float32 `.tflite` file in 8-bit integers, by AI Edge Quantizer, the vendor's own.

    static       weights and activations, in ranges that were observed on real inputs
    dynamic      weights; fully connected and convolution layers round their inputs to 8 bits anew at each call
    weight_only  weights; everything computes in float32

The file's inputs and outputs stay float32 in all of them, state that is fed back included.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from edge_export.formats.tflite.flatbuffer_sharing import write

if TYPE_CHECKING:
    from ai_edge_quantizer.quantizer import Quantizer

# Operators that stay float32 in a static file: what is below half a step of its scale becomes a zero to divide by.
_NEVER_STATIC = ("DIV", "SQRT", "RSQRT")
# Operators that round their inputs at each call in a dynamic file. Not among them, as LiteRT 2.1.2 gets them wrong:
# depthwise convolutions read as many scales as there are channels, and BATCH_MATMUL gives NaN for a row of zeros.
_DYNAMIC = ("FULLY_CONNECTED", "CONV_2D")
_EVERYWHERE = ".*"

Sample = dict[str, Any]
"""One call's inputs by name, in the file's own layouts."""


def quantize(float32: bytes, signature: str, scheme: str, samples: Sequence[Sample]) -> bytes:
    """The file `float32`, quantized by `scheme`, weights with a scale for each channel.

    Args:
        signature: The key of the file's signature.
        samples: What a static file's ranges are observed on; others take none.
    """
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_quantizer import qtyping
    from ai_edge_quantizer.quantizer import Quantizer

    quantizer = Quantizer(bytearray(float32))
    _RECIPES[scheme](quantizer, qtyping.QuantGranularity.CHANNELWISE)
    ranges = _ranges(float32, quantizer, signature, samples) if quantizer.need_calibration else None
    content = quantizer.quantize(ranges).quantized_model
    return write(schema.ModelT.InitFromPackedBuf(bytearray(content), 0))


def _static(quantizer: Quantizer, granularity: Any) -> None:
    from ai_edge_quantizer import qtyping
    from ai_edge_quantizer.algorithm_manager import AlgorithmName

    operator = qtyping.TFLOperationName
    quantizer.add_static_config(_EVERYWHERE, operator.ALL_SUPPORTED, 8, 8, granularity)
    for name in (operator.INPUT, operator.OUTPUT, *map(operator, _NEVER_STATIC)):
        quantizer.update_quantization_recipe(_EVERYWHERE, name, algorithm_key=AlgorithmName.NO_QUANTIZE)


def _dynamic(quantizer: Quantizer, granularity: Any) -> None:
    from ai_edge_quantizer import qtyping

    _weight_only(quantizer, granularity)
    for name in map(qtyping.TFLOperationName, _DYNAMIC):
        quantizer.add_dynamic_config(_EVERYWHERE, name, 8, granularity)


def _weight_only(quantizer: Quantizer, granularity: Any) -> None:
    from ai_edge_quantizer import qtyping

    quantizer.add_weight_only_config(_EVERYWHERE, qtyping.TFLOperationName.ALL_SUPPORTED, 8, granularity)


_RECIPES = {"static": _static, "dynamic": _dynamic, "weight_only": _weight_only}


def _ranges(float32: bytes, quantizer: Quantizer, signature: str, samples: Sequence[Sample]) -> Any:
    """The smallest and the largest value of each tensor over all samples.

    The quantizer's own way of observing averages the ranges of the samples, which cuts off what only some of them
    reach: 15 dB instead of 36 for a classifier.
    """
    from ai_edge_quantizer.calibrator import Calibrator
    from ai_edge_quantizer.recipe_manager import RecipeManager
    from ai_edge_quantizer.utils.calibration_utils import min_max_update

    recipe = RecipeManager()
    recipe.load_quantization_recipe(quantizer.get_quantization_recipe())
    calibrator = Calibrator(float32, num_threads=1, qsv_update_func=min_max_update)
    calibrator.calibrate({signature: list(samples)}, recipe)
    return calibrator.get_model_qsvs()
