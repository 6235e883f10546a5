"""Training of a separator: an L1 loss on real part, imaginary part and waveform.

Each step trains the full network and a random subnetwork (arXiv 2312.03464, section 3.3), optionally also the smallest
one. The sandwich rule with in-place distillation (arXiv 1903.05134) is another option: the others then learn the
prediction of the largest.

The network grows: training begins with the smallest configuration, whose steps cost a sixth of the largest one's. What
it learns stays in all others, for they contain it.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from edge_export.data.musdb import ChunkPlan, draw_batch, find_tracks
from edge_export.mothers.band_split.network import BandSplitNetwork, apply_masks
from edge_export.training.loop import Setup
from edge_export.training.losses import separation_loss, si_sdr
from edge_export.training.sandwich import sandwich

if TYPE_CHECKING:
    from edge_export.data.music import Music
    from edge_export.mothers.band_split.mother import DepthWidth, DepthWidthSpace, ElasticBandSplit

THREADS = 1
"""Such small layers gain nothing from more threads, and the last bits should not depend on the machine."""
FALLING = 0.2
"""The share of the epochs, at the end of training, in which the learning rate falls."""
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
        rate: Adam's learning rate. Over the last `FALLING` of the epochs it falls to a fiftieth.
        warm_up: The epochs in which the rate rises.
        growth: As `GROWTH`.
    """

    rule: str = "random"
    seconds: float = 2.0
    batch: int = 3
    batches_per_epoch: int = 100
    rate: float = 1.5e-3
    warm_up: float = 2.0
    growth: tuple[tuple[float, float], ...] = GROWTH


def set_up(
    mother: ElasticBandSplit, music: Sequence[Music], rule: str = "random", plan: SeparationPlan | None = None
) -> Setup:
    """Returns the setup that trains `mother` on the `train` parts of `music`.

    Training runs on the GPU if there is one. It uses mixed precision (bfloat16) if the processor supports it natively.

    Args:
        mother: The network to train.
        music: The folders of the music. All tracks are drawn equally often.
        rule: A key of `RULES`; ignored if a `plan` is given.
        plan: All settings.
    """
    plan = plan or SeparationPlan(rule)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    mother.to(device)
    s = mother.settings
    tracks = [track for each in music for track in find_tracks(each.folder, "train")]
    chunks = ChunkPlan(s.stems, s.sample_rate, s.channels, int(plan.seconds * s.sample_rate), plan.batch)
    last = Step(math.nan, math.nan)

    def batches(generator: torch.Generator) -> Iterable[tuple[Tensor, ...]]:
        rng = np.random.default_rng(int(torch.randint(2**62, (1,), generator=generator)))
        for _ in range(plan.batches_per_epoch):
            yield draw_batch(tracks, chunks, rng)

    def accumulate(batch: tuple[Tensor, ...], choices: random.Random, stage: int) -> float:
        nonlocal last
        mixture, stems = (tensor.to(device) for tensor in batch)
        configs = configurations(grown_space(mother.space, plan.growth[stage][1]), RULES[plan.rule], choices)
        last = accumulate_gradients(mother.network, mixture, stems, configs, RULES[plan.rule].distillation)
        return last.loss

    return Setup(
        mother=mother,
        optimizer=torch.optim.Adam(mother.parameters(), lr=plan.rate),
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
) -> Step:
    """Adds up the gradients of all `configs`.

    Args:
        network: The mother's network.
        mixture: `(batch, channels, samples)`.
        stems: `(batch, stems, channels, samples)`.
        configs: The configurations, the largest first: it is the teacher of the others.
        distillation: The share of the teacher in the loss of the others, 0..1.

    """
    spectrum = network.analysis(mixture)
    # If the last stem is the remainder, its error is minus the sum of the other errors and adds no information.
    masked = stems[:, : network.settings.masks]
    target = (network.analysis(masked.flatten(0, 1)).unflatten(0, masked.shape[:2]), masked)
    scale = mixture.square().mean(dim=(1, 2)).sqrt().clamp_min(1e-3).reciprocal()
    teacher: tuple[Tensor, Tensor] | None = None
    first = Step(math.nan, math.nan)
    for config in configs:
        with torch.autocast(mixture.device.type, torch.bfloat16, enabled=has_mixed_precision(mixture.device)):
            masks = network.masks(spectrum, config.depth, config.width)
        spectra = apply_masks(masks.float(), spectrum)
        estimate = (spectra, network.synthesis(spectra, mixture.shape[-1]))
        loss = separation_loss(estimate, target, scale)
        if teacher is None:
            teacher = (estimate[0].detach(), estimate[1].detach())
            first = Step(float(loss.detach()), float(si_sdr(teacher[1][:, 0], masked[:, 0]).mean()))
        elif distillation > 0.0:
            loss = (1.0 - distillation) * loss + distillation * separation_loss(estimate, teacher, scale)
        loss.backward()  # type: ignore[no-untyped-call]
    return first


def has_mixed_precision(device: torch.device) -> bool:
    """Returns whether `device` multiplies bfloat16 natively."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()) and bool(torch.cpu._is_avx512_bf16_supported())


def _schedule(plan: SeparationPlan) -> Callable[[float, int], float]:
    def rate(epoch: float, epochs: int) -> float:
        falling = min(1.0, 0.02 + 0.98 * (epochs - epoch) / (FALLING * epochs))
        return plan.rate * falling * min(1.0, (epoch + 0.01) / plan.warm_up)

    return rate
