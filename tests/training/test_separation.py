"""Training of the separator: rules, loss, learning and validation."""

import dataclasses
import random
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch

from edge_export.data.musdb import SOURCES
from edge_export.data.music import Music
from edge_export.errors import RequestError
from edge_export.mothers.band_split.mother import BSRNN, SEPARATOR, DepthWidth, DepthWidthSpace, ElasticBandSplit
from edge_export.training.loop import Setup, run_epochs
from edge_export.training.losses import si_sdr
from edge_export.training.separation import (
    GPU_PLAN,
    GROWTH,
    RULES,
    SeparationPlan,
    accumulate_gradients,
    configurations,
    default_plan,
    grown_space,
    growth_stage,
    set_up,
)
from edge_export.training.separation_validation import validate
from edge_export.training.train import RECIPES, train

PLAN = SeparationPlan(seconds=0.5, batch=2, batches_per_epoch=8, rate=5e-3, growth=((0.0, 0.0), (0.4, 1.0)))


def tiny() -> ElasticBandSplit:
    torch.manual_seed(0)
    settings = dataclasses.replace(SEPARATOR, features=8, hidden=8, gate_hidden=4, mask_hidden=8)
    return ElasticBandSplit(settings, 2, 2)


@pytest.fixture
def music(tmp_path: Path) -> tuple[Music, ...]:
    """Writes music that is easy to separate: high tones are the vocals, low tones and noise are the rest."""
    rng = np.random.default_rng(0)
    for part in ("train", "test"):
        folder = tmp_path / part / "track"
        folder.mkdir(parents=True)
        time = np.arange(32000) / 16000
        audio = {name: 0.05 * np.sin(2 * np.pi * 150 * (i + 1) * time) for i, name in enumerate(SOURCES)}
        audio["vocals"] = 0.1 * np.sin(2 * np.pi * (1800 + 300 * np.sin(5 * time)) * time)
        audio["drums"] = rng.normal(0, 0.02, len(time))
        for name, samples in {**audio, "mixture": np.sum(list(audio.values()), axis=0)}.items():
            sf.write(folder / f"{name}.wav", samples, 16000, subtype="FLOAT")
    return (Music("tones", tmp_path),)


def test_rules_choose_the_largest_first() -> None:
    space, choices = tiny().space, random.Random(0)
    both = configurations(space, RULES["random"], choices)
    assert len(both) == 2
    assert both[0] == space.largest
    sandwich = configurations(space, RULES["sandwich"], choices)
    assert len(sandwich) == 4
    assert sandwich[:2] == [space.largest, space.smallest]


def test_training_grows_from_the_smallest_configuration_to_all() -> None:
    space, choices = DepthWidthSpace(4, 2), random.Random(0)
    growth = ((0.0, 0.0), (0.5, 0.5), (0.75, 1.0))
    assert [growth_stage(growth, epoch, 8) for epoch in range(8)] == [0, 0, 0, 0, 1, 1, 2, 2]
    assert [space.name(grown_space(space, share).largest) for _, share in growth] == ["d1w1", "d2w1", "d4w2"]
    assert configurations(grown_space(space, 0.0), RULES["sandwich"], choices) == [DepthWidth(1, 1)]
    drawn = {config for _ in range(20) for config in configurations(grown_space(space, 0.5), RULES["ends"], choices)}
    assert drawn == {DepthWidth(1, 1), DepthWidth(2, 1)}


@pytest.mark.parametrize("epochs", [1, 2, 3, 5, 64, 255, 2000])
def test_a_training_of_any_length_ends_with_all(epochs: int) -> None:
    assert growth_stage(GROWTH, epochs - 1, epochs) == len(GROWTH) - 1


def test_a_gpu_has_a_plan_of_its_own() -> None:
    gpu, cpu = torch.device("cuda"), torch.device("cpu")
    assert default_plan(SEPARATOR, gpu) == GPU_PLAN
    assert default_plan(BSRNN, gpu) == default_plan(SEPARATOR, cpu) == SeparationPlan()
    epochs = RECIPES["separator"].gpu_epochs
    assert epochs is not None
    stages = [growth_stage(GPU_PLAN.growth, epoch, epochs) for epoch in range(epochs)]
    assert [stages.count(stage) for stage in range(3)] == [93, 32, 63]


def test_a_rule_replaces_the_plans(music: tuple[Music, ...]) -> None:
    assert set_up(tiny(), music, plan=dataclasses.replace(GPU_PLAN, batch=2)).settings["rule"] == "ends"
    assert set_up(tiny(), music, "sandwich", dataclasses.replace(GPU_PLAN, batch=2)).settings["rule"] == "sandwich"


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("stage", [0, 1])
def test_a_stage_trains_what_has_grown(music: tuple[Music, ...], stage: int, fused: bool) -> None:
    mother, untrained = tiny().train(), tiny()
    setup = set_up(mother, music, plan=dataclasses.replace(PLAN, fused=fused))
    for batch in setup.batches(torch.Generator().manual_seed(0)):
        setup.accumulate(batch, random.Random(0), stage)
    setup.optimizer.step()
    before, after = untrained.state_dict(), mother.state_dict()
    changed = {name for name, _ in mother.named_parameters() if not torch.equal(after[name], before[name])}
    assert "network.layers.0.time.branches.0.lstm.weight_hh_l0" in changed
    for later in ("network.layers.1.", "network.layers.0.time.branches.1.", "network.layers.0.band.branches.1."):
        assert any(name.startswith(later) for name in changed) == (stage == 1)


@pytest.mark.parametrize("fused", [False, True])
def test_what_reads_and_writes_an_offset_stays_zero(music: tuple[Music, ...], fused: bool) -> None:
    mother = tiny().train()
    setup = set_up(mother, music, plan=dataclasses.replace(PLAN, fused=fused))
    for batch in setup.batches(torch.Generator().manual_seed(0)):
        setup.accumulate(batch, random.Random(0), 1)
        setup.optimizer.step()
    weights = mother.network.silent_weights()
    assert len(weights) == 3
    for weight, where in weights:
        assert not weight[where].any()
        assert weight[~where].all()


def test_unknown_rule_is_refused() -> None:
    with pytest.raises(RequestError, match="random, ends, sandwich"):
        train("separator", out="mother.safetensors", rule="lasagne")
    with pytest.raises(RequestError, match="one rule only"):
        train("digits", out="mother.safetensors", rule="random")


def test_si_sdr_is_what_its_formula_says() -> None:
    torch.manual_seed(0)
    target = torch.randn(3, 8000)
    noise = torch.randn(3, 8000)
    noise -= (noise * target).sum(-1, keepdim=True) / target.square().sum(-1, keepdim=True) * target
    estimate = 0.3 * (target + noise * (target.norm(dim=-1) / noise.norm(dim=-1) / 10)[:, None])
    assert torch.allclose(si_sdr(estimate, target), torch.full((3,), 20.0), atol=0.01)


def test_unused_parts_get_no_gradient() -> None:
    mother = tiny().train()
    mixture, stems = torch.randn(2, 1, 4000), torch.randn(2, 2, 1, 4000)
    accumulate_gradients(mother.network, mixture, stems, [DepthWidth(1, 1)])
    layers = mother.network.layers
    assert layers[0].time.branches[0].lstm.weight_hh_l0.grad is not None
    assert layers[0].time.branches[1].lstm.weight_hh_l0.grad is None
    assert layers[1].time.branches[0].lstm.weight_hh_l0.grad is None


def test_distillation_alone_still_teaches_the_subnetworks() -> None:
    mother = tiny().train()
    mixture, stems = torch.randn(2, 1, 4000), torch.randn(2, 2, 1, 4000)
    loss = accumulate_gradients(mother.network, mixture, stems, [DepthWidth(2, 2), DepthWidth(1, 1)], distillation=1.0)
    assert loss.loss > 0
    assert all(p.grad is not None for p in mother.parameters())


@pytest.mark.slow
def test_training_learns_resumes_and_every_configuration_improves(music: tuple[Music, ...], tmp_path: Path) -> None:
    state = tmp_path / "state"
    mother = tiny()
    run = run_epochs(set_up(mother, music, plan=PLAN), epochs=6, seed=0, state_path=state, progress=False)
    assert run.losses[-1] < 0.8 * run.losses[0]
    again = tiny()
    resumed = run_epochs(set_up(again, music, plan=PLAN), epochs=6, seed=0, state_path=state, progress=False)
    assert resumed.resumed_from == 6
    assert all(torch.equal(a, b) for a, b in zip(mother.parameters(), again.parameters(), strict=True))
    results = list(validate(mother, music))
    assert [result["name"] for result in results] == ["d1w1", "d1w2", "d2w1", "d2w2"]
    assert min(float(result["dB improvement, tones"]) for result in results) > 1.0


def test_an_interrupted_fused_training_ends_with_the_same_bytes(music: tuple[Music, ...], tmp_path: Path) -> None:
    plan = dataclasses.replace(PLAN, batches_per_epoch=2, fused=True)

    def parameters(setup: Setup, state: str) -> list[torch.Tensor]:
        run_epochs(setup, epochs=3, seed=0, state_path=tmp_path / state, progress=False)
        return list(setup.mother.parameters())

    undisturbed, interrupted = set_up(tiny(), music, plan=plan), set_up(tiny(), music, plan=plan)
    seen: list[int] = []

    def accumulate(batch: tuple[torch.Tensor, ...], choices: random.Random, stage: int) -> float:
        seen.append(stage)
        return interrupted.accumulate(batch, choices, stage) if len(seen) < 4 else float("nan")

    with pytest.raises(RequestError, match="diverged in epoch 2 of 3, batch 2"):
        parameters(dataclasses.replace(interrupted, accumulate=accumulate), "interrupted")
    resumed = parameters(set_up(tiny(), music, plan=plan), "interrupted")
    assert all(torch.equal(a, b) for a, b in zip(resumed, parameters(undisturbed, "undisturbed"), strict=True))
    with pytest.raises(RequestError, match="fused True, now False"):
        parameters(set_up(tiny(), music, plan=dataclasses.replace(plan, fused=False)), "interrupted")
