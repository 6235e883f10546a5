"""The recordings of the digits are real, split without overlap, and the same in each run."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from class_folders import write_class_folders

from edge_export.data.digits import open_digits, recordings
from edge_export.errors import RequestError


def test_digits_are_split_by_class_with_nothing_in_common() -> None:
    data = open_digits()
    assert data.train_images.shape[1:] == (1, 32, 32)
    assert len(data.train_images) + len(data.held_out_images) == 1797
    assert 0.0 <= data.train_images.min() < data.train_images.max() <= 1.0
    shares = data.held_out_targets.bincount() / torch.cat([data.train_targets, data.held_out_targets]).bincount()
    assert ((shares > 0.2) & (shares < 0.3)).all()
    seen = {image.numpy().tobytes() for image in data.train_images}
    assert not any(image.numpy().tobytes() in seen for image in data.held_out_images)


def test_recordings_calibrate_on_training_images_and_prove_on_held_out_ones() -> None:
    data, recorded = open_digits(), recordings()
    assert torch.equal(torch.cat([batch for (batch,) in recorded.batches]), data.train_images)
    assert torch.equal(recorded.goldens[0], data.held_out_images[:64])
    assert torch.equal(recorded.held_out[0], data.held_out_images)
    assert torch.equal(recorded.targets, data.held_out_targets)
    assert len(set(recorded.targets[:64].tolist())) == 10, "the goldens show every digit"
    assert recorded.metric == "top1"


def test_class_folders_of_images_are_data_too(tmp_path: Path) -> None:
    data = open_digits(str(write_class_folders(tmp_path / "mine")))
    assert data.train_images.shape == (60, 1, 32, 32)
    assert data.held_out_images.shape == (20, 1, 32, 32)
    assert data.train_images.max() == 1.0
    assert data.train_targets.bincount().tolist() == [6] * 10


def test_folders_that_hold_something_else_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"0 images in .*0; give a folder for each of 0, 1"):
        open_digits(str(tmp_path / "none"))
    folder = write_class_folders(tmp_path / "mine")
    (folder / "3" / "broken.png").write_bytes(b"not an image")
    with pytest.raises(RequestError, match=r"broken\.png is no image"):
        open_digits(str(folder))
