"""The claims of the papers are measured by trainings that are done once; here they are tiny, so no verdict follows."""

from __future__ import annotations

import importlib
import random
import statistics
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
import torch

from benchmarks.claims import hard_digits
from benchmarks.claims.calibration import moving_average
from benchmarks.claims.command import Measured, Request
from benchmarks.claims.errors import error, spread
from benchmarks.claims.hard_digits import open_hard_digits
from benchmarks.claims.macs import macs
from benchmarks.claims.plot import Line, svg_of
from benchmarks.claims.trainings import LISTED, RULES, Training, build, data_of, trained
from edge_export.members.calibrate import batch_norms
from edge_export.mothers.us_mobilenet.width_space import Width

CLAIMS: dict[str, dict[str, tuple[float, ...]]] = {
    "any_width": {"WIDTHS": (0.25, 0.5, 1.0)},
    "sandwich": {"SEVEN": (0.25, 1.0)},
    "distillation": {"SEVEN": (0.25, 1.0)},
    "alone": {"LISTED": (0.25, 1.0)},
    "switchable": {"LISTED": (0.25, 0.5, 1.0)},
    "greedy": {"WIDTHS": (0.9, 0.95)},
    "calibration": {"COUNTS": (8, 64), "LISTED": (0.25, 1.0)},
}
"""Every claim, and fewer widths or images than it measures."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The finished trainings that all tests share, on fewer images."""
    data_of.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hard_digits, "TRAINING_IMAGES", 128)
        patch.setattr(hard_digits, "VIEWS", 1)
        yield tmp_path_factory.mktemp("trainings")
    data_of.cache_clear()


@pytest.mark.parametrize("name", CLAIMS)
def test_each_claim_is_measured_and_drawn(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    claim = importlib.import_module(f"benchmarks.claims.{name}")
    for constant, fewer in CLAIMS[name].items():
        monkeypatch.setattr(claim, constant, fewer)
    seeds = (0, 1) if name == "any_width" else (0,)
    measured: Measured = claim.measure(Request(seeds, 1, folder))
    rows = [row.strip("| ").split(" | ") for table in measured.tables for row in table.splitlines()]
    cells = [cell.split(" ± ") for row in rows for cell in row[1:] if "±" in cell]
    assert len(cells) >= 6
    assert all(0 <= abs(float(mean)) <= 100 for mean, _ in cells)
    assert all(float(deviation) >= 0 if len(seeds) > 1 else deviation == "nan" for _, deviation in cells)
    drawn = ElementTree.fromstring(svg_of(measured.lines, measured.across, "error, %", measured.logarithmic))
    assert len(drawn.findall("{*}polyline")) == len(measured.lines)
    assert len(drawn.findall("{*}circle")) == sum(len(line.points) for line in measured.lines)


def test_every_claim_has_a_command() -> None:
    folder = Path(importlib.import_module("benchmarks.claims").__path__[0])
    commands = {path.stem for path in folder.glob("*.py") if "__main__" in path.read_text()}
    assert {name for name in commands if not name.startswith("subnetworks")} == set(CLAIMS)


def test_a_finished_training_is_not_done_again(folder: Path) -> None:
    first = trained(Training(5, epochs=1), folder)
    files = set(folder.iterdir())
    assert not [path for path in files if path.suffix == ".state"]
    again = trained(Training(5, epochs=1), folder)
    assert set(folder.iterdir()) == files
    assert all(torch.equal(tensor, again.state_dict()[name]) for name, tensor in first.state_dict().items())
    trained(Training(5, distilled=False, epochs=1), folder)
    assert len(set(folder.iterdir()) - files) == 1


def test_elastic_networks_begin_with_the_same_weights_and_one_alone_has_its_own_channels() -> None:
    weights = []
    for widths in ((0.25, 1.0), LISTED, (0.5,)):
        torch.manual_seed(3)
        weights.append(build(widths).state_dict()["features.1.body.0.weight"])
    assert torch.equal(weights[0], weights[1])
    assert len(weights[2]) == len(weights[0]) / 2
    assert [macs(build((0.25, 1.0)), Width(w)) for w in LISTED] == [macs(build((w,)), Width(w)) for w in LISTED]


def test_the_rules_take_as_many_widths() -> None:
    chosen = {name: rule(build((0.25, 1.0)).space, random.Random(0)) for name, rule in RULES.items() if name != "every"}
    assert {len(configs) for configs in chosen.values()} == {len(LISTED)}
    assert Width(1.0) in chosen["largest_and_random"]
    assert Width(0.25) in chosen["smallest_and_random"]
    assert Width(1.0) not in chosen["random_widths"]


def test_hard_digits_are_drawn_by_the_seed_and_no_scan_is_on_both_sides() -> None:
    one, same, other = open_hard_digits(0), open_hard_digits(0), open_hard_digits(1)
    assert torch.equal(one.train_images, same.train_images)
    assert torch.equal(one.held_out_images, same.held_out_images)
    assert not torch.equal(one.train_targets, other.train_targets)
    assert len(one.train_images) == hard_digits.TRAINING_IMAGES
    held_out = 1797 - hard_digits.TRAINING_IMAGES
    assert len(one.held_out_images) == held_out * hard_digits.VIEWS
    assert 0 <= one.train_images.min() <= one.train_images.max() <= 1


def test_a_moving_average_takes_a_tenth_of_each_batch() -> None:
    member = build((0.25, 1.0)).extract(Width(0.5))
    first = next(iter(batch_norms(member).values()))
    seen = []
    next(iter(member.features[0])).register_forward_hook(lambda layer, inputs, output: seen.append(output))
    moving_average(member, [(torch.rand(4, 1, 16, 16),)])
    torch.testing.assert_close(first.running_mean, 0.1 * seen[0].mean((0, 2, 3)))
    assert not any(module.training for module in member.modules())


def test_numbers_are_what_they_say() -> None:
    assert str(spread([1.0, 2.0, 6.0])) == f"3.0 ± {statistics.stdev([1, 2, 6]):.1f}"
    assert spread([1.0, 2.0, 6.0]).signed().startswith("+3.0 ± ")
    data = open_hard_digits(0)

    class Always(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.one_hot(torch.full((len(images),), 3), 10)

    assert error(Always(), data) == pytest.approx(100 * float((data.held_out_targets != 3).float().mean()))
    drawn = svg_of([Line("a < b", ((0.0, 10.0, float("nan")), (1.0, 5.0, 1.0)))], "width", "error")
    assert [float(c.get("cy")) for c in ElementTree.fromstring(drawn).findall("{*}circle")] == sorted(
        float(c.get("cy")) for c in ElementTree.fromstring(drawn).findall("{*}circle")
    ), "a smaller error is drawn lower"
