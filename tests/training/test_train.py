"""Training ends with the same bytes for the same seed, also after an interruption."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from class_folders import write_class_folders
from torch.nn.functional import avg_pool2d

from edge_export.data.digits import open_digits
from edge_export.data.digits import recordings as digits_recordings
from edge_export.errors import RequestError
from edge_export.members.calibrate import calibrate
from edge_export.mothers.catalog import CATALOG, build_untrained, open_mother
from edge_export.spec.lazy import resolve
from edge_export.training.classification import jitter, set_up_slimmable, validate
from edge_export.training.loop import Setup, run_epochs
from edge_export.training.train import RECIPES, full_grown, state_file, train

TRAIN = "import sys; from edge_export.training.train import train; train(*sys.argv[1:4], epochs=int(sys.argv[4]))"


def start_training(data: Path, out: Path, epochs: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", TRAIN, "digits", str(data), str(out), str(epochs)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


@pytest.mark.slow
def test_killed_training_goes_on_and_ends_with_the_same_bytes(tmp_path: Path) -> None:
    epochs = 12
    data = write_class_folders(tmp_path / "data")
    undisturbed, killed = tmp_path / "undisturbed.safetensors", tmp_path / "killed.safetensors"
    assert start_training(data, undisturbed, epochs).wait(120) == 0

    process = start_training(data, killed, epochs)
    deadline = time.monotonic() + 60
    while not state_file(killed).exists() and time.monotonic() < deadline:
        time.sleep(0.001)
    process.kill()
    process.wait()
    assert not killed.exists()
    done = len(torch.load(state_file(killed), weights_only=True)["losses"])
    assert 1 <= done < epochs, "killed in the middle"

    again = start_training(data, killed, epochs)
    assert again.wait(120) == 0
    assert again.stdout is not None
    assert again.stdout.read() == b"", "the progress bar keeps off standard output"
    assert killed.read_bytes() == undisturbed.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "data",
        "killed.safetensors",
        "undisturbed.safetensors",
    ], "no state file stays"


def test_the_seed_decides_the_bytes(tmp_path: Path) -> None:
    data = str(write_class_folders(tmp_path / "data"))
    reports = [
        train("digits", data, tmp_path / f"{number}.safetensors", epochs=2, seed=seed, progress=False)
        for number, seed in enumerate((0, 0, 1))
    ]
    assert reports[0].sha256 == reports[1].sha256 != reports[2].sha256
    assert reports[0].losses == reports[1].losses
    assert len(reports[0].losses) == reports[0].epochs == 2
    assert [row["name"] for row in reports[0].validation][:2] == ["w0.25", "w0.375"]
    assert reports[0].validation[-1]["name"] == "w1.0"
    open_mother("digits", reports[0].checkpoint)


def tiny_setup(rate: float = 0.1, poison: int | None = None) -> Setup:
    """Returns one linear layer that learns a constant. The loss of batch `poison` is infinite."""
    torch.manual_seed(0)
    network = torch.nn.Linear(2, 1)
    seen: list[int] = []

    def accumulate(batch: tuple[torch.Tensor, ...], choices: object, stage: int) -> float:
        seen.append(1)
        loss = ((network(batch[0]) - 1) ** 2).mean()
        loss.backward()
        return float("inf") if len(seen) == poison else float(loss.detach())

    return Setup(
        mother=network,
        optimizer=torch.optim.Adam(network.parameters()),
        batches=lambda generator: [(torch.randn(4, 2, generator=generator),) for _ in range(3)],
        batches_per_epoch=3,
        accumulate=accumulate,
        learning_rate=lambda epoch, epochs: rate,
        settings={"rate": rate},
        clip_norm=1.0,
    )


def run_tiny(setup: Setup, state: Path, epochs: int = 4) -> tuple[float, ...]:
    return run_epochs(setup, epochs=epochs, seed=3, state_path=state, progress=False).losses


def test_state_of_other_settings_is_refused_by_name(tmp_path: Path) -> None:
    run_tiny(tiny_setup(), tmp_path / "state")
    with pytest.raises(RequestError, match=r"other settings \(rate 0\.1, now 0\.2\)"):
        run_tiny(tiny_setup(0.2), tmp_path / "state", epochs=5)


def falling(epoch: float, epochs: int) -> float:
    """Constant over the first half."""
    return 0.1 * min(1.0, 2 * (epochs - epoch) / epochs)


@pytest.mark.parametrize(("finished", "fits"), [(2, True), (3, False)])
def test_more_epochs_go_on_while_the_rate_was_the_same(tmp_path: Path, finished: int, fits: bool) -> None:
    """A run is interrupted after `finished` of 4 epochs, and then goes on to 8."""
    with pytest.raises(RequestError, match="diverged"):
        run_tiny(dataclasses.replace(tiny_setup(poison=3 * finished + 1), learning_rate=falling), tmp_path / "state")
    longer = dataclasses.replace(tiny_setup(), learning_rate=falling)
    if not fits:
        with pytest.raises(RequestError, match=r"other settings \(epochs 4, now 8\)"):
            run_tiny(longer, tmp_path / "state", epochs=8)
        return
    run_tiny(longer, tmp_path / "state", epochs=8)
    undisturbed = dataclasses.replace(tiny_setup(), learning_rate=falling)
    run_tiny(undisturbed, tmp_path / "other", epochs=8)
    assert torch.equal(longer.mother.weight, undisturbed.mother.weight)  # type: ignore[arg-type]


def test_a_run_that_has_grown_further_is_not_made_longer(tmp_path: Path) -> None:
    """After two of four epochs the second stage has begun; of eight it has not."""

    def grows(setup: Setup) -> Setup:
        return dataclasses.replace(setup, stage=lambda epoch, epochs: int(epoch >= epochs / 4))

    with pytest.raises(RequestError, match="diverged"):
        run_tiny(grows(tiny_setup(poison=7)), tmp_path / "state")
    with pytest.raises(RequestError, match=r"other settings \(epochs 4, now 8\)"):
        run_tiny(grows(tiny_setup()), tmp_path / "state", epochs=8)


def test_a_finished_state_is_not_trained_further(tmp_path: Path) -> None:
    first = tiny_setup()
    losses = run_tiny(first, tmp_path / "state")
    again = tiny_setup()
    assert run_tiny(again, tmp_path / "state") == losses
    assert torch.equal(again.mother.weight, first.mother.weight)  # type: ignore[arg-type]


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04 half a file"])
def test_a_damaged_state_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "state").write_bytes(content)
    with pytest.raises(RequestError, match="damaged"):
        run_tiny(tiny_setup(), tmp_path / "state")


def test_a_loss_that_is_not_finite_ends_the_training_and_keeps_the_last_good_epoch(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="diverged in epoch 2 of 4, batch 2"):
        run_tiny(tiny_setup(poison=5), tmp_path / "state")
    assert len(torch.load(tmp_path / "state", weights_only=True)["losses"]) == 1


def test_wrong_requests_are_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"ends in \.safetensors"):
        train("digits", out=tmp_path / "mother.pt")
    with pytest.raises(RequestError, match="0 epochs"):
        train("digits", out=tmp_path / "mother.safetensors", epochs=0)
    with pytest.raises(RequestError, match="us_mobilenet_v1: there is no training for it"):
        train("us_mobilenet_v1", out=tmp_path / "mother.safetensors")


def test_training_goes_on_from_a_checkpoint(tmp_path: Path) -> None:
    data = str(write_class_folders(tmp_path / "data"))
    first = train("digits", data, tmp_path / "first.safetensors", epochs=2, progress=False)
    anew, on = (
        train("digits", data, tmp_path / f"{name}.safetensors", epochs=1, checkpoint=checkpoint, progress=False)
        for name, checkpoint in (("anew", None), ("on", first.checkpoint))
    )
    assert on.losses[0] < min(first.losses) < anew.losses[0]
    again = train("digits", data, tmp_path / "again.safetensors", epochs=1, checkpoint=first.checkpoint, progress=False)
    assert again.sha256 == on.sha256
    shipped = train("digits", data, tmp_path / "shipped.safetensors", epochs=1, checkpoint="shipped", progress=False)
    assert shipped.losses[0] != on.losses[0]


def test_weights_to_begin_with_are_refused_in_one_line(tmp_path: Path) -> None:
    out, other = tmp_path / "mother.safetensors", CATALOG["slimmable_digits"].checkpoint_path
    with pytest.raises(RequestError, match=r"missing\.safetensors"):
        train("digits", out=out, checkpoint=tmp_path / "missing.safetensors")
    with pytest.raises(RequestError, match="--checkpoint shipped: no weights ship with bsrnn"):
        train("bsrnn", out=out, checkpoint="shipped")
    with pytest.raises(RequestError, match="would overwrite the weights that training begins with"):
        train("digits", out=out, checkpoint=out)
    with pytest.raises(RequestError, match="checkpoint"):
        train("digits", out=out, checkpoint=other)


def test_what_is_trained_on_is_full_grown_from_the_first_epoch() -> None:
    setup = dataclasses.replace(
        tiny_setup(),
        stage=lambda epoch, epochs: epoch,
        learning_rate=lambda epoch, epochs: 0.1 * min(1.0, epoch + 0.1) * (1 - epoch / epochs),
    )
    grown = full_grown(setup, "abc")
    assert [grown.stage(epoch, 4) for epoch in range(4)] == [3, 3, 3, 3]
    rates = [grown.learning_rate(epoch, 9) for epoch in range(9)]
    assert rates == pytest.approx([0.01, *(0.1 * (9 - epoch) / 27 for epoch in range(1, 9))])
    assert grown.settings == {**setup.settings, "checkpoint": "abc"}


def test_the_table_names_mothers_of_the_catalog_and_functions_that_exist() -> None:
    assert set(RECIPES) <= set(CATALOG)
    targets = [(each.data, each.setup, each.validation) for each in RECIPES.values()]
    assert all(callable(resolve(target)) for each in targets for target in each if target)


def test_jitter_keeps_the_image_in_range_and_moves_it() -> None:
    images = torch.rand(4, 1, 32, 32)
    moved = jitter(images, torch.Generator().manual_seed(0))
    assert moved.shape == images.shape
    assert 0 <= moved.min() <= moved.max() <= 1
    assert not torch.equal(moved, images)
    assert torch.equal(moved, jitter(images, torch.Generator().manual_seed(0)))


@pytest.mark.slow
def test_training_from_nothing_learns_the_digits(tmp_path: Path) -> None:
    report = train("digits", out=tmp_path / "mother.safetensors", epochs=3, progress=False)
    assert held_out_accuracy(open_mother("digits", report.checkpoint), "1.0") > 0.9


def test_slimmable_digits_are_learned_at_every_listed_width_without_calibration(tmp_path: Path) -> None:
    digits = open_digits()
    data = dataclasses.replace(
        digits,
        train_images=avg_pool2d(digits.train_images, 2),  # a quarter of the work
        held_out_images=avg_pool2d(digits.held_out_images, 2),
    )
    mother = build_untrained("slimmable_digits")
    run_epochs(set_up_slimmable(mother, data), epochs=3, seed=0, state_path=tmp_path / "state", progress=False)
    trained = {name: value.clone() for name, value in mother.state_dict().items()}
    rows = {str(row["name"]): float(row["% top-1"]) for row in validate(mother, data)}
    assert list(rows) == ["w0.25", "w0.5", "w0.75", "w1.0"]
    assert min(rows.values()) > 80, rows
    assert all(torch.equal(value, trained[name]) for name, value in mother.state_dict().items()), "not calibrated"


def held_out_accuracy(mother: object, width: str, recalibrated: bool = True) -> float:
    recordings = digits_recordings()
    assert recordings.targets is not None
    member = mother.extract(mother.space.parse(width))  # type: ignore[attr-defined]
    if recalibrated:
        calibrate(member, recordings.batches)
    with torch.no_grad():
        predicted = member(*recordings.held_out).argmax(1)
    return float((predicted == recordings.targets).float().mean())


def test_shipped_digits_are_right_at_every_width_once_recalibrated() -> None:
    mother = open_mother("digits")
    # Many widths round to the same channels: one of each is enough.
    distinct = {mother.space.active_channels(config): config for config in mother.space.all()}  # type: ignore[attr-defined]
    for config in distinct.values():
        accuracy = held_out_accuracy(mother, str(config.width_mult))
        assert accuracy >= 0.98, f"width {config.width_mult}: {accuracy:.4f}"


def test_shipped_slimmable_digits_are_right_at_every_listed_width_with_their_own_statistics() -> None:
    mother = open_mother("slimmable_digits")
    for width in ("0.25", "0.5", "0.75", "1.0"):
        accuracy = held_out_accuracy(mother, width, recalibrated=False)
        assert accuracy >= 0.975, f"width {width}: {accuracy:.4f}"


def test_the_narrowest_width_needs_its_own_statistics() -> None:
    mother = open_mother("digits")
    assert held_out_accuracy(mother, "0.25", recalibrated=False) < held_out_accuracy(mother, "0.25") - 0.1


def test_the_shipped_mother_holds_the_statistics_of_its_largest_width() -> None:
    assert held_out_accuracy(open_mother("digits"), "1.0", recalibrated=False) >= 0.98


def test_validation_keeps_trained_statistics(tmp_path: Path) -> None:
    data = str(write_class_folders(tmp_path / "data"))
    report = train("slimmable_digits", data, tmp_path / "mother.safetensors", epochs=1, progress=False)
    assert [row["name"] for row in report.validation] == ["w0.25", "w0.5", "w0.75", "w1.0"]
    statistics = open_mother("slimmable_digits", report.checkpoint).state_dict()  # type: ignore[attr-defined]
    batches = {int(value) for name, value in statistics.items() if name.endswith("num_batches_tracked")}
    assert batches == {1}, "a calibration would have started to count anew"


def test_calibrating_the_mother_and_calibrating_the_member_agree() -> None:
    mother, recordings = open_mother("digits"), digits_recordings()
    config = mother.space.parse("0.5")
    member = mother.extract(config)
    calibrate(member, recordings.batches)
    calibrate(mother, recordings.batches, config=config)  # type: ignore[arg-type]
    with torch.no_grad():
        of_mother, of_member = mother(recordings.goldens[0], config=config), member(recordings.goldens[0])  # type: ignore[operator]
    torch.testing.assert_close(of_mother, of_member, rtol=1e-4, atol=1e-4)
