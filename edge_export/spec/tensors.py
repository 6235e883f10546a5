"""What goes into a network and what comes out: names, shapes, types, and how sound streams through it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TensorSpec:
    """One input or output of a member.

    Attributes:
        name: The name it keeps in every artifact.
        shape: Its fixed shape, the batch axis (always 1 on a device) included.
        dtype: numpy's name of its type.
        layout: The meaning of the axes, such as "NCHW"; empty when the axes have no such name.
        unit: What the values mean, such as "pixels in 0..1", "logits" or "samples in -1..1".
        mean, std: Of an image, one number per channel: the network takes (pixels in 0..1 - mean) / std. Empty: the
            pixels as they are.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    layout: str = ""
    unit: str = ""
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()


@dataclass(frozen=True)
class Stream:
    """How sound goes through a member that streams. Its first input and output have time, in samples, as last axis.

    Attributes:
        sample_rate: Hz.
        hop: Samples of one frame.
        frames_per_call: Frames in each call.
        delay: Samples by which the outputs lag behind the inputs, beside the call that has to be filled first.
        stems: Names of the outputs' parts, on axis 1.
    """

    sample_rate: int
    hop: int
    frames_per_call: int
    delay: int
    stems: tuple[str, ...]

    @property
    def samples(self) -> int:
        """Samples in each call."""
        return self.hop * self.frames_per_call

    @property
    def latency_ms(self) -> float:
        """Algorithmic latency in ms: from a sample's arrival until it is out, when computing takes no time."""
        return 1000.0 * (self.delay + self.samples) / self.sample_rate


@dataclass(frozen=True)
class IOSpec:
    """What goes into a member and what comes out, in the order of `forward`.

    Attributes:
        inputs: The inputs, in order.
        outputs: The outputs, in order.
        feedback: Pairs (output name, input name) of state that the app feeds back on the next call; it starts at zero.
        labels: The class names behind the last axis of the first output, for a classifier.
        stream: For what streams. The io of a mother that streams describes whole recordings, of any number of samples.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    feedback: tuple[tuple[str, str], ...] = ()
    labels: tuple[str, ...] = ()
    stream: Stream | None = None

    @property
    def recorded_inputs(self) -> tuple[TensorSpec, ...]:
        """The inputs that recordings hold: all but fed-back state."""
        sinks = {sink for _, sink in self.feedback}
        return tuple(spec for spec in self.inputs if spec.name not in sinks)

    @property
    def recorded_outputs(self) -> tuple[TensorSpec, ...]:
        """The outputs that are compared: all but fed-back state."""
        sources = {source for source, _ in self.feedback}
        return tuple(spec for spec in self.outputs if spec.name not in sources)
