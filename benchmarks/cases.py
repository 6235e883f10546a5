"""What is measured: members of the catalog's mothers, each as baked here and as the plain modules that peers get."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from benchmarks.plain_separator import INPUTS, OUTPUTS, PlainSeparator
from edge_export.baking.bake import bake, baker_of, example_inputs
from edge_export.baking.export import export_program
from edge_export.data.excerpts import open_excerpts
from edge_export.members.calibrate import calibrate
from edge_export.members.complexity import complexity
from edge_export.members.extract import extract
from edge_export.mothers.band_split.network import BandSplitNetwork
from edge_export.mothers.catalog import build_untrained, open_mother
from edge_export.mothers.protocol import IOSpec
from edge_export.pipeline.recordings import recordings_of
from edge_export.spec.agreement import agreement

CALLS = 12
"""How many calls of real audio come before the one that is measured, so that its state is a real one."""
MIN_SNR_DB = 90.0


@dataclass(frozen=True)
class Case:
    """A member, and for one that streams how many frames a call takes.

    Attributes:
        shipped: The mother comes with trained weights; otherwise they are seeded.
    """

    mother: str
    member: str
    frames: int = 0
    shipped: bool = True

    @property
    def name(self) -> str:
        return f"{self.mother}-{self.member}" + (f"-{self.frames}" if self.frames else "")


CASES: dict[str, Case] = {
    case.name: case
    for case in (
        *(Case("separator", member, frames) for member in ("d1w1", "d2w2", "d3w3", "d4w4") for frames in (1, 16)),
        *(Case("digits", width) for width in ("0.25", "1.0")),
        *(Case("us_mobilenet_v2", width, shipped=False) for width in ("0.35", "1.0")),
    )
}


@dataclass(frozen=True)
class Network:
    """A module ready to be converted, its names, inputs and what it gives for them."""

    module: nn.Module
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    input_names: tuple[str, ...]
    output_names: tuple[str, ...]


@dataclass(frozen=True)
class Built:
    """A case, built: the same member twice.

    Attributes:
        io: What `ours` takes and gives.
        macs: Multiply-accumulates of a call of `plain`: no zeros of block-diagonal matrices.
        params: The member's weights.
        call_ms: How much sound a call takes in; 0 for images.
    """

    ours: Network
    io: IOSpec
    plain: Network
    macs: int
    params: int
    call_ms: float


def build(case: Case, folder: Path) -> Built:
    """The case, with its calibrated weights kept in `folder`; ValueError when ours and plain are not the same."""
    mother = open_mother(case.mother) if case.shipped else seeded(build_untrained(case.mother))
    config = mother.space.parse(case.member)
    member = extract(mother, config)
    weights = folder / "member.safetensors"
    if weights.exists():
        member.load_state_dict(load_file(weights))
    elif case.shipped:
        calibrate(member, recordings_of(case.mother, mother, None).batches)
    save_file(member.state_dict(), weights)
    options = {"frames_per_call": case.frames} if case.frames else {}
    inputs = mother.example_inputs(config)
    baker_of(member).check(member, options)
    baked = bake(member, inputs, options)
    params = sum(p.numel() for p in member.parameters())
    with torch.no_grad():
        if not isinstance(member, BandSplitNetwork):
            image = torch.from_numpy(np.random.default_rng(0).random(inputs[0].shape, np.float32))
            ours, plain = (_network(m, (image,), ("image",), ("logits",)) for m in (baked.module, member))
            _require_same(ours.outputs[0], plain.outputs[0])
            return Built(ours, mother.io, plain, _macs(plain), params, 0.0)
        assert baked.io is not None
        ours, plain = _streams(baked.module, baked.io, PlainSeparator(member, case.frames))
    call_ms = 1000.0 * case.frames * member.settings.hop / member.settings.sample_rate
    return Built(ours, baked.io, plain, _macs(plain), params, call_ms)


def _macs(network: Network) -> int:
    return complexity(export_program(network.module, network.inputs)).macs


def _network(module: nn.Module, inputs: tuple[Tensor, ...], names: tuple[str, ...], given: tuple[str, ...]) -> Network:
    outputs = module(*inputs)
    return Network(module.eval(), inputs, (outputs,) if isinstance(outputs, Tensor) else tuple(outputs), names, given)


def _streams(baked: nn.Module, io: IOSpec, plain: PlainSeparator) -> tuple[Network, Network]:
    """Both on the same music, call after call; what they are measured on is the last call."""
    size = io.inputs[0].shape[-1]
    music = open_excerpts().mixtures[:1, :, 16000:]
    state, plain_state = example_inputs(io)[1:], plain.first_state()
    state = tuple(torch.zeros_like(t) for t in state)
    for call in range(CALLS):
        audio = music[..., call * size : (call + 1) * size].clone()
        ours = _network(baked, (audio, *state), tuple(s.name for s in io.inputs), tuple(s.name for s in io.outputs))
        theirs = _network(plain, (audio, *plain_state), INPUTS, OUTPUTS)
        _require_same(ours.outputs[0], theirs.outputs[0])
        state, plain_state = ours.outputs[1:], theirs.outputs[1:]
    return ours, theirs


def _require_same(ours: Tensor, plain: Tensor) -> None:
    snr = agreement(plain.numpy(), ours.numpy()).snr_db
    if snr < MIN_SNR_DB:
        raise ValueError(f"the baked and the plain network differ: {snr:.1f} dB")


def seeded(mother: nn.Module) -> nn.Module:
    """Weights and statistics that keep activations at a natural size, the same in each run."""
    state = mother.state_dict()
    for name, tensor in state.items():
        if not tensor.is_floating_point():
            continue
        z = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(tensor.shape)
        if name.endswith("running_var"):
            value = np.exp(0.2 * z)
        elif tensor.ndim >= 2:
            value = z * math.sqrt(2 / math.prod(tensor.shape[1:]))
        else:
            value = 0.1 * z + (1.0 if name.endswith(".weight") else 0.0)
        state[name] = torch.from_numpy(value.astype(np.float32))
    mother.load_state_dict(state)
    return mother
