"""Faults before there is a file: in what a mother extracts, in calibration, in baking and in the export.

Each takes the mother, a copy of her own, and the configuration; it is planted in her or, by `monkeypatch`, in the code
that makes the member.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from faults_bases import BATCHES, mother, recorded
from torch import nn

from edge_export.baking import factor
from edge_export.baking.streaming import (
    band_split,
    fold_batchnorm,
    freeze_gates,
    gated_sum,
    masks,
    recurrence,
    transform,
)
from edge_export.baking.streaming.step import StreamingSeparator
from edge_export.members.calibrate import batch_norms, calibrate
from edge_export.members.extract import extract
from edge_export.mothers.band_split.tac import TACGate
from edge_export.mothers.us_mobilenet.architecture import mobilenet_v2
from edge_export.mothers.us_mobilenet.mother import UsMobileNet, slimmable_digits
from edge_export.mothers.us_mobilenet.slimmable import SwitchableBatchNorm2d
from edge_export.mothers.us_mobilenet.width_space import Width
from edge_export.pipeline import member as verification

Plant = Callable[[Any, Any, pytest.MonkeyPatch, np.random.Generator], None]
Change = Callable[[nn.Module, np.random.Generator], None]


def in_extract(change: Change) -> Plant:
    """The mother extracts members that `change` has changed."""

    def plant(owner: Any, config: Any, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
        class Faulty(type(owner)):  # type: ignore[misc]
            def extract(self, asked: Any) -> nn.Module:
                member = super().extract(asked)
                with torch.no_grad():
                    change(member, rng)
                return member

        owner.__class__ = Faulty

    return plant


def weight_off(member: nn.Module, rng: np.random.Generator) -> None:
    """The largest weight of a layer, 1 % larger."""
    weight = _some(member, rng, lambda name, tensor: tensor.dim() > 1)
    weight.flatten()[weight.abs().argmax()] *= 1.01


def channels_swapped(member: nn.Module, rng: np.random.Generator) -> None:
    """Two of a layer's output channels in each other's place."""
    weight = _some(member, rng, lambda name, tensor: tensor.dim() > 1 and len(tensor) > 1)
    one, other = rng.choice(len(weight), 2, replace=False)
    weight[[one, other]] = weight[[other, one]]


def bias_zeroed(member: nn.Module, rng: np.random.Generator) -> None:
    """The largest bias of a layer, zero."""
    bias = _some(member, rng, lambda name, tensor: name.rpartition(".")[2].startswith("bias"))
    bias[bias.abs().argmax()] = 0


def weight_nan(member: nn.Module, rng: np.random.Generator) -> None:
    """A weight that is NaN."""
    _some(member, rng, lambda name, tensor: tensor.dim() > 1).flatten()[0] = torch.nan


def pad_shifted(member: nn.Module, rng: np.random.Generator) -> None:
    """A convolution padded by 0 and 2 rows instead of 1 and 1."""
    padded = [name for name, layer in member.named_modules() if getattr(layer, "padding", None) == (1, 1)]
    name = padded[rng.integers(len(padded))]
    convolution = member.get_submodule(name)
    convolution.padding = (0, 1)
    member.set_submodule(name, nn.Sequential(nn.ZeroPad2d((0, 0, 0, 2)), convolution))


def input_transposed(member: nn.Module, rng: np.random.Generator) -> None:
    """Images with height and width in each other's place."""
    member.features.insert(0, Transposed())


class Transposed(nn.Module):
    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image.transpose(2, 3)


def gates_of_another_width(member: nn.Module, rng: np.random.Generator) -> None:
    """TAC gates that take the mean over one sub-module more than there are."""
    width = len(member.layers[0].time.branches)
    for gate in member.modules():
        if isinstance(gate, TACGate):
            gate.average.weight *= width / (width + 1)


def statistics_of_another_width(owner: Any, config: Any, monkeypatch: pytest.MonkeyPatch, rng: Any) -> None:
    """A calibrated member gets the first of the statistics that the largest one has."""

    def wrong(member: nn.Module, batches: Any, max_batches: int | None) -> None:
        other = copy.deepcopy(owner)
        calibrate(other, batches, other.space.smallest if config == other.space.largest else other.space.largest)
        source = batch_norms(extract(other, config))
        for name, norm in batch_norms(member).items():
            norm.running_mean.copy_(source[name].running_mean)
            norm.running_var.copy_(source[name].running_var)

    _after_calibration(monkeypatch, wrong)


def other_batches(owner: Any, config: Any, monkeypatch: pytest.MonkeyPatch, rng: Any) -> None:
    """A member is calibrated without the last image or song of each batch."""

    def wrong(member: nn.Module, batches: Any, max_batches: int | None) -> None:
        calibrate(member, [tuple(tensor[:-1] for tensor in batch) for batch in batches], max_batches=max_batches)

    _after_calibration(monkeypatch, wrong)


def static_gates_of_another_width(owner: Any, config: Any, monkeypatch: pytest.MonkeyPatch, rng: Any) -> None:
    """Constant gates of a member are the first of those that the largest one has."""
    healthy = freeze_gates.freeze_gates

    def faulty(network: nn.Module, batches: Any, max_batches: Any = None, at: Any = None) -> nn.Module:
        frozen = healthy(network, batches, max_batches, at)
        if at is None:
            other = healthy(owner, batches, max_batches, owner.space.largest)
            for own, wide in zip(frozen.layers, other.network.layers, strict=False):
                for axis in ("time", "band"):
                    gate = own.get_submodule(f"{axis}.gate")
                    gate.means.copy_(wide.get_submodule(f"{axis}.gate").means[: len(gate.means)])
        return frozen

    monkeypatch.setattr(freeze_gates, "freeze_gates", faulty)


def patched(module: Any, name: str, faulty: Callable[[Any], Any]) -> Plant:
    """What is called `name` in `module`, as `faulty` makes it of the healthy one."""

    def plant(owner: Any, config: Any, monkeypatch: pytest.MonkeyPatch, rng: Any) -> None:
        monkeypatch.setattr(module, name, faulty(getattr(module, name)))

    return plant


def _without_eps(scale_and_shift: Any) -> Any:
    def faulty(norm: Any) -> Any:
        without = copy.deepcopy(norm)
        without.__dict__["eps"] = 0.0  # of a layer, or of a frozen record
        return scale_and_shift(without)

    return faulty


def _without_mean(scale_and_shift: Any) -> Any:
    def faulty(norm: Any) -> Any:
        scale, shift = scale_and_shift(norm)
        return scale, shift + norm.running_mean * scale

    return faulty


def _other_gate_order(matrices: Any) -> Any:
    def faulty(lstm: nn.LSTM, suffix: str) -> Any:
        (weight, bias), from_h = matrices(lstm, suffix)
        i, f, o, g = torch.arange(4 * lstm.hidden_size).chunk(4)
        order = torch.cat([i, o, f, g])
        return fold_batchnorm.Affine(weight[order], bias[order]), from_h[order]

    return faulty


def _without_inner_bias(through: Any) -> Any:
    return lambda outer, inner: through(outer, fold_batchnorm.Affine(inner.weight, inner.bias * 0))


def _of_next_bins(run_linear: Any) -> Any:
    def faulty(*arguments: Any) -> nn.Linear:
        linear = run_linear(*arguments)
        linear.weight.data = linear.weight.data.roll(1, 1)
        return linear

    return faulty


def _window_off(synthesis_window: Any) -> Any:
    return lambda window, hop: synthesis_window(window, hop) * 1.01


def _weight_off_in_program(export_program: Any) -> Any:
    def faulty(module: nn.Module, inputs: Any) -> Any:
        program = export_program(module, inputs)
        weight = max(
            (t for t in program.state_dict.values() if t.dim() > 1), key=lambda t: float(t.detach().abs().max())
        )
        weight.data.flatten()[weight.abs().argmax()] *= 1.01
        return program

    return faulty


def _swapped_parts(parts: Any) -> Any:
    def faulty(step: StreamingSeparator, state: torch.Tensor) -> list[torch.Tensor]:
        *others, hidden, cell = parts(step, state)
        return [*others, cell, hidden]

    return faulty


def statistics_by_width() -> UsMobileNet:
    """The digits with statistics for the widths 0.25 and 0.5 in their own lists, as published checkpoints have them."""
    trained = mother("digits")
    architecture = mobilenet_v2(stem=32, stages=((1, 16, 1, 1), (4, 32, 2, 2), (4, 64, 2, 2)), head=128, narrowest=0.25)
    own = {"resolution": 32, "image_channels": 1, "classes": 10, "labels": trained.io.labels, "mean": (), "std": ()}
    listed = UsMobileNet(architecture, **own, listed_widths=(0.25, 0.5)).eval()
    listed.load_state_dict(trained.state_dict(), strict=False)
    for width in listed.listed_widths:
        calibrate(listed, recorded("digits").recordings.batches, Width(width), BATCHES)
    return listed


def switchable_by_width() -> UsMobileNet:
    """The digits with a whole BatchNorm for each listed width, whose statistics are those of that width."""
    trained = mother("digits")
    switchable = slimmable_digits().eval()
    switchable.load_state_dict(trained.state_dict(), strict=False)
    layers = [layer for layer in switchable.modules() if isinstance(layer, SwitchableBatchNorm2d)]
    for index, width in enumerate(switchable.listed_widths):
        member = trained.extract(Width(width))
        calibrate(member, recorded("digits").recordings.batches, max_batches=BATCHES)
        for layer, norm in zip(layers, batch_norms(member).values(), strict=True):
            layer.bn[index].load_state_dict(norm.state_dict())
    return switchable


def _some(member: nn.Module, rng: np.random.Generator, fits: Callable[[str, torch.Tensor], bool]) -> torch.Tensor:
    tensors = [tensor for name, tensor in member.named_parameters() if fits(name, tensor) and tensor.any()]
    return tensors[rng.integers(len(tensors))].data


def _after_calibration(monkeypatch: pytest.MonkeyPatch, wrong: Any) -> None:
    """Do `wrong` to a member behind its calibration; the mother, who has a configuration, is left alone."""

    def faulty(network: nn.Module, batches: Any, config: Any = None, max_batches: int | None = None) -> int:
        count = calibrate(network, batches, config, max_batches)
        if config is None:
            wrong(network, batches, max_batches)
        return count

    monkeypatch.setattr(verification, "calibrate", faulty)


# Each kind of fault, the first stage that it must be found at, and how it is planted.
IN_ANY: dict[str, tuple[str, Plant]] = {
    "weight 1 %": ("extracted", in_extract(weight_off)),
    "channels swapped": ("extracted", in_extract(channels_swapped)),
    "bias zeroed": ("extracted", in_extract(bias_zeroed)),
    "weight NaN": ("extracted", in_extract(weight_nan)),
    "statistics of another": ("calibrated", statistics_of_another_width),
    "other batches": ("calibrated", other_batches),
}
IN_DIGITS: dict[str, tuple[str, Plant]] = {
    "wrong pad": ("extracted", in_extract(pad_shifted)),
    "input transposed": ("extracted", in_extract(input_transposed)),
    "exported weight 1 %": ("exported", patched(verification, "export_program", _weight_off_in_program)),
    "fold without mean": ("fold_batchnorm_into_previous", patched(factor, "scale_and_shift", _without_mean)),
    "fold without eps": ("fold_batchnorm_into_previous", patched(factor, "scale_and_shift", _without_eps)),
}
IN_SEPARATORS: dict[str, tuple[str, Plant]] = {
    "gates of another": ("extracted", in_extract(gates_of_another_width)),
    "static gates of another": ("approximated", static_gates_of_another_width),
    "fold without eps": ("fold_batchnorm", patched(fold_batchnorm, "scale_and_shift", _without_eps)),
    "LSTM gates swapped": ("merge_recurrences", patched(recurrence, "_matrices", _other_gate_order)),
    "projection's bias lost": ("fold_gates", patched(gated_sum, "_through", _without_inner_bias)),
    "window 1 %": ("streamed_transform", patched(transform, "synthesis_window", _window_off)),
    "bins of the next band": ("band_split", patched(band_split, "_run_linear", _of_next_bins)),
    "masks of the next bins": ("masks", patched(masks, "_run_linear", _of_next_bins)),
    "states swapped": ("baked", patched(StreamingSeparator, "_parts", _swapped_parts)),
}
