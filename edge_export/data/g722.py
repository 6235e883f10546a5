"""Decodes ITU-T G.722 at 64 kbit/s: recorded speech at 16 kHz, one byte for two samples.

All parts of all files are decoded side by side in numpy, since the decoder itself is a long chain of integer steps.
The two bands run as two rows of the same arrays: their predictors (block 4 of the recommendation) are alike.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16000
PART, WARM_UP = 16000, 8000
"""Bytes of a part, and bytes decoded before it and dropped. The decoder forgets: after a second its state is
that of a decoder that began at the start of the file."""

Integers = NDArray[np.int32]


def _integers(values: object) -> Integers:
    return np.array(values, np.int32)


_WL = _integers([-60, -30, 58, 172, 334, 538, 1198, 3042])
_RL42 = _integers([0, 7, 6, 5, 4, 3, 2, 1, 7, 6, 5, 4, 3, 2, 1, 0])
_WH, _RH2 = _integers([0, -214, 798]), _integers([2, 1, 2, 1])
_ILB = _integers(
    [2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
     2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008]
)  # fmt: skip
_QM2 = _integers([-7408, -1616, 7408, 1616])
_QM4 = _integers([0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0])
_QM6_MAGNITUDES = [
    24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856, 7192, 6576,
    6000, 5456, 4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728,
]  # fmt: skip
_QM6 = _integers([-136] * 4 + [-m for m in _QM6_MAGNITUDES] + _QM6_MAGNITUDES + [432, 136, -432, -136])
_QMF = _integers([3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11])
_MAX_SCALE, _SCALE_SHIFT = _integers([[18432], [22528]]), _integers([[8], [10]])


def decode_g722(files: Sequence[bytes]) -> list[NDArray[np.int16]]:
    """Each file's samples, `(2 * bytes,)`, int16 at 16 kHz."""
    parts = [
        (number, max(start - WARM_UP, 0), start, min(start + PART, len(data)))
        for number, data in enumerate(files)
        for start in range(0, len(data), PART)
    ]
    out: list[NDArray[np.int16]] = [np.zeros(2 * len(data), np.int16) for data in files]
    # Longest first, so that parts that end leave from the end of the arrays.
    parts.sort(key=lambda part: part[1] - part[3])
    codes = [np.frombuffer(files[number][first:end], np.uint8) for number, first, _, end in parts]
    for (number, first, start, end), samples in zip(parts, _decode(codes), strict=True):
        out[number][2 * start : 2 * end] = samples[2 * (start - first) :]
    return out


def _decode(codes: list[NDArray[np.uint8]]) -> list[NDArray[np.int16]]:
    lengths = np.array([len(code) for code in codes])
    if not len(lengths):
        return []
    padded = np.zeros((int(lengths[0]), len(codes)), np.int32)
    for column, code in enumerate(codes):
        padded[: len(code), column] = code
    low, high = padded & 0x3F, padded >> 6
    # What needs no state is looked up for all steps at once: (steps, bands, parts).
    residual = np.stack([_QM4[low >> 2], _QM2[high]], axis=1)
    increment = np.stack([_WL[_RL42[low >> 2]], _WH[_RH2[high]]], axis=1)
    fine = np.stack([_QM6[low], _QM2[high]], axis=1)
    active = np.searchsorted(-lengths, -np.arange(len(padded)), side="left")
    bands = np.zeros((len(padded), 2, len(codes)), np.int32)
    state = _State.start(len(codes))
    for step, count in enumerate(active):
        state = state.cut(count)
        bands[step, :, :count] = _step(state, *(table[step, :, :count] for table in (residual, increment, fine)))
    return [_join_bands(bands[:length, :, column]) for column, length in enumerate(lengths)]


class _State:
    """The predictors' and quantizers' state; every array ends in `(2 bands, parts)`."""

    def __init__(self, arrays: dict[str, Integers]) -> None:
        self.scale, self.log_scale = arrays["scale"], arrays["log_scale"]
        self.signal, self.zero_signal = arrays["signal"], arrays["zero_signal"]
        self.poles, self.zeros = arrays["poles"], arrays["zeros"]
        self.outputs, self.partial = arrays["outputs"], arrays["partial"]
        self.residuals = arrays["residuals"]

    @staticmethod
    def start(parts: int) -> _State:
        shapes = {"log_scale": (), "signal": (), "zero_signal": (), "poles": (2,), "zeros": (6,)}
        shapes |= {"outputs": (2,), "partial": (2,), "residuals": (6,)}
        arrays = {name: np.zeros((*shape, 2, parts), np.int32) for name, shape in shapes.items()}
        return _State({**arrays, "scale": np.repeat(_integers([[32], [8]]), parts, axis=1)})

    def cut(self, parts: int) -> _State:
        """The state of the first `parts` alone."""
        if self.scale.shape[-1] == parts:
            return self
        return _State({name: array[..., :parts] for name, array in vars(self).items()})


def _saturated(values: Integers) -> Integers:
    return np.clip(values, -32768, 32767)


def _step(s: _State, residual: Integers, increment: Integers, fine: Integers) -> Integers:
    """One byte of every part: the two bands' samples `(2, parts)`."""
    sample = np.clip(s.signal + ((s.scale * fine) >> 15), -16384, 16383)
    d = (s.scale * residual) >> 15
    s.log_scale = np.clip(((s.log_scale * 127) >> 7) + increment, 0, _MAX_SCALE)
    mantissa, shift = _ILB[(s.log_scale >> 6) & 31], _SCALE_SHIFT - (s.log_scale >> 11)
    s.scale = ((mantissa << np.maximum(-shift, 0)) >> np.maximum(shift, 0)) << 2
    output, partial = _saturated(s.signal + d), _saturated(s.zero_signal + d)
    same = ((partial ^ s.partial) >= 0).astype(np.int32) * 2 - 1
    first = _saturated(s.poles[0] << 2)
    second = (np.minimum(-same[0] * first, 32767) >> 7) + same[1] * 128 + ((s.poles[1] * 32512) >> 15)
    second = np.clip(second, -12288, 12288)
    limit = 15360 - second
    leading = np.clip(_saturated(same[0] * 192 + ((s.poles[0] * 32640) >> 15)), -limit, limit)
    toward = (((s.residuals ^ d) >= 0).astype(np.int32) * 256 - 128) * (d != 0)
    s.zeros = _saturated(toward + ((s.zeros * 32640) >> 15))
    s.residuals = np.concatenate([d[None], s.residuals[:-1]])
    s.outputs, s.partial = np.stack([output, s.outputs[0]]), np.stack([partial, s.partial[0]])
    s.poles = np.stack([leading, second])
    pole_signal = _saturated(((s.poles * _saturated(2 * s.outputs)) >> 15).sum(axis=0, dtype=np.int32))
    s.zero_signal = _saturated(((s.zeros * _saturated(2 * s.residuals)) >> 15).sum(axis=0, dtype=np.int32))
    s.signal = _saturated(pole_signal + s.zero_signal)
    return sample


def _join_bands(bands: Integers) -> NDArray[np.int16]:
    """The quadrature mirror filter: `(bytes, 2 bands)` to `(2 * bytes,)` samples."""
    low, high = bands[:, 0], bands[:, 1]
    plus, minus = (np.pad(values.astype(np.int64), (11, 0)) for values in (low + high, low - high))
    second = np.convolve(plus, _QMF[::-1], "valid") if len(low) else plus[:0]
    first = np.convolve(minus, _QMF, "valid") if len(low) else minus[:0]
    return np.clip(np.stack([first, second], axis=1).reshape(-1) >> 11, -32768, 32767).astype(np.int16)
