"""The inputs and outputs of a network: names, shapes, dtypes, and the stream of a network that streams.

The records are plain dataclasses. pydantic checks records from another process or a disk as `IO`, which accepts only
what every format supports.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, Field, Strict

_FORBID_UNKNOWN = {"extra": "forbid"}
_Whole = Annotated[int, Strict()]
_Axis = Annotated[int | None, Field(exclude_if=lambda axis: axis == 0)]
_Numbers = Annotated[tuple[float, ...], Field(exclude_if=lambda numbers: not numbers)]

# The names that every format supports: Core ML allows no dots or dashes, and no digit at the start.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")
_DTYPES = ("float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool")
_MAX_TENSORS, _MAX_AXES, _MAX_ELEMENTS = 64, 8, 2**31
_MAX_TEXT, _MAX_LABELS, _MAX_CHANNELS, _MAX_STEMS = 200, 100_000, 1024, 64
_MAX_STREAM = {"sample_rate": 1_000_000, "hop": 2**20, "frames_per_call": 2**16, "delay": 2**20}


@dataclass(frozen=True)
class TensorSpec:
    """One input or output of a member.

    Attributes:
        name: The name in every artifact.
        shape: The fixed shape, including the batch axis (always 1 on a device).
        dtype: The numpy name of the dtype.
        layout: The meaning of the axes, such as "NCHW"; empty: the axes have no such names.
        unit: The meaning of the values, such as "pixels in 0..1", "logits" or "samples in -1..1".
        mean, std: One number per channel of an image: the network's input is (pixels in 0..1 - mean) / std. Empty: the
            input is the pixels in 0..1.
        batch: The axis of the batch in a mother's io: a GRU's state `(layers, batch, hidden)` has it on axis 1. None:
            there is none. In files it is always the first.
    """

    __pydantic_config__ = _FORBID_UNKNOWN

    name: str
    shape: tuple[_Whole, ...]
    dtype: str = "float32"
    layout: str = ""
    unit: str = ""
    mean: _Numbers = ()
    std: _Numbers = ()
    batch: _Axis = 0

    @property
    def batch_axis(self) -> int | None:
        """The axis that the samples of a batch lie on; None: there is none.

        It is `batch`. If that is the first, but its size is not 1, it is the only axis of size 1.
        """
        if self.batch != 0 or self.shape[:1] == (1,):
            return self.batch
        ones = [axis for axis, size in enumerate(self.shape) if size == 1]
        return ones[0] if len(ones) == 1 else None

    @property
    def recorded_shape(self) -> tuple[int | str, ...]:
        """The shape of recorded samples, for messages: ("count", 3, 224, 224)."""
        return tuple("count" if axis == self.batch_axis else size for axis, size in enumerate(self.shape))


@dataclass(frozen=True)
class Stream:
    """The stream of a member. The last axis of the member's first input and output is time, in samples.

    Attributes:
        sample_rate: The sample rate in Hz.
        hop: The samples of one frame.
        frames_per_call: The frames in each call.
        delay: The samples by which the outputs lag behind the inputs, not counting the call that is filled first.
        stems: The names of the outputs' parts, on axis 1.
    """

    __pydantic_config__ = _FORBID_UNKNOWN

    sample_rate: _Whole
    hop: _Whole
    frames_per_call: _Whole
    delay: _Whole
    stems: tuple[str, ...]

    @property
    def samples(self) -> int:
        """The samples in each call."""
        return self.hop * self.frames_per_call

    @property
    def latency_ms(self) -> float:
        """The algorithmic latency in ms: from the arrival of a sample to its output, without computing time."""
        return 1000.0 * (self.delay + self.samples) / self.sample_rate

    def calls_for(self, samples: int) -> int:
        """Returns the number of calls for a recording of `samples`, until its last sample is output."""
        return -(-(samples + self.delay) // self.samples)


@dataclass(frozen=True)
class IOSpec:
    """The inputs and outputs of a member, in the order of `forward`.

    Attributes:
        inputs: The inputs, in order.
        outputs: The outputs, in order.
        feedback: Pairs (output name, input name) of state that the app feeds back on the next call. It starts at zero.
        labels: The class names of the last axis of the first output, for a classifier.
        stream: The stream, if the network streams. The io of a mother that streams describes whole recordings of any
            length.
    """

    __pydantic_config__ = _FORBID_UNKNOWN

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    feedback: tuple[tuple[str, str], ...] = ()
    labels: tuple[str, ...] = ()
    stream: Stream | None = None

    @property
    def recorded_inputs(self) -> tuple[TensorSpec, ...]:
        """The inputs that recordings hold: all except fed-back state."""
        sinks = {sink for _, sink in self.feedback}
        return tuple(spec for spec in self.inputs if spec.name not in sinks)

    @property
    def recorded_outputs(self) -> tuple[TensorSpec, ...]:
        """The outputs that are compared: all except fed-back state."""
        sources = {source for source, _ in self.feedback}
        return tuple(spec for spec in self.outputs if spec.name not in sources)


def check_io(io: IOSpec) -> IOSpec:
    """Returns `io` itself if it is valid.

    Raises:
        ValueError: Names, shapes or dtypes are not supported. The message holds every problem in one line.
    """
    problems = [*_tensor_problems(io), *_feedback_problems(io), *_stream_problems(io.stream)]
    if len(io.labels) > _MAX_LABELS or not all(map(_is_short, io.labels)):
        problems.append(f"labels must be at most {_MAX_LABELS} short strings")
    if problems:
        raise ValueError("io: " + "; ".join(problems))
    return io


IO = Annotated[IOSpec, AfterValidator(check_io)]
"""An `IOSpec` from another process or from a disk."""


def _tensor_problems(io: IOSpec) -> Iterator[str]:
    for side, specs in (("inputs", io.inputs), ("outputs", io.outputs)):
        if not 0 < len(specs) <= _MAX_TENSORS:
            yield f"{side} must be 1 to {_MAX_TENSORS} tensors"
        for index, spec in enumerate(specs):
            yield from (f"{side}[{index}].{problem}" for problem in _problems_of(spec))
    names = [spec.name for spec in io.inputs + io.outputs]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        yield f"names used twice: {repeated}"


def _problems_of(spec: TensorSpec) -> Iterator[str]:
    if not _NAME.fullmatch(spec.name):
        yield f"name must match {_NAME.pattern}, not {spec.name!r:.80}"
    if len(spec.shape) > _MAX_AXES or not all(size > 0 for size in spec.shape):
        yield f"shape must be at most {_MAX_AXES} positive integers"
    elif math.prod(spec.shape) >= _MAX_ELEMENTS:
        yield f"shape has {_MAX_ELEMENTS} elements or more"
    if spec.dtype not in _DTYPES:
        yield f"dtype must be one of {', '.join(_DTYPES)}, not {spec.dtype!r:.80}"
    if spec.batch != 0:
        yield "batch must be the first axis"
    if spec.layout and len(spec.layout) != len(spec.shape):
        yield "layout must have one letter per axis, or none"
    if not _is_short(spec.unit):
        yield "unit must be a short string"
    numbers = (*spec.mean, *spec.std)
    if len(spec.mean) != len(spec.std) or len(numbers) > 2 * _MAX_CHANNELS or not all(map(math.isfinite, numbers)):
        yield "mean and .std must be as many finite numbers"
    elif not all(value > 0 for value in spec.std):
        yield "std must be positive"


def _feedback_problems(io: IOSpec) -> Iterator[str]:
    sources, sinks = {spec.name: spec for spec in io.outputs}, {spec.name: spec for spec in io.inputs}
    for source, sink in io.feedback:
        if source not in sources or sink not in sinks:
            yield f"feedback {source!r:.80} to {sink!r:.80} does not name an output and an input"
        elif (sources[source].shape, sources[source].dtype) != (sinks[sink].shape, sinks[sink].dtype):
            yield f"feedback {source} to {sink}: their shapes or types differ"
    if len({sink for _, sink in io.feedback}) < len(io.feedback):
        yield "an input is fed back twice"


def _stream_problems(stream: Stream | None) -> Iterator[str]:
    if stream is None:
        return
    for name, largest in _MAX_STREAM.items():
        value = getattr(stream, name)
        if not (name != "delay") <= value <= largest:
            yield f"stream.{name} must be a whole number up to {largest}, not {value}"
    if not 0 < len(stream.stems) <= _MAX_STEMS or not all(map(_NAME.fullmatch, stream.stems)):
        yield f"stream.stems must be 1 to {_MAX_STEMS} names that match {_NAME.pattern}"
    elif len(set(stream.stems)) < len(stream.stems):
        yield "stream.stems has a name twice"


def _is_short(text: str) -> bool:
    return len(text) <= _MAX_TEXT
