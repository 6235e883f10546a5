"""Layers that stay float in int8 files: their results would be coarse, as measured on calibration inputs.

A row of weights has one scale. Where an input is a thousand times as large as the others and has weights a thousand
times as small, as after a LayerNorm with one large factor, those weights become 0 and the layer loses what it carries.
The weights alone do not show it: that input is as quiet there as one that nobody uses.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge_export.formats.program import place_of

if TYPE_CHECKING:
    from pathlib import Path

    from torch.export import ExportedProgram

    from edge_export.files.arrays import Array
    from edge_export.spec.tensors import IOSpec

LEAST_DB = 20.0
"""Of a layer's results with int8 weights. Usual layers have 35 dB and more."""
MUCH_DB = 30.0
"""What a layer keeps that is told as the cause where no scheme is right."""
SAMPLES = 4
"""The calls on which layers are measured."""
_TOLD = 3
"""Layers that a note names."""


@dataclass(frozen=True)
class Coarse:
    """A layer.

    Attributes:
        place: Where it is in the user's file.
        snr_db: Of its results with int8 weights.
        input_snr_db: Of its results with int8 inputs, with one scale for all of a call.
        weight: Its weights.
    """

    place: str
    snr_db: float
    input_snr_db: float
    weight: Array


def coarse_layers(program: ExportedProgram, io: IOSpec, calibration: Path | None) -> tuple[Coarse, ...]:
    """Returns the layers of a member whose results are below `LEAST_DB` with int8 weights, a scale for each channel.

    Without calibration inputs, or with others than the member's, there are none.
    """
    return tuple(each for each in _layers(program, io, calibration) if each.snr_db < LEAST_DB)


def coarsest_layer(program: ExportedProgram, io: IOSpec, calibration: Path) -> str:
    """Returns where int8 weights or inputs cost a layer's results most, as a sentence. Empty: nowhere much."""
    layers = _layers(program, io, calibration)
    worst = min(layers, key=lambda each: min(each.snr_db, each.input_snr_db), default=None)
    if worst is None or min(worst.snr_db, worst.input_snr_db) >= MUCH_DB:
        return ""
    if worst.snr_db < worst.input_snr_db:
        return f"int8 weights cost most at {worst.place}: {worst.snr_db:.0f} dB of its results stay"
    return (
        f"int8 inputs cost most at {worst.place}: {worst.input_snr_db:.0f} dB of its results stay, because a few "
        "inputs are far larger than the others"
    )


def _layers(program: ExportedProgram, io: IOSpec, calibration: Path | None) -> tuple[Coarse, ...]:
    """Returns all layers with constant weights, as measured on some of the calibration inputs."""
    import torch

    calls = _calls(io, calibration)
    network = program.module(check_guards=False)
    assert isinstance(network, torch.fx.GraphModule)
    measured = _measurer(network)
    with torch.no_grad():
        for call in calls:
            measured.run(*map(torch.from_numpy, call))
    return tuple(
        Coarse(place_of(node), _ratio_db(signal, noise), _ratio_db(signal, other), measured.weights[node].numpy())
        for node, (signal, noise, other) in measured.powers.items()
    )


def _calls(io: IOSpec, calibration: Path | None) -> list[tuple[Array, ...]]:
    """Returns the inputs of some calls, spread over `calibration`. None of others than the member's."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        arrays = {} if calibration is None else load_file(calibration)
    except (OSError, SafetensorError):
        return []
    columns = [arrays.get(spec.name) for spec in io.inputs]
    if not all(
        column is not None and column.ndim and column.shape[1:] == spec.shape[1:] and column.dtype.name == spec.dtype
        for column, spec in zip(columns, io.inputs, strict=True)
    ):
        return []
    count = min((len(column) for column in columns if column is not None), default=0)
    places = range(0, count, max(1, count // SAMPLES))[:SAMPLES]
    return [tuple(column[place : place + 1] for column in columns if column is not None) for place in places]


def _ratio_db(signal: float, noise: float) -> float:
    return 10 * math.log10(signal / noise) if noise > 0 < signal else math.inf


def is_coarse(weight: Array, coarse: Sequence[Coarse]) -> bool:
    """Returns whether `weight` holds the values of one of the coarse layers, in any layout, also in float16."""
    import numpy as np

    alike = [each.weight for each in coarse if each.weight.size == weight.size]
    values = np.sort(weight, axis=None).astype(np.float64) if alike else weight
    limit = float(np.abs(values).max(initial=0)) * 1e-6 + 1e-7 if alike else 0.0
    return any(np.allclose(values, np.sort(each, axis=None), rtol=2e-3, atol=limit) for each in alike)


def notes(coarse: Sequence[Coarse]) -> tuple[str, ...]:
    """Returns a note on the layers that stay float. Empty: there are none."""
    if not coarse:
        return ()
    named = ", ".join(f"{each.place} to {each.snr_db:.0f} dB" for each in coarse[:_TOLD])
    more = f" and {len(coarse) - _TOLD} more" if len(coarse) > _TOLD else ""
    return (f"stays float, because int8 weights would reduce its results: {named}{more}",)


def _measurer(network: Any) -> Any:
    import torch

    aten = torch.ops.aten
    layers = (aten.linear.default, aten.conv1d.default, aten.conv2d.default, aten.conv3d.default)

    class Measurer(torch.fx.Interpreter):
        """Runs a network, and sums the powers of layers' results, and of their errors by int8 weights and inputs."""

        def __init__(self) -> None:
            super().__init__(network)
            self.powers: dict[torch.fx.Node, tuple[float, float, float]] = {}
            self.weights: dict[torch.fx.Node, torch.Tensor] = {}

        def run_node(self, n: torch.fx.Node) -> Any:
            if n.target in layers and getattr(n.args[1], "op", "") == "get_attr":
                (x, weight, *rest), named = self.fetch_args_kwargs_from_env(n)
                weight = weight.detach()
                scale = weight.abs().amax(tuple(range(1, weight.dim())), keepdim=True) / 127
                rounded = torch.round(weight / torch.where(scale > 0, scale, 1.0)) * scale
                options, named = (None, *rest[1:]), {name: each for name, each in named.items() if name != "bias"}
                step = max(float(x.max() - x.min()) / 255, 1e-30)
                pairs = ((x, weight), (x, rounded - weight), (torch.round(x / step) * step - x, weight))
                made = (n.target(*pair, *options, **named) for pair in pairs)  # type: ignore[operator]
                powers = (float(each.double().square().sum()) for each in made)
                known = self.powers.get(n, (0.0, 0.0, 0.0))
                self.powers[n] = tuple(map(sum, zip(known, powers, strict=True)))  # type: ignore[assignment]
                self.weights[n] = weight
            return super().run_node(n)

    return Measurer()
