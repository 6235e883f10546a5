"""The elastic separator: its space, its members, its causality and its cost."""

import dataclasses
import random

import pytest
import torch
from torch import nn

from edge_export.baking.export import export_program
from edge_export.errors import RequestError
from edge_export.members.calibrate import calibrate
from edge_export.members.complexity import complexity
from edge_export.members.extract import extract
from edge_export.mothers.band_split.mother import (
    BSRNN,
    SEPARATOR,
    DepthWidth,
    DepthWidthSpace,
    ElasticBandSplit,
    separator,
)
from edge_export.mothers.band_split.network import BandSplitNetwork, BandSplitSettings

TINY = dataclasses.replace(SEPARATOR, features=8, hidden=8, gate_hidden=4, mask_hidden=8)
STEREO_GROUP = dataclasses.replace(
    BSRNN, features=8, hidden=8, gate_hidden=None, mask_hidden=8, sample_rate=16000, n_fft=512, hop=128,
    bands=SEPARATOR.bands, stems=("bass", "drums", "rest"),
)  # fmt: skip


def tiny(settings: BandSplitSettings = TINY, depth: int = 2, width: int = 3) -> ElasticBandSplit:
    torch.manual_seed(0)
    return ElasticBandSplit(settings, depth, width).eval()


def test_space_names_and_parses_every_configuration() -> None:
    space = DepthWidthSpace(4, 4)
    assert len(space.all()) == 16
    assert (space.all()[0], space.all()[-1]) == (space.smallest, space.largest)
    assert all(space.parse(space.name(config)) == config for config in space.all())
    assert space.name(DepthWidth(3, 2)) == "d3w2"
    assert {space.sample(random.Random(seed)) for seed in range(300)} == set(space.all())


@pytest.mark.parametrize("text", ["", "d3", "w2d3", "d0w1", "d5w1", "d1w5", "d3w2x", "d99999999w1", "d３w2"])
def test_other_names_are_refused(text: str) -> None:
    with pytest.raises(RequestError, match=r"d4w4|outside"):
        DepthWidthSpace(4, 4).parse(text)


@pytest.mark.parametrize("settings", [TINY, dataclasses.replace(TINY, gate_hidden=None), STEREO_GROUP])
def test_member_equals_mother_exactly(settings: BandSplitSettings) -> None:
    mother = tiny(settings)
    audio = torch.randn(2, settings.channels, 3001) * 0.1
    for config in mother.space.all():
        member = extract(mother, config)
        assert not any(isinstance(module, ElasticBandSplit) for module in member.modules())
        with torch.no_grad():
            stems = member(audio)
            assert torch.equal(stems, mother(audio, config=config))
        assert stems.shape == (2, len(settings.stems), settings.channels, 3001)


def test_member_holds_only_what_it_uses() -> None:
    mother = tiny()
    sizes = {c: sum(p.numel() for p in mother.extract(c).parameters()) for c in mother.space.all()}
    assert sizes[mother.space.largest] == sum(p.numel() for p in mother.parameters())
    layer = sizes[DepthWidth(2, 1)] - sizes[DepthWidth(1, 1)]
    branches = sizes[DepthWidth(1, 2)] - sizes[DepthWidth(1, 1)]
    assert sizes[DepthWidth(2, 3)] == sizes[DepthWidth(1, 1)] + layer + 4 * branches


def test_configuration_outside_of_the_space_is_refused() -> None:
    with pytest.raises(RequestError, match="outside"):
        tiny()(torch.zeros(1, 1, 512), config=DepthWidth(3, 1))


def test_stems_sum_to_the_mixture() -> None:
    audio = torch.randn(1, 1, 5000)
    with torch.no_grad():
        assert torch.allclose(tiny()(audio).sum(1), audio, atol=1e-5)


def test_no_sample_depends_on_more_future_than_the_stated_latency() -> None:
    mother = tiny()
    assert mother.settings.streams
    audio = torch.randn(1, 1, 20 * 256) * 0.1
    changed = audio.clone()
    changed[..., 12 * 256] += 1.0
    with torch.no_grad():
        difference = (mother(changed) - mother(audio)).abs().amax(dim=(0, 1, 2))
    first = int(torch.nonzero(difference > 1e-7)[0])
    latency = round(mother.settings.latency_ms * mother.settings.sample_rate / 1000)
    assert 12 * 256 - latency < first <= 12 * 256


@pytest.mark.parametrize("change", [{"causal": False}, {"norm": "group"}])
def test_other_separators_need_the_whole_file(change: dict[str, object]) -> None:
    settings = dataclasses.replace(TINY, **change)  # type: ignore[arg-type]
    assert not settings.streams
    mother = tiny(settings)
    audio = torch.randn(1, 1, 5000) * 0.1
    changed = audio.clone()
    changed[..., -1] += 1.0
    with torch.no_grad():
        assert (mother(changed) - mother(audio)).abs()[..., :2000].max() > 0


def test_calibration_changes_only_statistics_and_gives_each_member_its_own() -> None:
    mother = tiny()
    batches = [(torch.randn(2, 1, 8000) * 0.1,) for _ in range(2)]
    members = [extract(mother, config) for config in (DepthWidth(1, 1), DepthWidth(1, 3))]
    for member in members:
        assert calibrate(member, batches) == 2
    small, wide = (dict(member.named_buffers()) for member in members)
    assert torch.equal(small["layers.0.time.norm.running_mean"], wide["layers.0.time.norm.running_mean"])
    assert not torch.equal(small["layers.0.band.norm.running_mean"], wide["layers.0.band.norm.running_mean"])
    assert torch.equal(members[0].state_dict()["mask.networks.0.0.weight"], mother.network.mask.networks[0][0].weight)


@pytest.mark.filterwarnings("ignore:The tensor attributes")  # of nn.LSTM, as torch.export traces it
def test_separator_keeps_its_budget() -> None:
    mother, second = separator(), torch.zeros(1, 1, SEPARATOR.sample_rate)
    largest, smallest = (
        complexity(export_program(extract(mother, config), (second,))).macs
        for config in (mother.space.largest, mother.space.smallest)
    )
    assert largest <= 1e9
    assert largest >= 8 * smallest > 0
    assert SEPARATOR.hop <= 0.016 * SEPARATOR.sample_rate
    assert sum(t.numel() * 4 for t in mother.state_dict().values()) < 5e6


def test_published_preset_has_the_papers_shape() -> None:
    assert len(BSRNN.edges) - 1 == 41
    assert (BSRNN.sample_rate, BSRNN.channels, BSRNN.norm, BSRNN.causal) == (44100, 2, "group", False)
    network = BandSplitNetwork(dataclasses.replace(BSRNN, features=4, hidden=4, gate_hidden=2, mask_hidden=4), 12, 1)
    assert sum(isinstance(module, nn.LSTM) for module in network.modules()) == 24
    with torch.no_grad():
        assert network(torch.randn(1, 2, 4000)).shape == (1, 1, 2, 4000)


def test_silence_stays_finite() -> None:
    mother = tiny().train()
    stems = mother(torch.zeros(2, 1, 2048))
    stems.abs().sum().backward()
    assert torch.isfinite(stems).all()
    assert all(p.grad is None or torch.isfinite(p.grad).all() for p in mother.parameters())
