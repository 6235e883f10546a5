"""Sound files that are not trusted are read completely or refused in one line."""

from __future__ import annotations

import os
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from edge_export.data.sound_file import read_sound
from edge_export.errors import RequestError

TONE = (0.5 * np.sin(np.arange(8000) * 0.05)).astype(np.float32)


def sound(path: Path, audio: np.ndarray = TONE, rate: int = 16000, **options: str) -> Path:
    sf.write(path, audio, rate, **options)
    return path


@pytest.mark.parametrize(
    ("name", "subtype", "stays"),
    [
        ("a.wav", "PCM_16", "PCM_16"),
        ("a.wav", "PCM_24", "PCM_24"),
        ("a.wav", "FLOAT", "FLOAT"),
        ("a.wav", "PCM_U8", "PCM_16"),
        ("a.flac", "PCM_24", "PCM_24"),
        ("a.ogg", "VORBIS", "PCM_16"),
    ],
)
def test_what_libsndfile_reads(name: str, subtype: str, stays: str, tmp_path: Path) -> None:
    read = read_sound(sound(tmp_path / name, np.stack([TONE, -TONE], axis=1), 22050, subtype=subtype))
    assert (read.audio.shape, read.sample_rate, read.subtype) == ((2, 8000), 22050, stays)
    assert np.abs(read.audio[0] - TONE).max() < 0.1


def truncated_wav(path: Path) -> None:
    sound(path)
    os.truncate(path, path.stat().st_size // 2)


def truncated_flac(path: Path) -> None:
    sound(path, np.random.default_rng(0).standard_normal(80000) * 0.1, format="FLAC", subtype="PCM_16")
    os.truncate(path, path.stat().st_size // 2)


def head_only(path: Path) -> None:
    sound(path)
    os.truncate(path, 20)


def no_channels(path: Path) -> None:
    sound(path)
    data = bytearray(path.read_bytes())
    data[22:24] = b"\0\0"
    path.write_bytes(data)


def too_long(path: Path) -> None:
    """Writes a header of 300 million stereo samples, with a sparse file as data."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(44100)
        file.writeframes(b"\0" * 4)
    size = 300_000_000 * 4
    with path.open("r+b") as stream:
        stream.seek(4)
        stream.write((36 + size).to_bytes(4, "little"))
        stream.seek(40)
        stream.write(size.to_bytes(4, "little"))
        stream.truncate(44 + size)


BAD = {
    "not audio": (lambda path: path.write_text("la la la"), "can't be read as sound"),
    "empty": (lambda path: path.write_bytes(b""), "can't be read as sound"),
    "a folder": (Path.mkdir, "is not a file"),
    "missing": (lambda path: None, "is not a file"),
    "truncated wav": (truncated_wav, "truncated"),
    "truncated flac": (truncated_flac, r"truncated|can't be read"),
    "a header's half": (head_only, r"truncated|can't be read"),
    "zero samples": (lambda path: sound(path, np.zeros((0, 1), np.float32)), "no samples"),
    "NaN": (lambda path: sound(path, np.append(TONE, np.float32("nan")), subtype="FLOAT"), "NaN or infinite"),
    "infinite": (lambda path: sound(path, np.append(TONE, np.float32("inf")), subtype="FLOAT"), "NaN or infinite"),
    "0 channels": (no_channels, r"can't be read as sound|0 channels"),
    "500 channels": (
        lambda path: sound(path, np.zeros((8, 500), np.float32)),
        "500 channels: give a file with 1 to 32",
    ),
    "a rate of 5 Hz": (lambda path: sound(path, TONE, 5), "rate of 5 Hz"),
    "two hours": (too_long, "too long"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_sound_is_refused_in_one_line(kind: str, tmp_path: Path) -> None:
    make, message = BAD[kind]
    path = tmp_path / "bad.wav"
    make(path)
    with pytest.raises(RequestError, match=message) as error:
        read_sound(path)
    assert "\n" not in str(error.value)
    assert "bad.wav" in str(error.value)


def restated(path: Path, riff: int | None, data: int | None) -> Path:
    """Writes a wav file, then other sizes into its header."""
    sound(path, np.stack([TONE, -TONE], axis=1))
    content = bytearray(path.read_bytes())
    at = content.index(b"data")
    for place, size in ((4, riff), (at + 4, data)):
        if size is not None:
            content[place : place + 4] = size.to_bytes(4, "little")
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("riff", "data"),
    [
        (0x7FFFF024, 0x7FFFF000),  # SoX
        (0x80000024, 0x80000000),  # arecord
        (0x7FFFFF24, 0x7FFFFF00),  # arecord, newer
        (0xFFFFFFFF, 0xFFFFFFFF),  # FFmpeg
        (0, None),
        (0x7FFFF024, None),
        (36 + 4 * 8000 + 1000, None),
        (36 + 4 * 8000 - 1000, None),
    ],
)
def test_the_data_chunk_says_how_long_a_sound_is(riff: int, data: int | None, tmp_path: Path) -> None:
    read = read_sound(restated(tmp_path / "a.wav", riff, data))
    assert read.audio.shape == (2, 8000)
    assert np.abs(read.audio[1] + TONE).max() < 1e-4


def test_a_sound_between_other_chunks_is_whole(tmp_path: Path) -> None:
    path = sound(tmp_path / "a.wav")
    content = path.read_bytes()
    at = content.index(b"data")
    odd = b"junk" + (3).to_bytes(4, "little") + b"abc\0"
    path.write_bytes(content[:at] + odd + content[at:] + odd)
    assert read_sound(path).audio.shape == (1, 8000)
    os.truncate(path, len(content) - 100)
    with pytest.raises(RequestError, match="truncated"):
        read_sound(path)
