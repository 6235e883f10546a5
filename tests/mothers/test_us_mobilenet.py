"""The names and logits of the published checkpoints, and the configurations that the space accepts."""

from __future__ import annotations

import json
import math
import random
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from edge_export.errors import RequestError
from edge_export.mothers.checkpoint import load_checkpoint
from edge_export.mothers.us_mobilenet.architecture import mobilenet_v2
from edge_export.mothers.us_mobilenet.mother import (
    UsMobileNet,
    digits,
    slimmable_digits,
    us_mobilenet_v1,
    us_mobilenet_v2,
)
from edge_export.mothers.us_mobilenet.slimmable import (
    SlimmableBatchNorm2d,
    SlimmableConv2d,
    SlimmableLinear,
    SwitchableBatchNorm2d,
)
from edge_export.mothers.us_mobilenet.width_space import LayerWidths, Width
from tests.conftest import randomize_statistics

FIXTURES = Path(__file__).parents[1] / "fixtures"
PUBLISHED = {"v1": us_mobilenet_v1, "v2": us_mobilenet_v2}
ELASTIC = (SlimmableBatchNorm2d, SlimmableConv2d, SlimmableLinear, SwitchableBatchNorm2d)


def published_fixture(version: str) -> dict[str, Any]:
    return json.loads((FIXTURES / f"us_mobilenet_{version}.json").read_text())  # type: ignore[no-any-return]


def published_state(fixture: dict[str, Any]) -> dict[str, torch.Tensor]:
    """Returns the seeded weights of the fixture's recipe."""
    state = {}
    for name, shape in fixture["state_dict"].items():
        if name.endswith("num_batches_tracked"):
            state[name] = torch.tensor(0)
            continue
        z = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape)
        if name.endswith("running_var"):
            value = np.exp(0.2 * z)
        elif name.endswith("running_mean"):
            value = 0.1 * z
        elif len(shape) >= 2:
            value = z * math.sqrt(2 / math.prod(shape[1:]))
        elif name.endswith(".weight"):
            value = 1 + 0.1 * z
        else:
            value = 0.1 * z
        state[name] = torch.tensor(value.astype(np.float32))
    return state


@pytest.fixture(scope="module", params=["v1", "v2"])
def published(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[UsMobileNet, Any]:
    """Returns a published network, loaded from a file in its authors' form, and the fixture that it must reproduce."""
    fixture = published_fixture(request.param)
    state = {f"module.{name}": tensor for name, tensor in published_state(fixture).items()}
    path = tmp_path_factory.mktemp("published") / "checkpoint.pt"
    torch.save({"model": state}, path)
    mother = PUBLISHED[request.param](resolution=64, classes=fixture["num_classes"]).eval()
    load_checkpoint(mother, path)
    return mother, fixture


def test_state_dict_has_the_published_names_and_shapes(published: tuple[UsMobileNet, Any]) -> None:
    mother, fixture = published
    assert {name: list(tensor.shape) for name, tensor in mother.state_dict().items()} == fixture["state_dict"]
    assert mother.listed_widths == tuple(fixture["width_mult_list"])


def test_mother_and_member_give_the_published_logits_at_every_listed_width(published: tuple[UsMobileNet, Any]) -> None:
    mother, fixture = published
    image = torch.tensor(np.random.default_rng(7).standard_normal((2, 3, 64, 64)).astype(np.float32))
    assert len(fixture["logits"]) >= 5
    for text, logits in fixture["logits"].items():
        expected = torch.tensor(logits)
        config = mother.space.parse(text)
        with torch.no_grad():
            outputs = {"mother": mother(image, config=config), "member": mother.extract(config)(image)}
        for which, output in outputs.items():
            error = (output - expected).abs().max() / expected.abs().max()
            assert error < 1e-4, f"{which} at width {text}: {error}"


def test_state_dict_loads_without_prefix_and_without_a_file() -> None:
    fixture = published_fixture("v1")
    mother = us_mobilenet_v1(classes=10)
    mother.load_state_dict(published_state(fixture))
    assert mother.has_statistics(Width(0.25))


def test_published_statistics_cover_the_listed_widths_only(published: tuple[UsMobileNet, Any]) -> None:
    mother, fixture = published
    assert all(mother.has_statistics(Width(width)) for width in fixture["width_mult_list"])
    assert not mother.has_statistics(Width(0.51))
    count = len(mother.space.layers)
    assert mother.has_statistics(LayerWidths((0.5,) * count))
    assert not mother.has_statistics(LayerWidths((0.5,) + (0.525,) * (count - 1)))


def test_untrained_network_has_no_statistics() -> None:
    assert not us_mobilenet_v1().has_statistics(Width(0.5))
    assert not digits().has_statistics(Width(1.0))


@pytest.mark.parametrize("width", [0.25, 0.2501, 0.333, 0.5, 0.62, 0.99, 1.0])
def test_member_computes_what_the_mother_computes_at_any_width(width: float) -> None:
    mother = digits().eval()
    image = torch.rand(3, 1, 32, 32)
    member = mother.extract(Width(width))
    assert not any(isinstance(module, ELASTIC) for module in member.modules())
    assert not member.training
    torch.testing.assert_close(member(image), mother(image, config=Width(width)), rtol=1e-5, atol=1e-6)


def test_member_of_layer_widths_computes_what_the_mother_computes() -> None:
    mother = digits().eval()
    config = layer_widths(mother, random.Random(3))
    image = torch.rand(3, 1, 32, 32)
    member = mother.extract(config)
    torch.testing.assert_close(member(image), mother(image, config=config), rtol=1e-5, atol=1e-6)
    counts = [conv.out_channels for conv in member.modules() if isinstance(conv, nn.Conv2d) and conv.groups == 1]
    assert counts[:-1] == list(mother.space.active_channels(config)), "each layer has its own width; the head is fixed"


def layer_widths(mother: UsMobileNet, rng: random.Random) -> LayerWidths:
    """Returns a random width for each layer; the layers of a residual sum have the same width."""
    widths = [rng.choice([0.25, 0.5, 0.75, 1.0]) for _ in mother.space.layers]
    for a, b in mother.space.residuals:
        widths[b] = widths[a]
    return LayerWidths(tuple(widths))


def test_member_owns_its_weights() -> None:
    mother = digits().eval()
    member = mother.extract(Width(1.0))
    before = {name: tensor.clone() for name, tensor in member.state_dict().items()}
    with torch.no_grad():
        for parameter in mother.parameters():
            parameter.fill_(7)
    for name, tensor in member.state_dict().items():
        assert torch.equal(tensor, before[name]), name
        assert tensor.is_contiguous(), name
        assert tensor.untyped_storage().nbytes() == tensor.nbytes, f"{name} carries the whole mother's weight"


def test_averaged_member_computes_what_the_averaged_mother_computes() -> None:
    architecture = mobilenet_v2(stages=((1, 16, 1, 1), (2, 24, 2, 1)), head=32)
    mother = UsMobileNet(architecture, resolution=32, classes=4, averaged=True).eval()
    image = torch.rand(2, 3, 32, 32)
    for width in (0.35, 0.5, 1.0):
        member = mother.extract(Width(width))
        torch.testing.assert_close(member(image), mother(image, config=Width(width)), rtol=1e-5, atol=1e-6)
    scales = [str(module) for module in mother.extract(Width(0.5)).modules() if type(module).__name__ == "AverageScale"]
    assert len(scales) == 6, "six pointwise convolutions have narrower inputs; stem, depthwise and classifier do not"


def test_no_config_means_the_largest() -> None:
    mother = digits().eval()
    image = torch.rand(1, 1, 32, 32)
    assert torch.equal(mother(image), mother(image, config=Width(1.0)))


def test_example_input_and_io_agree_with_the_member() -> None:
    mother = digits().eval()
    inputs = mother.example_inputs(Width(0.5))
    assert [tuple(tensor.shape) for tensor in inputs] == [spec.shape for spec in mother.io.inputs]
    assert tuple(mother.extract(Width(0.5))(*inputs).shape) == mother.io.outputs[0].shape
    assert mother.io.labels == tuple("0123456789")


@pytest.mark.parametrize(
    "text", ["0.2", "1.01", "-0.5", "0", "1e9", "nan", "inf", "", "half", "0.5,0.5", "0_5", "0.5:", "0.5x", "0.5x0"]
)
def test_illegal_width_is_refused_with_the_range(text: str) -> None:
    with pytest.raises(RequestError, match=r"0\.25 to 1\.0") as refusal:
        digits().space.parse(text)
    assert "\n" not in str(refusal.value)


def test_illegal_width_is_refused_by_the_network_too() -> None:
    mother = digits()
    for config in (Width(0.2), Width(float("nan")), LayerWidths((2.0,) * len(mother.space.layers))):
        with pytest.raises(RequestError, match="range"):
            mother.extract(config)
        with pytest.raises(RequestError, match="range"):
            mother(torch.zeros(1, 1, 32, 32), config=config)


def test_layers_tied_by_a_residual_sum_must_agree() -> None:
    space = us_mobilenet_v2().space
    widths = [0.5] * len(space.layers)
    names = [layer.name for layer in space.layers]
    widths[names.index("features.3.body.6")] = 1.0
    with pytest.raises(RequestError, match=r"features\.2\.body\.6 \(16 channels\) and features\.3\.body\.6 \(24\)"):
        space.active_channels(LayerWidths(tuple(widths)))


def test_wrong_number_of_layer_widths_names_the_layers() -> None:
    space = digits().space
    with pytest.raises(RequestError, match=rf"2 widths for {len(space.layers)} layers: .*features\.0\.0, features\.1"):
        space.parse("0.5:0.5")


def test_parse_and_name_round_trip() -> None:
    space = digits().space
    assert space.parse("0.5") == space.parse("w0.5") == space.parse(".50") == Width(0.5)
    assert space.name(Width(0.5)) == "w0.5"
    assert space.name(Width(1)) == space.name(space.parse("1")) == "w1.0"
    layered = space.parse(":".join(["0.25"] + ["0.5"] * (len(space.layers) - 1)))
    assert layered == LayerWidths((0.25,) + (0.5,) * (len(space.layers) - 1))
    assert space.name(layered) == "c1112222444"
    again = space.parse(space.name(layered))
    assert space.active_channels(again) == space.active_channels(layered)
    assert space.name(again) == space.name(layered) == space.name(space.parse(f"w0.25-0.5x{len(space.layers) - 1}"))


@pytest.mark.parametrize(
    "space", [digits().space, us_mobilenet_v1().space, us_mobilenet_v2().space], ids=("digits", "v1", "v2")
)
def test_every_choice_of_parts_has_a_name_that_parses_back(space) -> None:
    rng = random.Random(0)
    counts = space.parts().values()
    assert space.assemble([0] * len(counts)) == space.smallest
    assert space.assemble([count - 1 for count in counts]) == space.largest
    names = set()
    for _ in range(200):
        config = space.assemble([rng.randrange(count) for count in counts])
        name = space.name(config)
        names.add(name)
        assert len(name) <= 40
        assert space.active_channels(space.parse(name)) == space.active_channels(config)
        assert space.name(space.parse(name)) == name
    assert len(names) > 150


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("c11", "all 10 layers, 10 digits of base 36"),
        ("c111222422-", "10 digits"),
        ("c9112224222", "features.0.0 can't have 72; the nearest number is 32"),
        ("c0112224222", "features.0.0 can't have 0; the nearest number is 8"),
        ("c1112232444", "a residual sum needs equal widths"),
    ],
)
def test_channels_that_no_layer_can_have_are_refused(text, words) -> None:
    with pytest.raises(RequestError, match=re.escape(words)):
        digits().space.parse(text)


def test_space_lists_and_samples_legal_widths() -> None:
    space = digits().space
    grid = list(space.all())
    assert grid[0] == space.smallest == Width(0.25)
    assert grid[-1] == space.largest == Width(1.0)
    assert len(grid) == 31
    rng = random.Random(1)
    drawn = [space.sample(rng) for _ in range(200)]
    assert all(space.active_channels(config) for config in drawn)
    assert len(set(drawn)) > 100
    assert [space.sample(random.Random(1))] == drawn[:1]


def test_slimmable_member_computes_what_the_mother_computes_at_every_listed_width() -> None:
    mother = randomize_statistics(slimmable_digits())
    image = torch.rand(3, 1, 32, 32)
    assert [config.width_mult for config in mother.space.all()] == [0.25, 0.5, 0.75, 1.0]
    outputs = []
    for config in mother.space.all():
        member = mother.extract(config)
        assert not any(isinstance(module, ELASTIC) for module in member.modules())
        torch.testing.assert_close(member(image), mother(image, config=config), rtol=1e-5, atol=1e-6)
        outputs.append(member(image))
        assert mother.has_statistics(config)
    assert len({output.sum().item() for output in outputs}) == 4
    assert torch.equal(mother(image), outputs[-1]), "no configuration means the largest"
    assert not slimmable_digits().has_statistics(Width(1.0)), "an untrained network has none"


@pytest.mark.parametrize("text", ["0.3", "0.26", ":".join(["0.5"] * 10)])
def test_a_width_that_is_not_listed_is_refused_with_the_list(text: str) -> None:
    with pytest.raises(RequestError, match=r"no BatchNorm for it; give one of 0\.25, 0\.5, 0\.75, 1\.0") as refusal:
        slimmable_digits().space.parse(text)
    assert "\n" not in str(refusal.value)


def test_a_space_of_listed_widths_holds_nothing_else() -> None:
    mother = slimmable_digits()
    space = mother.space
    assert [space.name(config) for config in space.all()] == ["w0.25", "w0.5", "w0.75", "w1.0"]
    assert [space.parse(space.name(config)) for config in space.all()] == list(space.all())
    assert {space.sample(random.Random(seed)) for seed in range(30)} == set(space.all())
    assert (space.smallest, space.largest) == (Width(0.25), Width(1.0))
    with pytest.raises(RequestError, match=r"width 0\.3: this mother has no BatchNorm"):
        mother(torch.zeros(1, 1, 32, 32), config=Width(0.3))
