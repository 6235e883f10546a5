"""Writes Standard MIDI Files: notes in seconds become one format-0 track."""

from __future__ import annotations

import struct
from dataclasses import dataclass

TICKS_PER_SECOND = 960
DRUM_CHANNEL = 9


@dataclass(frozen=True)
class Note:
    """One note.

    Attributes:
        start: The onset in seconds.
        seconds: The duration.
        pitch: The MIDI key, 0..127 (69 is A4); on channel 9 the drum.
        velocity: 1..127.
        channel: 0..15.
    """

    start: float
    seconds: float
    pitch: int
    velocity: int = 90
    channel: int = 0


def midi_file(notes: list[Note], programs: dict[int, int], controls: dict[int, dict[int, int]] | None = None) -> bytes:
    """Returns the bytes of a format-0 file that plays `notes`.

    Args:
        notes: The notes, in any order.
        programs: The General MIDI program (0..127) of each channel.
        controls: Controller values set at the start, per channel: {channel: {controller: value}}.
    """
    events: list[tuple[int, int, bytes]] = []
    for channel, program in programs.items():
        events.append((0, 0, bytes([0xC0 | channel, program])))
    for channel, values in (controls or {}).items():
        events.extend((0, 1, bytes([0xB0 | channel, number, value])) for number, value in values.items())
    for note in notes:
        on, off = round(note.start * TICKS_PER_SECOND), round((note.start + note.seconds) * TICKS_PER_SECOND)
        pitch = min(max(note.pitch, 0), 127)
        events.append((on, 3, bytes([0x90 | note.channel, pitch, min(max(note.velocity, 1), 127)])))
        # Note-offs sort before note-ons of the same tick, so that a repeated pitch sounds again.
        events.append((max(off, on + 1), 2, bytes([0x80 | note.channel, pitch, 0])))
    track = b"\x00\xff\x51\x03" + struct.pack(">I", 500_000)[1:]
    last = 0
    for tick, _, message in sorted(events):
        track += _variable_length(tick - last) + message
        last = tick
    track += b"\x00\xff\x2f\x00"
    # 120 beats a minute: a beat is half a second.
    header = b"MThd" + struct.pack(">IHHH", 6, 0, 1, TICKS_PER_SECOND // 2)
    return header + b"MTrk" + struct.pack(">I", len(track)) + track


def _variable_length(value: int) -> bytes:
    out = bytes([value & 0x7F])
    while value := value >> 7:
        out = bytes([0x80 | (value & 0x7F)]) + out
    return out
