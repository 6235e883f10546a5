"""Find the recorded inputs that a build is proven on: the mother's own, the catalog's, or a folder of the user's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge_export.data import recordings_for
from edge_export.data.images import read_image
from edge_export.data.musdb import with_channels
from edge_export.data.sound_file import read_sound, resample
from edge_export.errors import RequestError, one_line
from edge_export.files.arrays import Array, load_arrays
from edge_export.mothers.protocol import Recordings
from edge_export.spec.agreement import TASK_METRICS
from edge_export.spec.recorded import fits

if TYPE_CHECKING:
    from edge_export.mothers.protocol import Mother
    from edge_export.spec.tensors import IOSpec

GOLDENS = 64
"""How many recorded inputs of a folder become goldens."""
CALIBRATION_BATCH = 32
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
SOUND_SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")
SOUND_SECONDS = (0.5, 10.0)
"""The shortest sound that is taken, and how much of a longer one."""
SOUND_GOLDENS = 8


def recordings_of(spec: str, mother: Mother, goldens: Path | None) -> Recordings:
    """The recorded data to build `mother` with: `goldens` before its own before the catalog's.

    Raises:
        RequestError: There is none, or it does not fit the mother's inputs.
    """
    if goldens is not None:
        return read_folder(goldens, mother.io)
    own = getattr(mother, "recordings", None)
    recordings = own() if own is not None else recordings_for(spec)
    if recordings is None:
        raise RequestError(f"mother {spec} brings no recorded inputs: give a folder of them as --goldens")
    _check(spec, mother.io, recordings)
    return recordings


def read_folder(folder: Path, io: IOSpec) -> Recordings:
    """Recorded inputs from the safetensors files, images or sound files in `folder`, in the order of their names.

    A safetensors file holds one tensor per input, `(count, …)`; sound may have any number of samples. Images
    are resized to the input and scaled to 0..1. Sound files are resampled and mixed to the mother's rate and channels,
    and cut to the shortest of them. Calibration averages over the same recordings.

    Raises:
        RequestError: The folder holds neither, or a file that can't be read or does not fit the inputs.
    """
    import torch

    try:
        files = sorted(folder.iterdir())
    except OSError as error:
        raise RequestError(f"--goldens {folder} can't be read ({one_line(error.strerror)}): give a folder") from error
    tensors = [f for f in files if f.suffix == ".safetensors"]
    images = [f for f in files if f.suffix.lower() in IMAGE_SUFFIXES]
    sounds = [f for f in files if f.suffix.lower() in SOUND_SUFFIXES]
    if tensors:
        parts = [_read_tensors(path, io) for path in tensors]
    elif images and len(io.inputs) == 1 and io.inputs[0].layout == "NCHW" and io.inputs[0].shape[1] in (1, 3):
        parts = [[read_image(path, io.inputs[0])] for path in images]
    elif sounds and io.stream is not None and len(io.inputs) == 1:
        parts = [[audio] for audio in _read_sounds(sounds, io.inputs[0].shape[1], io.stream.sample_rate)]
    else:
        raise RequestError(
            f"--goldens {folder} holds no .safetensors files, nor images or sound files that the mother could take"
        )
    inputs = tuple(torch.from_numpy(np.concatenate(arrays)) for arrays in zip(*parts, strict=True))
    most = GOLDENS if io.stream is None else SOUND_GOLDENS
    batches = list(zip(*(t.split(CALIBRATION_BATCH) for t in inputs), strict=True))
    return Recordings(batches=batches, goldens=tuple(t[:most] for t in inputs))


def _read_tensors(path: Path, io: IOSpec) -> list[Array]:
    arrays = load_arrays(path)
    problems = []
    for spec in io.inputs:
        array = arrays.get(spec.name)
        if array is None:
            problems.append(f"it has no tensor {spec.name}")
        elif not fits(array.shape, spec, io.stream is not None) or array.dtype != np.dtype(spec.dtype):
            wanted = ("count", *spec.shape[1:])
            problems.append(f"{spec.name} is {array.dtype} {array.shape}, not {spec.dtype} {wanted}")
        elif array.dtype.kind == "f" and not np.isfinite(array).all():
            problems.append(f"{spec.name} holds NaN or infinite values")
    if len({len(arrays[s.name]) for s in io.inputs if s.name in arrays and arrays[s.name].ndim}) > 1:
        problems.append("its tensors have different counts")
    if problems:
        raise RequestError(f"--goldens {path}: {'; '.join(problems)}")
    return [arrays[spec.name] for spec in io.inputs]


def _read_sounds(paths: list[Path], channels: int, sample_rate: int) -> list[Array]:
    """Each sound as `(1, channels, samples)` of the same length."""
    audios = []
    for path in paths:
        sound = read_sound(path)
        audio = resample(with_channels(sound.audio, channels), sound.sample_rate, sample_rate)
        if audio.shape[1] < SOUND_SECONDS[0] * sample_rate:
            raise RequestError(f"{path} is shorter than {SOUND_SECONDS[0]:g} s: give longer recordings as --goldens")
        audios.append(audio)
    samples = min(int(SOUND_SECONDS[1] * sample_rate), *(audio.shape[1] for audio in audios))
    return [np.ascontiguousarray(audio[None, :, :samples]) for audio in audios]


def _check(spec: str, io: IOSpec, recordings: Recordings) -> None:
    """A stranger's recordings must fit his own mother."""
    import torch

    problems = []
    if recordings.metric not in TASK_METRICS:
        problems.append(f"metric {recordings.metric!r} is none of {', '.join(TASK_METRICS)}")
    for what, tensors in (("goldens", recordings.goldens), ("held_out", recordings.held_out)):
        if what == "held_out" and recordings.targets is None:
            continue
        if len(tensors) != len(io.inputs):
            problems.append(f"{what} has {len(tensors)} tensors for {len(io.inputs)} inputs")
            continue
        for tensor, wanted in zip(tensors, io.inputs, strict=True):
            if not fits(tensor.shape, wanted, io.stream is not None):
                shape = tuple(tensor.shape)
                problems.append(f"{what} {wanted.name} has shape {shape}, not {('count', *wanted.shape[1:])}")
            elif tensor.is_floating_point() and not torch.isfinite(tensor).all():
                problems.append(f"{what} {wanted.name} holds NaN or infinite values")
    if (
        recordings.targets is not None
        and recordings.held_out
        and len(recordings.targets) != len(recordings.held_out[0])
    ):
        problems.append(f"{len(recordings.targets)} targets for {len(recordings.held_out[0])} held-out samples")
    if problems:
        raise RequestError(f"the recordings of mother {spec} don't fit it: {'; '.join(problems)}")
