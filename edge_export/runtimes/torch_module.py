"""Runs PyTorch networks that stream, call by call, as an app runs an artifact."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from edge_export.files.arrays import Array
from edge_export.runtimes.stream import stream_recordings
from edge_export.spec.arrays import Run

if TYPE_CHECKING:
    from torch import Tensor, nn

    from edge_export.spec.tensors import IOSpec


def as_run(module: nn.Module, io: IOSpec) -> Run:
    """Returns `module`, a step with the inputs and outputs of `io`, as a `Run` like those of the runtimes."""

    def run(inputs: dict[str, Array]) -> dict[str, Array]:
        with torch.inference_mode():
            outputs = module(*(torch.from_numpy(inputs[spec.name]) for spec in io.inputs))
        return {spec.name: output.numpy() for spec, output in zip(io.outputs, outputs, strict=True)}

    return run


def stream_module(module: nn.Module, io: IOSpec, recordings: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Returns the outputs of a step on whole recordings `(count, channels, samples)`, each a separate stream."""
    (audio,) = recordings
    streamed = stream_recordings(as_run(module, io), io, audio.numpy())
    return tuple(torch.from_numpy(streamed[spec.name]) for spec in io.recorded_outputs)
