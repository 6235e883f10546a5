"""Separate a sound file with a member that streams: any rate, channel count and length, sample-exact.

A member for mono separates each channel on its own. One for more channels takes files of just as many; others are mixed
down to mono and given to all its channels, and the mean of what comes out goes to every channel of the result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_export.data.sound_file import Sound, read_sound, resample
from edge_export.errors import RequestError
from edge_export.files.arrays import Array
from edge_export.predict.choice import Choice, run_choice
from edge_export.predict.stem_files import check_folder, write_stems
from edge_export.runtimes.stream import calls_for

MIN_TIMEOUT_S = 600.0
MAX_REAL_TIME_FACTOR = 20.0
"""How many times slower than real time a runtime may be before it is given up."""


@dataclass(frozen=True)
class Separated:
    """What was written.

    Attributes:
        stems: The files, by the stem's name.
        sound_seconds: Length of the input.
        seconds: What all calls of the artifact took.
        notes: What a user should know, one sentence each.
    """

    stems: dict[str, Path]
    sample_rate: int
    channels: int
    samples: int
    subtype: str
    sound_seconds: float
    seconds: float
    runtime: str
    notes: tuple[str, ...]

    @property
    def real_time_factor(self) -> float:
        """Time that the calls took, for each second of sound; below 1 keeps up with it."""
        return self.seconds / self.sound_seconds


def separate(
    choice: Choice, source: Path, folder: Path, log: Path, on_progress: Callable[[int, int], None]
) -> Separated:
    """Write one wav file per stem of the sound file `source` into `folder`, in its rate, channels, length and subtype.

    Args:
        on_progress: Told how many calls of how many are done.

    Raises:
        RequestError: As `read_sound`, `check_folder` and `run_choice` do.
    """
    stream = choice.member.io.stream
    if stream is None:
        raise RequestError(f"{choice.member.name} takes no sound: give what its inputs are")
    sound = read_sound(source)
    check_folder(folder, [f"{name}.wav" for name in stream.stems], source)
    audio = choice.member.io.inputs[0]
    recordings, notes = _for_member(sound, audio.shape[1], stream.sample_rate)
    calls = len(recordings) * calls_for(choice.member.io, recordings.shape[-1])
    on_progress(0, calls)
    ran = run_choice(
        choice,
        {audio.name: recordings},
        timeout_s=MIN_TIMEOUT_S + MAX_REAL_TIME_FACTOR * sound.seconds * len(recordings),
        log=log,
        on_calls=lambda done: on_progress(done, calls),
    )
    on_progress(calls, calls)
    stems = _for_listener(ran.outputs[choice.member.io.outputs[0].name], sound, stream.sample_rate)
    write_stems(folder, dict(zip(stream.stems, stems, strict=True)), sound.sample_rate, sound.subtype)
    return Separated(
        stems={name: folder / f"{name}.wav" for name in stream.stems},
        sample_rate=sound.sample_rate,
        channels=sound.audio.shape[0],
        samples=sound.audio.shape[1],
        subtype=sound.subtype,
        sound_seconds=sound.seconds,
        seconds=ran.seconds,
        runtime=ran.runtime,
        notes=notes,
    )


def _for_member(sound: Sound, channels: int, sample_rate: int) -> tuple[Array, tuple[str, ...]]:
    """Recordings `(count, channels, samples)` at the member's rate, and what was done to the sound."""
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
    """`(count, stems, channels, samples)` to one `(channels, samples)` per stem, as the sound is."""
    channels, samples = sound.audio.shape
    back = resample(stems, sample_rate, sound.sample_rate)[..., :samples]
    back = np.pad(back, [(0, 0)] * 3 + [(0, samples - back.shape[-1])])
    each: Array = back.transpose(1, 0, 2, 3).reshape(back.shape[1], -1, samples)
    if each.shape[1] != channels:
        each = np.repeat(each.mean(axis=1, keepdims=True), channels, axis=1)
    return list(each)
