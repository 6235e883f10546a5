"""`run` on real files, in a real runtime, as a user calls it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from tflite_target import tflite_only

from edge_export.data.excerpts import SAMPLE_RATE, open_excerpts
from edge_export.report.page import MAX_BYTES, write_report
from edge_export.tasks.separation import si_sdr

TARGET = tflite_only("separator", "d1w1", "si_sdr = 0.01")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def separator_bundle(tmp_path_factory):
    """A real bundle of the smallest separator, TFLite only."""
    folder = tmp_path_factory.mktemp("separator")
    (folder / "board.toml").write_text(TARGET)
    command = [sys.executable, "-m", "edge_export", "build", "--target", "board.toml", "--out", "bundle", "--json"]
    environment = {**os.environ, "EDGE_EXPORT_CACHE": str(folder / "cache"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    return folder / "bundle", json.loads(done.stdout)


@pytest.mark.slow
def test_the_report_of_a_separator_plays_all_of_its_default_goldens(separator_bundle, tmp_path):
    bundle, _ = separator_bundle
    assert write_report(bundle, tmp_path / "report.html") < MAX_BYTES
    page = (tmp_path / "report.html").read_text()
    assert page.count("data-flac=") == 2 * (1 + 2 * 2), "of two goldens: the mixture, and two stems of two sources"
    assert "Golden 2, 10.0 s from 0.0 s on" in page, "there is room for all of one member's"


@pytest.mark.slow
def test_a_separator_s_bundle_states_how_it_streams(separator_bundle):
    root, result = separator_bundle
    (member,) = result["members"]
    (artifact,) = member["artifacts"]
    assert member["latency_ms"] == 32.0
    assert member["io"]["stream"]["stems"] == ["vocals", "accompaniment"]
    assert member["io"]["feedback"] == [["next_state", "state"]]
    rules = ["fold_batchnorm", "merge_recurrences", "fold_gates", "streamed_transform", "band_split", "masks"]
    assert [s["name"] for s in member["stages"]] == ["extracted", "calibrated", *rules, "baked", "exported"]
    assert all(stage["agreement"]["snr_db"] > 110 for stage in member["stages"])
    assert artifact["runs"][0]["agreement"]["snr_db"] > 90
    assert artifact["runs"][0]["metric"]["artifact"] > 0
    manifest = json.loads((root / "manifest.json").read_text())
    assert manifest["recorded"]["baseline"] == pytest.approx(-2.5, abs=1.5)
    heard = [f["path"] for f in manifest["recorded"]["sounds"] + manifest["members"][0]["sounds"]]
    assert {"goldens/mixture-1.wav", "goldens/d1w1-1-vocals.wav"} <= set(heard)
    assert all(sf.info(root / path).samplerate == SAMPLE_RATE for path in heard)


@pytest.mark.slow
def test_vocals_on_disk_are_as_good_as_the_manifest_says(edge_export, separator_bundle):
    excerpts, index = open_excerpts(), 5
    mixture, vocals = (t[index, 0].numpy() for t in (excerpts.mixtures, excerpts.vocals))
    sf.write(edge_export.folder / "song.wav", mixture, SAMPLE_RATE, subtype="FLOAT")
    done = edge_export(
        "run", separator_bundle[0], "--member", "d1w1", "--format", "tflite", "song.wav", "out", "--json"
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    stems = np.stack([sf.read(edge_export.folder / path, dtype="float32")[0] for path in result["stems"].values()])
    assert np.abs(stems.sum(0) - mixture).max() < 1e-6, "aligned to the sample"
    targets = np.stack([vocals, mixture - vocals])[None, :, None]
    before = si_sdr(np.stack([mixture, mixture])[None, :, None], targets)
    assert si_sdr(stems[None, :, None], targets) > before + 3
    assert 0 < result["real_time_factor"] < 5


def noise(samples, channels):
    return np.random.default_rng(0).standard_normal((samples, channels)) * 0.1


SOUNDS = {
    "one sample": (noise(1, 1), 16000, "wav", "PCM_16"),
    "shorter than a hop": (noise(100, 1), 16000, "wav", "PCM_16"),
    "no multiple of a hop, stereo": (noise(44100 + 17, 2), 44100, "wav", "PCM_24"),
    "silence": (np.zeros((5000, 1)), 48000, "wav", "FLOAT"),
    "low rate, flac": (noise(4001, 2), 11025, "flac", "PCM_16"),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", SOUNDS)
def test_any_rate_channels_and_length(kind, edge_export, separator_bundle):
    audio, rate, suffix, subtype = SOUNDS[kind]
    name = f"in.{suffix}"
    sf.write(edge_export.folder / name, audio, rate, subtype=subtype)
    done = edge_export("run", separator_bundle[0], "--member", "d1w1", name, "out")
    assert done.returncode == 0, done.stderr
    assert "real-time factor" in done.stdout
    total = np.zeros_like(audio)
    for stem in ("vocals", "accompaniment"):
        info = sf.info(edge_export.folder / "out" / f"{stem}.wav")
        assert (info.frames, info.samplerate, info.channels, info.subtype) == (
            len(audio),
            rate,
            audio.shape[1],
            subtype,
        )
        total += sf.read(edge_export.folder / "out" / f"{stem}.wav", always_2d=True)[0]
    if rate == 16000:
        assert np.abs(total - audio).max() < 1e-4
    if kind == "silence":
        assert np.abs(total).max() < 1e-6
    # No clicks: at the ends, nothing jumps further than inside.
    jumps = np.abs(np.diff(np.concatenate([np.zeros_like(total[:1]), total, np.zeros_like(total[:1])]), axis=0))
    assert jumps[[0, -1]].max() <= max(1.05 * np.abs(audio).max(), 1e-6)


@pytest.mark.slow
def test_wrong_requests_write_nothing(edge_export, separator_bundle):
    root = separator_bundle[0]
    folder = edge_export.folder
    sf.write(folder / "song.wav", noise(1000, 1), 16000)
    sf.write(folder / "nan.wav", np.array([0.1, np.nan], np.float32), 16000, subtype="FLOAT")
    (folder / "text.wav").write_text("no sound")
    requests = [
        (("--member", "d1w1", "nan.wav", "out"), "NaN"),
        (("--member", "d1w1", "text.wav", "out"), "can't be read as sound"),
        (("--member", "d9w9", "song.wav", "out"), "has no member 'd9w9'"),
        (("--member", "d1w1", "--format", "coreml", "song.wav", "out"), "use one of tflite-builtin-fp32"),
        (("--member", "d1w1", "song.wav"), "give OUTPUT"),
        (("--member", "d1w1", "song.wav", "text.wav"), "text.wav is a file"),
    ]
    before = sorted(p.name for p in folder.iterdir())
    for arguments, message in requests:
        done = edge_export("run", root, *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert message in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
    assert sorted(p.name for p in folder.iterdir()) == before


def test_a_digit_is_read(edge_export, small_bundle):
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    pixels = (digits.images[12] * 255 / 16).astype(np.uint8)
    Image.fromarray(pixels).save(edge_export.folder / "digit.png")
    done = edge_export("run", small_bundle, "--member", "w0.25", "digit.png", "label.json", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["label"] == str(digits.target[12])
    assert sum(result["scores"].values()) == pytest.approx(1.0)
    assert json.loads((edge_export.folder / "label.json").read_text()) == result
    done = edge_export("run", small_bundle, "--member", "w0.25", "label.json")
    assert done.returncode == 2
    assert "is no image" in done.stderr
