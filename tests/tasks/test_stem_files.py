"""Either all stems are written or none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from edge_export.data.stem_files import check_folder, write_stems
from edge_export.errors import RequestError

TONE = (0.5 * np.sin(np.arange(8000) * 0.05)).astype(np.float32)


def sound(path: Path, audio: np.ndarray = TONE, rate: int = 16000, **options: str) -> Path:
    sf.write(path, audio, rate, **options)
    return path


def test_stems_are_written_in_their_subtype(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "vocals.wav").write_text("old")
    (tmp_path / "out" / "notes.txt").write_text("mine")
    loud = 2.0 * np.stack([TONE, TONE])
    write_stems(tmp_path / "out", {"vocals": loud, "rest": TONE[None]}, 8000, "PCM_16")
    audio, rate = sf.read(tmp_path / "out" / "vocals.wav")
    assert (audio.shape, rate) == ((8000, 2), 8000)
    assert np.abs(audio).max() == pytest.approx(1.0, abs=1e-4), "clipped, not wrapped around"
    write_stems(tmp_path / "out", {"vocals": loud}, 8000, "FLOAT")
    assert np.array_equal(sf.read(tmp_path / "out" / "vocals.wav", dtype="float32")[0].T, loud)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out"]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["notes.txt", "rest.wav", "vocals.wav"]


def test_nothing_is_left_where_stems_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RequestError, match="can't be written"):
        write_stems(tmp_path / "file" / "out", {"vocals": TONE[None]}, 8000, "PCM_16")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file"]


def test_the_input_is_never_overwritten(tmp_path: Path) -> None:
    source = sound(tmp_path / "vocals.wav")
    with pytest.raises(RequestError, match="would be overwritten"):
        check_folder(tmp_path, ["vocals.wav"], source)
    with pytest.raises(RequestError, match="is a file"):
        check_folder(source, ["vocals.wav"], source)
