"""G.722 is decoded to the very samples that ffmpeg gives, whole or in parts.

`chirp.g722` was made by `ffmpeg -f lavfi -i "aevalsrc=0.4*sin(2*PI*(200+900*t)*t)*(0.6+0.4*sin(2*PI*3*t))
+0.05*(random(0)-0.5):s=16000:d=5" -c:a g722 -f g722 chirp.g722`.
"""

import hashlib
from pathlib import Path

import numpy as np

from edge_export.data.g722 import PART, decode_g722

CHIRP = Path(__file__).resolve().parents[1] / "fixtures" / "chirp.g722"
OF_FFMPEG = "ffd198b411e4602442f77d1e82f3ae920aa777919b6133301831a91006056a34"
"""SHA-256 of what `ffmpeg -f g722 -i chirp.g722 -f s16le -` writes."""


def test_samples_are_those_of_ffmpeg_though_the_file_is_decoded_in_parts() -> None:
    data = CHIRP.read_bytes()
    assert len(data) > 2 * PART
    (samples,) = decode_g722([data])
    assert hashlib.sha256(samples.astype("<i2").tobytes()).hexdigest() == OF_FFMPEG


def test_files_of_different_lengths_do_not_disturb_each_other() -> None:
    data = CHIRP.read_bytes()
    short, empty, long = decode_g722([data[:3000], b"", data[:20000]])
    assert len(empty) == 0
    (alone,) = decode_g722([data[:3000]])
    assert np.array_equal(short, alone)
    assert np.array_equal(long[:6000], alone)
    assert decode_g722([]) == []
