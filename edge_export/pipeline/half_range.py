"""Finds where a member leaves the range of float16, to tell it of a float16 file that is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from edge_export.formats.program import layer_of, operator_of
from edge_export.pipeline.calibration_inputs import calibration_inputs

if TYPE_CHECKING:
    from torch import Tensor, fx, nn
    from torch.export import ExportedProgram

    from edge_export.files.arrays import Array
    from edge_export.mothers.protocol import Recordings
    from edge_export.spec.tensors import IOSpec

SAMPLES = 8
LARGEST, SMALLEST = torch.finfo(torch.float16).max, torch.finfo(torch.float16).tiny
MASK = -1e8
"""Numbers below are those of masks, such as -1e9 before a softmax: any very negative number does."""


def half_range(program: ExportedProgram, module: nn.Module, io: IOSpec, recordings: Recordings) -> str:
    """Returns where float16 first overflows and underflows in a member's recordings, as a sentence. Empty: nowhere.

    Args:
        program, module: The member, exported and baked.
        io: Its inputs and outputs.
        recordings: Some are run: calls of the first one, if it streams.
    """
    count = SAMPLES if io.stream is None else 1
    first = replace(recordings, batches=[tuple(tensor[:count] for tensor in recordings.goldens)])
    inputs = calibration_inputs(module, io, first)
    return first_beyond(program, [inputs[spec.name][:SAMPLES] for spec in io.inputs])


def first_beyond(program: ExportedProgram, inputs: Sequence[Array]) -> str:
    """Returns the sentence of `half_range` for inputs in the program's order, `(count, …)` each."""
    network = program.module(check_guards=False)
    assert isinstance(network, torch.fx.GraphModule)
    watched = _Watched(network)
    for index in range(len(inputs[0])):
        with torch.no_grad():
            watched.run(*(torch.tensor(array[index : index + 1]) for array in inputs))
    peaks = watched.peaks
    over = next((node for node, peak in peaks.items() if peak > LARGEST), None)
    under = next((node for node, peak in peaks.items() if 0 < peak < SMALLEST), None)
    told = []
    if over is not None:
        told.append(f"float16 overflows first at {_place(over)}, at {peaks[over]:.2g} of at most {LARGEST:.0f}")
    if under is not None:
        told.append(
            f"float16 underflows first at {_place(under)}, whose largest value is {peaks[under]:.2g}, "
            f"less than {SMALLEST:.1g}"
        )
    return "; ".join(told)


class _Watched(torch.fx.Interpreter):
    """Runs a network and keeps the largest absolute value of each node that computes floating-point numbers."""

    def __init__(self, network: fx.GraphModule) -> None:
        super().__init__(network)
        self.peaks: dict[fx.Node, float] = {}

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        if n.op == "call_function" and isinstance(result, torch.Tensor) and result.is_floating_point():
            self.peaks[n] = max(self.peaks.get(n, 0.0), _peak(result))
        return result


def _peak(values: Tensor) -> float:
    kept = values[values.isfinite() & (values > MASK)].abs()
    return float(kept.max()) if kept.numel() else 0.0


def _place(node: fx.Node) -> str:
    layer = layer_of(node)
    return f"layer {layer} ({operator_of(node)})" if layer else operator_of(node)
