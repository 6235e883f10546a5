"""Training of a separator: an L1 loss on real part, imaginary part and waveform.

Each step trains the full network and a random subnetwork (arXiv 2312.03464, section 3.3), optionally also the smallest
one. The sandwich rule with in-place distillation (arXiv 1903.05134) is another option: the others then learn the
prediction of the largest.

The network grows: training begins with the smallest configuration, whose steps cost a sixth of the largest one's. What
it learns stays in all others, for they contain it.

Where there is a GPU, a separator with batch norms has a plan of its own: large batches of songs that lie in its memory,
and masks that are computed all at once (`training/gpu/`).
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from edge_export.data.musdb import ChunkPlan, draw_batch, find_tracks
from edge_export.mothers.band_split.network import BandSplitNetwork, BandSplitSettings, apply_masks
from edge_export.training.gpu.fused_masks import LSTMs, choose_lstms, fused_masks, serves
from edge_export.training.gpu.song_bank import SongBank
from edge_export.training.loop import Setup
from edge_export.training.losses import separation_loss, si_sdr
from edge_export.training.precision import has_mixed_precision, tensor_float32
from edge_export.training.sandwich import sandwich

if TYPE_CHECKING:
    from edge_export.data.music import Music
    from edge_export.mothers.band_split.mother import DepthWidth, DepthWidthSpace, ElasticBandSplit

THREADS = 1
"""Such small layers gain nothing from more threads, and the last bits should not depend on the machine."""
GROWTH = ((0.0, 0.0), (0.6, 0.5), (0.82, 1.0))
"""The stages: after which share of the epochs the full network of a step has which share of depth and width."""


@dataclass(frozen=True)
class Rule:
    """The configurations that a step trains besides the full network.

    Attributes:
        smallest: Whether the step trains the smallest configuration.
        between: The number of random configurations.
        distillation: The share of the distance to the full network's prediction in their loss, 0..1.
    """

    smallest: bool
    between: int
    distillation: float = 0.0


RULES = {
    "random": Rule(smallest=False, between=1),
    "ends": Rule(smallest=True, between=1),
    "sandwich": Rule(smallest=True, between=2, distillation=1.0),
}
"""The rule of Subnetwork-to-go; the same with the smallest network; the rule of universally slimmable networks."""


@dataclass(frozen=True)
class SeparationPlan:
    """The settings of a separator's training.

    Attributes:
        rule: A key of `RULES`.
        seconds: The length of an example.
        batch: The examples in a batch.
        batches_per_epoch: The batches in an epoch.
        rate: Adam's learning rate.
        warm_up: The epochs in which the rate rises.
        falling: The share of the epochs, at the end of training, in which the rate falls to a fiftieth.
        silent: The share of examples without vocals.
        growth: As `GROWTH`.
        fused: Whether songs lie in the device's memory and masks are computed all at once, as a GPU needs it. It works
            on a CPU, too.
    """

    rule: str = "random"
    seconds: float = 2.0
    batch: int = 3
    batches_per_epoch: int = 100
    rate: float = 1.5e-3
    warm_up: float = 2.0
    falling: float = 0.2
    silent: float = 0.1
    growth: tuple[tuple[float, float], ...] = GROWTH
    fused: bool = False


GPU_PLAN = SeparationPlan(
    rule="ends",
    seconds=3.0,
    batch=96,
    rate=2e-3,
    warm_up=3.0,
    falling=0.35,
    silent=0.15,
    growth=((0.0, 0.0), (0.495, 0.5), (0.665, 1.0)),
    fused=True,
)
"""The plan for a GPU. Its 188 epochs of 100 steps are 93 of the smallest configuration, 32 of half and 63 of all."""
GPU_MEMORY = 12_000_000_000
"""The bytes that `GPU_PLAN` needs besides the songs, measured for the default separator on an H200."""


def default_plan(settings: BandSplitSettings, device: torch.device) -> SeparationPlan:
    """Returns the plan for a device; a separator without batch norms has the same on all."""
    return GPU_PLAN if device.type == "cuda" and serves(settings) else SeparationPlan()


def set_up(
    mother: ElasticBandSplit, music: Sequence[Music], rule: str | None = None, plan: SeparationPlan | None = None
) -> Setup:
    """Returns the setup that trains `mother` on the `train` parts of `music`.

    Training runs on the GPU if there is one. It uses mixed precision (bfloat16) if the processor supports it natively.

    Args:
        mother: The network to train.
        music: The folders of the music. All tracks are drawn equally often.
        rule: A key of `RULES`; None: the plan's.
        plan: All settings; None: `default_plan`.

    Raises:
        RequestError: There are no tracks or bad ones, or they do not fit into the GPU's memory.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    s = mother.settings
    plan = plan or default_plan(s, device)
    plan = plan if rule is None else replace(plan, rule=rule)
    mother.to(device)
    tracks = [track for each in music for track in find_tracks(each.folder, "train")]
    chunks = ChunkPlan(
        s.stems, s.sample_rate, s.channels, int(plan.seconds * s.sample_rate), plan.batch, silent=plan.silent
    )
    bank = SongBank(tracks, chunks, device, GPU_MEMORY if device.type == "cuda" else 0) if plan.fused else None
    lstms = _choose_lstms(s, device) if plan.fused else None
    last = Step(math.nan, math.nan)
    silent = [(weight, where.to(device)) for weight, where in mother.network.silent_weights()]
    for weight, where in silent:
        weight.data[where] = 0.0

    def batches(generator: torch.Generator) -> Iterable[tuple[Tensor, ...]]:
        rng = np.random.default_rng(int(torch.randint(2**62, (1,), generator=generator)))
        for _ in range(plan.batches_per_epoch):
            yield draw_batch(tracks, chunks, rng) if bank is None else bank.draw(generator)

    def accumulate(batch: tuple[Tensor, ...], choices: random.Random, stage: int) -> float:
        nonlocal last
        mixture, stems = (tensor.to(device) for tensor in batch)
        configs = configurations(grown_space(mother.space, plan.growth[stage][1]), RULES[plan.rule], choices)
        last = accumulate_gradients(mother.network, mixture, stems, configs, RULES[plan.rule].distillation, lstms)
        for weight, where in silent:
            assert weight.grad is not None
            weight.grad[where] = 0.0  # they stay 0
        return last.loss

    return Setup(
        mother=mother,
        optimizer=torch.optim.Adam(mother.parameters(), lr=plan.rate, fused=device.type == "cuda" or None),
        batches=batches,
        batches_per_epoch=plan.batches_per_epoch,
        accumulate=accumulate,
        learning_rate=_schedule(plan),
        settings={
            "task": "separation",
            "data": ",".join(str(each.folder) for each in music),
            "tracks": len(tracks),
            **{name: getattr(plan, name) for name in SeparationPlan.__dataclass_fields__ if name != "growth"},
            "growth": str(plan.growth),
            **({} if lstms is None else {"lstms": f"{lstms.__name__} on {device.type}"}),
        },
        clip_norm=5.0,
        threads=THREADS,
        stage=lambda epoch, epochs: growth_stage(plan.growth, epoch, epochs),
        status=lambda: f"SI-SDR {last.si_sdr:.1f} dB",
    )


@dataclass(frozen=True)
class Step:
    """The result of the largest configuration on one batch: its loss, and the mean SI-SDR of its first stem in dB."""

    loss: float
    si_sdr: float


def growth_stage(growth: Sequence[tuple[float, float]], epoch: int, epochs: int) -> int:
    """Returns the stage of `growth` in which an epoch is, counted from 0. The last epoch is in the last stage."""
    return sum(start < (epoch + 1) / epochs for start, _ in growth) - 1


def grown_space(space: DepthWidthSpace, share: float) -> DepthWidthSpace:
    """Returns the configurations of `space` up to a share of its depth and width, at least the smallest."""
    return type(space)(max(1, round(share * space.max_depth)), max(1, round(share * space.max_width)))


def configurations(space: DepthWidthSpace, rule: Rule, choices: random.Random) -> list[DepthWidth]:
    """Returns the configurations of one step, the largest first."""
    if space.largest == space.smallest:
        return [space.largest]
    if rule.smallest:
        return sandwich(space, choices, rule.between)
    return [space.largest, *(space.sample(choices) for _ in range(rule.between))]


def accumulate_gradients(
    network: BandSplitNetwork,
    mixture: Tensor,
    stems: Tensor,
    configs: Sequence[DepthWidth],
    distillation: float = 0.0,
    lstms: LSTMs | None = None,
) -> Step:
    """Adds up the gradients of all `configs`.

    Args:
        network: The mother's network.
        mixture: `(batch, channels, samples)`.
        stems: `(batch, stems, channels, samples)`.
        configs: The configurations, the largest first: it is the teacher of the others.
        distillation: The share of the teacher in the loss of the others, 0..1.
        lstms: Runs the LSTMs of `fused_masks`; None: the network computes its masks, in mixed precision.
    """
    spectrum = network.analysis(mixture)
    # If the last stem is the remainder, its error is minus the sum of the other errors and adds no information.
    masked = stems[:, : network.settings.masks]
    target = (network.analysis(masked.flatten(0, 1)).unflatten(0, masked.shape[:2]), masked)
    scale = mixture.square().mean(dim=(1, 2)).sqrt().clamp_min(1e-3).reciprocal()
    teacher: tuple[Tensor, Tensor] | None = None
    first = Step(math.nan, math.nan)
    for config in configs:
        masks = _masks(network, spectrum, config, lstms)
        spectra = apply_masks(masks.float(), spectrum)
        estimate = (spectra, network.synthesis(spectra, mixture.shape[-1]))
        loss = separation_loss(estimate, target, scale)
        if teacher is None:
            teacher = (estimate[0].detach(), estimate[1].detach())
            first = Step(float(loss.detach()), float(si_sdr(teacher[1][:, 0], masked[:, 0]).mean()))
        elif distillation > 0.0:
            loss = (1.0 - distillation) * loss + distillation * separation_loss(estimate, teacher, scale)
        with nullcontext() if lstms is None else tensor_float32():
            loss.backward()  # type: ignore[no-untyped-call]
    return first


def _masks(network: BandSplitNetwork, spectrum: Tensor, config: DepthWidth, lstms: LSTMs | None) -> Tensor:
    """As `BandSplitNetwork.masks`."""
    if lstms is not None:
        with tensor_float32():
            return fused_masks(network, spectrum, config.depth, config.width, lstms)
    with torch.autocast(spectrum.device.type, torch.bfloat16, enabled=has_mixed_precision(spectrum.device)):
        return network.masks(spectrum, config.depth, config.width)


def _choose_lstms(settings: BandSplitSettings, device: torch.device) -> LSTMs:
    lstms, problem = choose_lstms(settings, device)
    if problem:
        print(f"training uses nn.LSTM, which is slower: {problem}", file=sys.stderr)
    return lstms


def _schedule(plan: SeparationPlan) -> Callable[[float, int], float]:
    def rate(epoch: float, epochs: int) -> float:
        falling = min(1.0, 0.02 + 0.98 * (epochs - epoch) / (plan.falling * epochs))
        return plan.rate * falling * min(1.0, (epoch + 0.01) / plan.warm_up)

    return rate
