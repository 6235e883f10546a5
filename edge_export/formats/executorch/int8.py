"""Quantize a member to int8 for XNNPACK: ExecuTorch's XNNPACKQuantizer in torchao's PT2E flow, on the exported graph.

What each scheme quantizes:
    static              weights with one scale for each output channel; activations with ranges observed on the
                        calibration inputs
    static_per_tensor   the same, with one scale per tensor: fewer bytes, coarser; on request only
    dynamic             linear layers and convolutions, except depthwise ones and those followed by ReLU: weights per
                        channel, activations with the range that they have in each call
    weight_only         weights of linear layers, per channel; all arithmetic is float32
If a member feeds state back, the static schemes quantize only its convolutions statically, and its linear layers
dynamically, because an error in the state would accumulate over calls. Every scheme stores the constant matrices of
batched products (the steps of stacked recurrences) in int8; they compute in float32 (`weights.py`). Inputs and outputs
stay float32, and layers with a loud input (`formats/outliers.py`) or with coarse results (`formats/coarse.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

from edge_export.formats.calibration_samples import read_samples
from edge_export.formats.coarse import Coarse, coarse_layers, notes
from edge_export.formats.constants import drop_unused
from edge_export.formats.executorch.notes import describe
from edge_export.formats.executorch.quantizer import Quantizer, dynamic_config, static_config
from edge_export.formats.executorch.weights import quantize_linear_weights, quantize_stacked_matrices
from edge_export.workers.threads import cpu_threads

if TYPE_CHECKING:
    from pathlib import Path

    from torch.export import ExportedProgram

    from edge_export.spec.tensors import IOSpec

_STATIC = ("static_per_tensor", "static")


def quantize(
    exported: ExportedProgram, io: IOSpec, scheme: str, calibration: Path | None
) -> tuple[ExportedProgram, tuple[str, ...]]:
    """Returns `exported` in int8, and notes for the user.

    Args:
        exported: The member's program.
        io: Its inputs and outputs.
        scheme: One of the schemes above.
        calibration: A safetensors file of real inputs, which the static schemes need.

    Raises:
        ValueError: The calibration inputs are missing or do not match `io`.
    """
    samples = read_samples(calibration, io, io) if scheme in _STATIC else []
    coarse = coarse_layers(exported, io, calibration)
    model = exported.module(check_guards=False)
    blank = tuple(torch.zeros(spec.shape, dtype=getattr(torch, spec.dtype)) for spec in io.inputs)
    calls = [tuple(torch.from_numpy(sample[spec.name]) for spec in io.inputs) for sample in samples]
    with torch.no_grad(), cpu_threads(1):
        if scheme == "weight_only":
            quantize_linear_weights(model, coarse)
        else:
            model = prepare_pt2e(model, _quantizer(scheme, io, coarse))
            for call in calls or [blank]:  # without samples, one call is still needed to observe the weights
                model(*call)
            model = convert_pt2e(model)
        quantize_stacked_matrices(model)
        drop_unused(model)
        return torch.export.export(model, blank), (*notes(coarse), *describe(model, scheme))


def _quantizer(scheme: str, io: IOSpec, coarse: tuple[Coarse, ...]) -> Quantizer:
    if scheme not in _STATIC:
        dynamic = dynamic_config()
        return Quantizer(dynamic, dynamic, coarse)
    static = static_config(per_channel=scheme == "static")
    return Quantizer(static, dynamic_config() if io.feedback else static, coarse)
