"""The claims about subnetworks of separators are measured by trainings; here they are tiny, so no verdict follows."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import soundfile
import torch

from benchmarks.claims import separator_command, separators, subnetworks_all
from benchmarks.claims.command import Measured, Request
from benchmarks.claims.gates import FixedGate, fix_at_mean, recurrences
from benchmarks.claims.plot import Line, svg_of
from benchmarks.claims.separator_command import macs, trainings_of
from benchmarks.claims.separators import FULL, PLAN, SPACE, Training, build, gain, gains, train_all, trained
from benchmarks.claims.small_songs import BOOK, Songs, open_songs
from benchmarks.claims.subnetworks_depth import PAIRS
from edge_export.data.musdb import SOURCES
from edge_export.data.songs import track_name
from edge_export.mothers.band_split.mother import DepthWidth
from edge_export.training.separation import RULES, configurations

COMMANDS = ("alone", "rules", "gates", "depth", "cut")


def write_songs(folder: Path) -> None:
    """Writes songs of half a second in place of those of the book, so that none is rendered."""
    noise = np.random.default_rng(0)
    for part, count in (("train", BOOK.train), ("test", BOOK.test)):
        for index in range(count):
            track = folder / part / track_name(part, index)
            track.mkdir(parents=True)
            sources = {name: noise.normal(0, 0.1, 4000 + 10 * index) for name in SOURCES}
            for name, audio in {**sources, "mixture": sum(sources.values())}.items():
                soundfile.write(track / f"{name}.wav", audio, BOOK.sample_rate)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two trainings of one step each; one is scored, at one configuration."""
    folder = tmp_path_factory.mktemp("separators")
    write_songs(folder / "songs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(separators, "PLAN", replace(separators.PLAN, batch=2, batches_per_epoch=1, seconds=0.5))
        with pytest.MonkeyPatch.context() as fewer:
            fewer.setattr(Training, "configs", property(lambda training: [DepthWidth(1, 2)]))
            gains(Training(0, epochs=1), folder)
        trained(Training(0, gates="fixed", epochs=1), folder)
        yield folder
    open_songs.cache_clear()


@pytest.fixture(scope="module")
def songs(folder: Path) -> Songs:
    return open_songs(folder / "songs")


@pytest.mark.parametrize("name", COMMANDS)
def test_each_claim_is_measured_and_drawn(
    name: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "songs").symlink_to(folder / "songs")
    claim = importlib.import_module(f"benchmarks.claims.subnetworks_{name}")
    for training in trainings_of(claim.KINDS, 0, 1):
        gained = {SPACE.name(config): float(config.depth) for config in training.configs}
        path = tmp_path / f"{separators.key_of(separators.settings_of(training))}.gains.json"
        path.write_text(json.dumps({"plain": gained, "mean_gates": gained}))
    for module in (separator_command, claim):
        monkeypatch.setattr(module, "macs", lambda config: 1e6 * (config.depth + config.width), raising=False)
    before = set(tmp_path.iterdir())
    measured: Measured = claim.measure(Request((0,), 1, tmp_path))
    assert set(tmp_path.iterdir()) == before, "what is scored is not trained again"
    cells = [cell.strip() for table in measured.tables for cell in table.split("|") if "±" in cell]
    assert len(cells) >= 9
    assert all(cell.endswith("± nan") and abs(float(cell.split(" ± ")[0])) < 100 for cell in cells)
    drawn = ElementTree.fromstring(svg_of(measured.lines, measured.across, "gain, dB"))
    assert len(drawn.findall("{*}circle")) == sum(len(line.points) for line in measured.lines)


def test_every_claim_has_a_command_and_one_trains_them_all() -> None:
    folder = Path(importlib.import_module("benchmarks.claims").__path__[0])
    assert {path.stem for path in folder.glob("subnetworks_*.py")} == {f"subnetworks_{n}" for n in (*COMMANDS, "all")}
    assert {claim.__name__.split("_")[-1] for claim in subnetworks_all.CLAIMS} == set(COMMANDS)


def test_another_process_trains_the_same_network(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(separators, "PLAN", PLAN)  # the other process knows no other
    training = Training(1, alone="d1w1", epochs=1)
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "songs").symlink_to(folder / "songs")
    train_all([training], tmp_path / "there", jobs=2)
    gains(training, tmp_path / "here")
    found = [sorted((tmp_path / name).glob("*.*")) for name in ("here", "there")]
    assert [path.name for path in found[0]] == [path.name for path in found[1]]
    assert [path.read_bytes() for path in found[0]] == [path.read_bytes() for path in found[1]]
    assert len(found[0]) == 2, "the weights and the gains, and no state"


def test_a_network_alone_is_as_large_as_the_subnetwork_and_trains_itself_only() -> None:
    elastic, rule = build(Training(0)), RULES["random"]
    for config in SPACE.all():
        alone = build(Training(0, alone=SPACE.name(config)))
        shapes = {name: tensor.shape for name, tensor in alone.network.state_dict().items()}
        cut = elastic.extract(config).state_dict()
        assert shapes == {name: tensor.shape for name, tensor in cut.items()}
        assert configurations(alone.space, rule, None) == [config]  # type: ignore[arg-type]
    assert Training(0, alone=FULL).configs == SPACE.all()
    assert Training(0, alone="d2w1").configs == [DepthWidth(2, 1)]


def test_gates_are_what_they_say(folder: Path, songs: Songs) -> None:
    fixed, on = (trained(Training(0, gates=gates, epochs=1), folder) for gates in ("fixed", "on"))  # type: ignore[arg-type]
    off = build(Training(0, gates="off"))
    assert all(parallel.gate is None for parallel in recurrences(off, 3))
    assert len({id(parallel.gate) for parallel in recurrences(fixed, 3)}) == 6
    assert all(isinstance(parallel.gate, FixedGate) for parallel in recurrences(fixed, 3))
    logits = torch.cat([parallel.gate.logits for parallel in recurrences(fixed, 3)])  # type: ignore[union-attr]
    assert (logits != 0).any(), "they are trained"

    config, seen = DepthWidth(2, 2), []
    first = next(iter(recurrences(on, 1)))
    assert first.gate is not None
    hook = first.gate.register_forward_hook(lambda layer, inputs, gates: seen.append(gates))
    with torch.no_grad():
        on(songs.calibration, config)
    hook.remove()
    fix_at_mean(on, config, songs.calibration)
    kinds = [type(parallel.gate).__name__ for parallel in recurrences(on, 3)]
    assert kinds == ["FixedGate"] * 4 + ["TACGate"] * 2, "only those of the configuration"
    assert isinstance(first.gate, FixedGate)
    means = first.gate(torch.zeros(2, 5, 7, 16)).flatten()
    torch.testing.assert_close(means, seen[0].mean((1, 2, 3)))


def test_the_gain_of_the_mixture_itself_is_0_and_scoring_changes_nothing(folder: Path, songs: Songs) -> None:
    mother = trained(Training(0, epochs=1), folder)
    before = {name: tensor.clone() for name, tensor in mother.state_dict().items()}
    once, again = (gain(mother, DepthWidth(1, 2), songs) for _ in range(2))
    assert once == again
    assert all(torch.equal(tensor, before[name]) for name, tensor in mother.state_dict().items())

    class Through(separators.ElasticBandSplit):
        def forward(self, audio: torch.Tensor, config: DepthWidth | None = None) -> torch.Tensor:
            return torch.stack([audio, 0 * audio], dim=1)

    assert gain(Through(separators.SETTINGS, 3, 3), DepthWidth(1, 1), songs) == pytest.approx(0, abs=1e-6)


def test_scores_say_what_they_are_of(folder: Path) -> None:
    training = Training(0, epochs=1)
    path = folder / f"{separators.key_of(separators.settings_of(training))}.gains.json"
    assert set(json.loads(path.read_text())) == {"network", "songs", "plan", "training", "plain", "mean_gates"}
    assert set(gains(training, folder).mean_gates) == {"d1w2"}


def test_deep_and_wide_pairs_mirror_each_other() -> None:
    for deep, wide in PAIRS:
        assert (deep.depth, deep.width) == (wide.width, wide.depth)
        assert deep.depth > wide.depth


def test_macs_are_those_of_a_second_of_sound() -> None:
    assert macs(DepthWidth(1, 1)) == pytest.approx(10.8e6, rel=0.01)


def test_a_plot_reaches_below_0() -> None:
    drawn = ElementTree.fromstring(svg_of([Line("a", ((0.0, -3.0, 1.0), (1.0, 2.0, 0.5)))], "x", "y"))
    low, high = (float(circle.get("cy", "nan")) for circle in drawn.findall("{*}circle"))
    zero = next(float(text.get("y", "nan")) for text in drawn.findall("{*}text") if text.text == "0") - 4
    assert high < zero < low < 320 - 45
