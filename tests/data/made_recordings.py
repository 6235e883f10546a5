"""Recordings made here: a voice of pulses, formants and noise, music of chords, and Debian packages that hold them."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import soundfile as sf
from scipy.signal import lfilter

from edge_export.data.debian import Package
from edge_export.data.sources import Source

RATE = 16000


def voice(seconds: float, hertz: float = 140.0, seed: int = 0) -> np.ndarray:
    """Syllables: 60 ms of noise, then 240 ms of a vowel whose pitch falls by a fifth, then a pause of 40 ms."""
    rng, out = np.random.default_rng(seed), []
    for _ in range(int(np.ceil(seconds / 0.34))):
        noise = 0.05 * np.diff(rng.standard_normal(int(0.06 * RATE) + 1))
        time = np.arange(int(0.24 * RATE)) / RATE
        phase = np.cumsum(hertz * 2 ** (-7 / 12 * time / time[-1])) / RATE
        vowel = np.diff(np.floor(phase), prepend=0.0) + 0.001 * rng.standard_normal(len(time))
        for formant in (rng.uniform(350, 800), rng.uniform(1000, 2200), 2700.0):
            radius = np.exp(-np.pi * 90 / RATE)
            vowel = lfilter([1 - radius], [1, -2 * radius * np.cos(2 * np.pi * formant / RATE), radius**2], vowel)
        vowel *= 0.3 / np.abs(vowel).max() * np.hanning(len(vowel)) ** 0.3
        out += [noise, vowel, np.zeros(int(0.04 * RATE))]
    return np.concatenate(out)[: int(seconds * RATE)]


def chords(seconds: float, rate: int = RATE, tonic: int = 57) -> np.ndarray:
    """A cadence in the major key on MIDI pitch `tonic`, half a second a chord, stereo `(samples, 2)`."""
    time, out = np.arange(int(seconds * rate)) / rate, np.zeros(int(seconds * rate))
    for number in range(int(seconds * 2) + 1):
        inside = (time >= number / 2) & (time < number / 2 + 0.5)
        for step in ((0, 4, 7), (5, 9, 12), (7, 11, 14), (0, 4, 7))[number % 4]:
            hertz = 440 * 2 ** ((tonic + step - 69) / 12)
            out[inside] += sum(0.05 / k * np.sin(2 * np.pi * k * hertz * time[inside]) for k in (1, 2, 3))
    return np.stack([out, 0.8 * np.roll(out, 7)], axis=1)


def build_package(
    folder: Path,
    name: str,
    files: dict[str, bytes],
    links: Mapping[str, str] = MappingProxyType({}),
    archives: tuple[str, ...] = (),
) -> tuple[Package, Path]:
    """A .deb with `files` and symbolic `links`, and what the table would say of it."""
    root = folder / f"{name}-root"
    control = f"Package: {name}\nVersion: 1:2.0-1\nArchitecture: all\nMaintainer: a <a@b>\nDescription: recordings\n"
    for path, content in {"DEBIAN/control": control.encode(), **files}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    for path, target in links.items():
        (root / path).symlink_to(target)
    package = Package(name, "1:2.0-1", "", 1.0, "CC0-1.0")
    deb = folder / package.file_name
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", root, deb], check=True, capture_output=True)
    sha256 = hashlib.sha256(deb.read_bytes()).hexdigest()
    return replace(package, sha256=sha256, archives=archives), deb


def sound_bytes(folder: Path, audio: np.ndarray, rate: int = RATE, ending: str = "ogg") -> bytes:
    path = folder / f"sound.{ending}"
    sf.write(path, audio, rate)
    return path.read_bytes()


def recordings(folder: Path) -> tuple[dict[str, bytes], tuple[Source, ...]]:
    """The files of one package, and its sources for the training split: two speakers, and music."""
    files = {
        f"usr/share/said/{who}/{i}.ogg": sound_bytes(folder, voice(4.0, hertz, seed=i))
        for who, hertz in (("low", 110.0), ("high", 210.0))
        for i in range(3)
    }
    files["usr/share/played/song.ogg"] = sound_bytes(folder, chords(40.0, 44100), 44100)
    files["usr/share/played/jingle.ogg"] = sound_bytes(folder, chords(2.0))
    sources = tuple(
        Source(who, "recordings", "speech", "train", (f"usr/share/said/{who}/*.ogg",), 0.2, who)
        for who in ("low", "high")
    )
    return files, (*sources, Source("played", "recordings", "music", "train", ("usr/share/played/*.ogg",), 0.7))
