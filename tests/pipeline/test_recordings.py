"""Recorded inputs: the mother's, the catalog's, or a folder's; never none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image
from safetensors.numpy import save_file

from edge_export.errors import RequestError
from edge_export.mothers.catalog import build_untrained
from edge_export.mothers.protocol import IOSpec, Metric, Recordings, Stream, TensorSpec
from edge_export.pipeline.recordings import baseline_value, metric_of, metric_value, read_folder, recordings_of
from edge_export.tasks import task_for
from tests import strangers

SOUND = IOSpec(
    (TensorSpec("audio", (1, 1, 16000)),),
    (TensorSpec("stems", (1, 2, 1, 16000)),),
    stream=Stream(16000, 256, 1, 256, ("vocals", "accompaniment")),
)
IMAGE = IOSpec((TensorSpec("image", (1, 3, 8, 12), layout="NCHW"),), (TensorSpec("logits", (1, 2)),))


def read(folder: Path, io: IOSpec) -> Recordings:
    """By the task that the io fits."""
    return read_folder(folder, io, task_for(io))


def test_images_are_resized_and_scaled(tmp_path):
    Image.new("RGB", (30, 20), (255, 0, 51)).save(tmp_path / "b.png")
    Image.new("L", (12, 8), 255).save(tmp_path / "a.jpg")
    (tmp_path / "notes.txt").write_text("not an image")
    (goldens,) = read(tmp_path, IMAGE).goldens
    assert goldens.shape == (2, 3, 8, 12)
    assert torch.allclose(goldens[0], torch.ones(3, 8, 12), atol=0.01)
    assert torch.allclose(goldens[1].mean((1, 2)), torch.tensor([1.0, 0.0, 0.2]), atol=0.01)


def test_images_are_normalized_as_the_mother_says(tmp_path):
    Image.new("RGB", (8, 8), (255, 0, 51)).save(tmp_path / "a.png")
    spec = TensorSpec("image", (1, 3, 8, 8), layout="NCHW", mean=(0.5, 0.25, 0.2), std=(0.5, 0.5, 0.1))
    (goldens,) = read(tmp_path, IOSpec((spec,), IMAGE.outputs)).goldens
    assert torch.allclose(goldens[0, :, 3, 3], torch.tensor([1.0, -0.5, 0.0]), atol=1e-6)


def test_sound_files_are_resampled_mixed_and_cut_to_the_shortest(tmp_path):
    tone = np.sin(np.arange(32000) * 0.05).astype(np.float32) / 2
    soundfile.write(tmp_path / "b.wav", np.stack([tone, np.zeros_like(tone)], 1), 32000, subtype="FLOAT")
    soundfile.write(tmp_path / "a.flac", tone[:12000], 16000)
    (goldens,) = read(tmp_path, SOUND).goldens
    assert goldens.shape == (2, 1, 12000)
    np.testing.assert_allclose(goldens[0, 0], tone[:12000], atol=1e-4)
    np.testing.assert_allclose(goldens[1, 0, 100:-100], tone[200:-200:2][: 12000 - 200] / 2, atol=1e-3)
    soundfile.write(tmp_path / "c.wav", tone[:100], 16000)
    with pytest.raises(RequestError, match=r"c\.wav is shorter than 0\.5 s"):
        read(tmp_path, SOUND)
    (tmp_path / "c.wav").write_bytes(b"RIFF, but no more")
    with pytest.raises(RequestError, match=r"c\.wav can't be read as sound"):
        read(tmp_path, SOUND)


def test_a_file_that_is_no_image(tmp_path):
    (tmp_path / "a.png").write_bytes(b"\x89PNG but no more")
    with pytest.raises(RequestError, match=r"a\.png is no image"):
        read(tmp_path, IMAGE)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.zeros((2, 5), np.float32)}, r"x is float32 \(2, 5\)"),
        ({"x": np.zeros((2, 6), np.float64)}, "x is float64"),
        ({"x": np.zeros((0, 6), np.float32)}, r"x is float32 \(0, 6\)"),
        ({"y": np.zeros((2, 6), np.float32)}, "it has no tensor x"),
        ({"x": np.full((2, 6), np.nan, np.float32)}, "NaN"),
    ],
)
def test_tensors_that_do_not_fit(arrays, message, tmp_path):
    save_file(arrays, tmp_path / "a.safetensors")
    with pytest.raises(RequestError, match=message):
        read(tmp_path, strangers.Mother.io)


@pytest.mark.parametrize("content", [b"", b"\xff" * 100, b"\x08" + b"\0" * 7 + b"notjson!"])
def test_a_damaged_file(content, tmp_path):
    (tmp_path / "a.safetensors").write_bytes(content)
    with pytest.raises(RequestError, match=r"a\.safetensors can't be read"):
        read(tmp_path, strangers.Mother.io)


def test_an_empty_folder_and_none(tmp_path):
    with pytest.raises(RequestError, match="holds no"):
        read(tmp_path, IMAGE)
    with pytest.raises(RequestError, match="can't be read"):
        read(tmp_path / "gone", IMAGE)


def test_a_mother_of_the_catalog_without_recordings_asks_for_them():
    with pytest.raises(RequestError, match="us_mobilenet_v1 has no recorded inputs: give a folder"):
        recordings_of("us_mobilenet_v1", build_untrained("us_mobilenet_v1"), None)


def test_a_mother_s_own_recordings_must_fit_it():
    mother = strangers.Mother()
    mother.recordings = lambda: Recordings([], (torch.zeros(4, 7),), (torch.zeros(3, 6),), torch.zeros(2), "top2")
    with pytest.raises(RequestError) as error:
        recordings_of("stranger", mother, None)
    for problem in ("metric 'top2'", "goldens x has shape (4, 7)", "2 targets for 3 held-out samples"):
        assert problem in str(error.value)


def test_a_metric_is_one_of_ours_by_name_or_her_own():
    own = recordings_of("stranger", strangers.WithMetric(), None)
    assert metric_of(own) is strangers.WithMetric.metric
    assert metric_of(recordings_of("stranger", strangers.Mother(), None)).name == "top1"
    ones = np.ones((4, 3))
    assert metric_value(metric_of(own), ones, ones + 0.25) == -25.0
    assert baseline_value(metric_of(own), ones) is None


@pytest.mark.parametrize("name", ["top1", "si_sdr", "mean error", "1st", "", "x" * 50])
def test_a_metric_of_a_name_that_can_t_be_is_refused(name):
    mother = strangers.WithMetric()
    mother.metric = Metric(name, "points", strangers.neg_mae)
    with pytest.raises(RequestError, match="needs a name of letters, digits and underscores, not"):
        recordings_of("stranger", mother, None)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (lambda *_: float("nan"), "is nan: its function must return a finite number"),
        (lambda *_: float("inf"), "is inf: its function must return a finite number"),
        (lambda *_: "good", "failed with ValueError"),
        (strangers.no_metric, "failed with ZeroDivisionError: no samples .*no_metric.: fix its|failed with TypeError"),
    ],
)
def test_a_metric_that_gives_no_number_is_refused_in_one_line(value, message):
    metric, ones = Metric("own", "points", value, value), np.ones(3)
    for measure in (lambda: metric_value(metric, ones, ones), lambda: baseline_value(metric, ones)):
        with pytest.raises(RequestError, match=f"metric own ({message})") as raised:
            measure()
        assert "\n" not in str(raised.value)
