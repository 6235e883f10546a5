"""A series of times as one short text, so that `perf.json` keeps every sample: base64 of zlib of "1234 1250 …".

The numbers are whole nanoseconds, in decimal, in the order of the calls, with one space between them.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Sequence

MAX_SAMPLES = 1_000_000
_MAX_TEXT = 16 * MAX_SAMPLES
_NS_PER_MS = 1e6


def pack(milliseconds: Sequence[float]) -> str:
    """Returns `milliseconds` as text, rounded to whole nanoseconds, at least one."""
    text = " ".join(str(max(1, round(value * _NS_PER_MS))) for value in milliseconds)
    return base64.b64encode(zlib.compress(text.encode("ascii"), 9)).decode("ascii")


def unpack(series: str) -> tuple[float, ...]:
    """Returns the times in milliseconds.

    Raises:
        ValueError: `series` is not what `pack` writes, or unpacks to more than `MAX_SAMPLES` numbers.
    """
    stream = zlib.decompressobj()
    try:
        text = stream.decompress(base64.b64decode(series, validate=True), _MAX_TEXT)
    except (binascii.Error, zlib.error) as error:
        raise ValueError(f"a series of samples is damaged: {error}") from error
    words = text.split(b" ")
    if not stream.eof or len(words) > MAX_SAMPLES or not all(map(_is_time, words)):
        raise ValueError(f"a series of samples is damaged, or has more than {MAX_SAMPLES}")
    return tuple(int(word) / _NS_PER_MS for word in words)


def _is_time(word: bytes) -> bool:
    return len(word) < 16 and word.isdigit() and int(word) > 0
