"""Extensions of ExecuTorch's XNNPACKQuantizer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
    XNNPACKQuantizer,
    get_symmetric_quantization_config,
)
from torchao.quantization.pt2e import MinMaxObserver, PerChannelMinMaxObserver
from torchao.quantization.pt2e.quantizer import QuantizationAnnotation

from edge_export.formats.coarse import Coarse, is_coarse
from edge_export.formats.constants import constant_named
from edge_export.formats.outliers import has_loud_input

if TYPE_CHECKING:
    from torch.fx import GraphModule, Node

_SMALLEST_SCALE = 2.0**-20
"""XNNPACKQuantizer's limit is 2^-12. With it, an inverse Fourier transform's matrix would use four of eight bits."""
_CONVOLUTIONS = (torch.ops.aten.conv1d.default, torch.ops.aten.conv2d.default)
_CLAMPS = (torch.ops.aten.hardtanh.default, torch.ops.aten.relu6.default)
_ANNOTATION = "quantization_annotation"


def static_config(*, per_channel: bool) -> Any:
    """Returns the config for weights and activations in int8, with ranges from calibration."""
    observer = PerChannelMinMaxObserver if per_channel else MinMaxObserver
    return _with_small_scales(get_symmetric_quantization_config(is_per_channel=per_channel), observer)


def dynamic_config() -> Any:
    """Returns the config for weights in int8 per channel and activations in int8, with ranges found at each call."""
    config = get_symmetric_quantization_config(is_per_channel=True, is_dynamic=True)
    return _with_small_scales(config, PerChannelMinMaxObserver)


def _with_small_scales(config: Any, observer: Any) -> Any:
    weight = replace(config.weight, observer_or_fake_quant_ctr=observer.with_args(eps=_SMALLEST_SCALE))
    return replace(config, weight=weight)


class Quantizer(XNNPACKQuantizer):  # type: ignore[misc]
    """XNNPACKQuantizer with two changes.

    - It quantizes a convolution and the clamp after it (ReLU6) as one operator, as it does with ReLU. XNNPACK clamps as
      part of a convolution, so the values before the clamp are not quantized.
    - It does not quantize linear layers that only reorder values, and layers that have a loud input
      (`formats/outliers.py`) or would become coarse (`formats/coarse.py`).

    Args:
        convolutions: The config of convolutions.
        rest: The config of all other operators.
        coarse: The layers that stay float.
    """

    def __init__(self, convolutions: Any, rest: Any, coarse: Sequence[Coarse] = ()) -> None:
        super().__init__()
        self._coarse = coarse
        self._convolutions = convolutions
        if convolutions is rest:
            self.set_global(rest)
        else:
            for operator in _CONVOLUTIONS:
                self.set_operator_type(operator, convolutions)
            self.set_operator_type(torch.ops.aten.linear.default, rest)

    def annotate(self, model: GraphModule) -> GraphModule:
        self.set_filter_function(lambda node: not stays_float(model, node, self._coarse))
        if not self._convolutions.input_activation.is_dynamic:
            for node in model.graph.nodes:
                if node.target in _CLAMPS and node.args[0].target in _CONVOLUTIONS and len(node.args[0].users) == 1:
                    self._annotate_as_one(node.args[0], node)
        return super().annotate(model)  # type: ignore[no-any-return]

    def _annotate_as_one(self, convolution: Node, clamp: Node) -> None:
        config = self._convolutions
        source, weight = convolution.args[:2]
        convolution.meta[_ANNOTATION] = QuantizationAnnotation(
            input_qspec_map={source: config.input_activation, weight: config.weight}, _annotated=True
        )
        clamp.meta[_ANNOTATION] = QuantizationAnnotation(output_qspec=config.output_activation, _annotated=True)


def constant_operand(model: GraphModule, node: Node) -> torch.Tensor | None:
    """Returns the constant that `node` multiplies its first input with, None if that operand is computed."""
    weight = node.args[1]
    if getattr(weight, "op", "") != "get_attr":
        return None
    return constant_named(model, str(weight.target))  # type: ignore[union-attr]


def stays_float(model: GraphModule, node: Node, coarse: Sequence[Coarse] = ()) -> bool:
    """Whether the weights of `node` stay float32: it only reorders values, has a loud input, or is coarse in int8."""
    if node.target == torch.ops.aten.linear.default or node.target in _CONVOLUTIONS:
        weight = constant_operand(model, node)
        if weight is not None and (has_loud_input(weight.numpy()) or is_coarse(weight.numpy(), coarse)):
            return True
    return only_reorders(model, node)


def only_reorders(model: GraphModule, node: Node) -> bool:
    """Whether `node` is a product with a constant matrix of zeros and ones, which is exact in float32."""
    if node.target not in (torch.ops.aten.linear.default, torch.ops.aten.bmm.default):
        return False
    weight = constant_operand(model, node)
    return weight is not None and bool(((weight == 0) | (weight == 1)).all())
