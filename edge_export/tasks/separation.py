"""Separation: maps a sound, call by call, to one sound for each stem."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge_export.data.golden_sounds import write_goldens
from edge_export.data.musdb import with_channels
from edge_export.data.sound_file import Sound, read_sound, resample
from edge_export.data.stem_files import check_folder, write_stems
from edge_export.errors import RequestError
from edge_export.files.arrays import Array
from edge_export.spec.agreement import SNR_LIMIT_DB, ratio_db
from edge_export.spec.metric import Metric
from edge_export.spec.tensors import IOSpec, Stream
from edge_export.tasks.extremes import extreme_samples
from edge_export.tasks.task import Prediction, PredictionRequest, RunMember, Task
from edge_export.tasks.tensor_files import read_tensor_files

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")
MIN_SECONDS, MAX_SECONDS = 0.5, 10.0
"""The shortest sound that can be a golden, and the length to which longer sounds are cut."""
EXTREME_SECONDS = 0.5
MIN_TIMEOUT_S = 600.0
MAX_REAL_TIME_FACTOR = 20.0
"""The time limit of a runtime, as a multiple of the sound's length."""


def si_sdr(stems: Array, targets: Array) -> float:
    """Returns the scale-invariant signal-to-distortion ratio of the first stem in dB, averaged over recordings.

    arXiv 1811.02508.

    Args:
        stems, targets: `(count, stems, channels, samples)`.
    """
    estimates, references = (a[:, 0].reshape(len(a), -1).astype(np.float64) for a in (stems, targets))
    if not np.isfinite(estimates).all():
        return -SNR_LIMIT_DB
    energy = np.maximum(np.square(references).sum(1, keepdims=True), 1e-12)
    signal = (estimates * references).sum(1, keepdims=True) / energy * references
    return float(np.mean([ratio_db(s, e - s) for s, e in zip(signal, estimates, strict=True)]))


def mixture_si_sdr(targets: Array) -> float:
    """Returns the SI-SDR in dB of the unprocessed mixture as an estimate of the first stem."""
    return si_sdr(targets.sum(axis=1, keepdims=True), targets)


def read_files(files: Sequence[Path], io: IOSpec) -> list[list[Array]] | None:
    """Reads safetensors files, or else sounds, at the mother's rate and channels, cut to the length of the shortest.

    Raises:
        RequestError: A sound cannot be read, or is too short.
    """
    if (tensors := read_tensor_files(files, io)) is not None:
        return tensors
    sounds = [path for path in files if path.suffix.lower() in SUFFIXES]
    if not sounds or io.stream is None or len(io.inputs) != 1:
        return None
    audios = [_read_golden(path, io.inputs[0].shape[1], io.stream.sample_rate) for path in sounds]
    samples = min(int(MAX_SECONDS * io.stream.sample_rate), *(audio.shape[1] for audio in audios))
    return [[np.ascontiguousarray(audio[None, :, :samples])] for audio in audios]


def _read_golden(path: Path, channels: int, sample_rate: int) -> Array:
    sound = read_sound(path)
    audio = resample(with_channels(sound.audio, channels), sound.sample_rate, sample_rate)
    if audio.shape[1] < MIN_SECONDS * sample_rate:
        raise RequestError(f"{path} is shorter than {MIN_SECONDS:g} s: give longer recordings as --goldens")
    return audio


def extremes(io: IOSpec, goldens: dict[str, Array]) -> dict[str, Array]:
    """Returns extreme recordings of half a second, in -1..1."""
    assert io.stream is not None
    samples = int(EXTREME_SECONDS * io.stream.sample_rate)
    return {spec.name: extreme_samples(goldens[spec.name][0][..., :samples], -1.0, 1.0) for spec in io.inputs}


def predict(request: PredictionRequest, run: RunMember) -> Prediction:
    """Writes one wav file for each stem of a sound file of any rate, channel count and length.

    The stems have the same rate, channels and number of samples as the sound. A mono member separates each channel
    separately. A member with several channels separates files with the same number of channels directly. Other files
    are mixed down to mono, which is the input of all its channels; the mean of its outputs goes to every channel.

    Raises:
        RequestError: `read_sound` or `check_folder` fails, or there is no folder for the stems.
    """
    io, stream = request.io, request.io.stream
    if stream is None:
        raise RequestError(f"{request.about['member']} has no sound input: choose a member that streams sound")
    if request.output is None:
        raise RequestError("a separator needs a folder for its stems: give OUTPUT")
    sound = read_sound(request.source)
    check_folder(request.output, [f"{name}.wav" for name in stream.stems], request.source)
    recordings, notes = _for_member(sound, io.inputs[0].shape[1], stream.sample_rate)
    calls = len(recordings) * stream.calls_for(recordings.shape[-1])
    request.report(0, calls)
    ran = run(
        {io.inputs[0].name: recordings},
        timeout_s=MIN_TIMEOUT_S + MAX_REAL_TIME_FACTOR * sound.seconds * len(recordings),
        on_calls=lambda done: request.report(done, calls),
    )
    request.report(calls, calls)
    stems = _for_listener(ran.outputs[io.outputs[0].name], sound, stream.sample_rate)
    write_stems(request.output, dict(zip(stream.stems, stems, strict=True)), sound.sample_rate, sound.subtype)
    return _prediction(request, stream, sound, ran.runtime, ran.seconds, notes)


def _prediction(
    request: PredictionRequest, stream: Stream, sound: Sound, runtime: str, seconds: float, notes: tuple[str, ...]
) -> Prediction:
    assert request.output is not None
    files = {name: str(request.output / f"{name}.wav") for name in stream.stems}
    channels, samples = sound.audio.shape
    factor = seconds / sound.seconds
    record = {
        **request.about,
        "runtime": runtime,
        "stems": files,
        "sample_rate": sound.sample_rate,
        "channels": channels,
        "samples": samples,
        "subtype": sound.subtype,
        "seconds": seconds,
        "real_time_factor": factor,
        "latency_ms": stream.latency_ms,
        "notes": list(notes),
    }
    what = f"{sound.subtype}, {sound.sample_rate} Hz, {channels} channels, {samples} samples"
    how_fast = (
        f"{request.about['member']}/{request.about['artifact']} in {runtime}: {sound.seconds:.2f} s of sound in "
        f"{seconds:.2f} s, real-time factor {factor:.3f}, latency {stream.latency_ms:g} ms"
    )
    return Prediction((*files.values(), "; ".join([what, *notes]), how_fast), record)


def _for_member(sound: Sound, channels: int, sample_rate: int) -> tuple[Array, tuple[str, ...]]:
    """Returns recordings `(count, channels, samples)` at the member's rate, and notes on the conversion."""
    notes = []
    recordings: Array
    if channels == 1:
        recordings = sound.audio[:, None]
        if len(recordings) > 1:
            notes.append(f"each of the {len(recordings)} channels was separated on its own")
    elif len(sound.audio) == channels:
        recordings = sound.audio[None]
    else:
        recordings = np.repeat(sound.audio.mean(axis=0, keepdims=True), channels, axis=0)[None]
        notes.append(f"{len(sound.audio)} channels were mixed down to mono for a member of {channels}")
    if sound.sample_rate != sample_rate:
        notes.append(f"resampled from {sound.sample_rate} to {sample_rate} Hz and back")
    if sound.sample_rate > sample_rate:
        notes.append(f"what is above {sample_rate / 2:g} Hz is in no stem")
    return resample(recordings, sound.sample_rate, sample_rate), tuple(notes)


def _for_listener(stems: Array, sound: Sound, sample_rate: int) -> list[Array]:
    """Converts `(count, stems, channels, samples)` to one `(channels, samples)` per stem, in the sound's format."""
    channels, samples = sound.audio.shape
    back = resample(stems, sample_rate, sound.sample_rate)[..., :samples]
    back = np.pad(back, [(0, 0)] * 3 + [(0, samples - back.shape[-1])])
    each: Array = back.transpose(1, 0, 2, 3).reshape(back.shape[1], -1, samples)
    if each.shape[1] != channels:
        each = np.repeat(each.mean(axis=1, keepdims=True), channels, axis=1)
    return list(each)


TASK = Task(
    name="separation",
    description="one sound for each stem, streaming; SI-SDR of the first stem on held-out recordings",
    metric=Metric("si_sdr", "dB", si_sdr, mixture_si_sdr),
    fits=lambda io: io.stream is not None,
    read_files=read_files,
    max_goldens=8,
    extremes=extremes,
    write_goldens=write_goldens,
    predict=predict,
)
