"""The interface of a mother. An elastic network needs about 30 lines to implement it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from edge_export.spec.metric import Metric
from edge_export.spec.tensors import IOSpec, Stream, TensorSpec

if TYPE_CHECKING:
    import random

    from torch import Tensor, nn

__all__ = ["Config", "IOSpec", "Metric", "Mother", "Recordings", "Space", "SpaceOfParts", "Stream", "TensorSpec"]

Config = Any
"""A configuration: hashable, compared by value, such as `Width(0.5)` or `DepthWidth(3, 2)`."""


@dataclass(frozen=True)
class Recordings:
    """Real, recorded data for a mother's task.

    Attributes:
        batches: Training batches for calibration, each a tuple of input tensors `(batch, …)`.
        goldens: Held-out inputs on which all stages are compared, one tensor `(count, …)` per input. For a mother that
            streams, whole excerpts `(count, channels, samples)`.
        held_out: The inputs of the whole held-out set, one tensor `(count, …)` per input.
        targets: The reference of the task metric, `(count, …)`: class indices for top-1, true stems for SI-SDR.
        metric: The task metric: "top1", "si_sdr", or a `Metric` that the mother defines.
    """

    batches: Sequence[tuple[Tensor, ...]]
    goldens: tuple[Tensor, ...]
    held_out: tuple[Tensor, ...] = ()
    targets: Tensor | None = field(default=None)
    metric: str | Metric = "top1"


class Space(Protocol):
    """The legal configurations of a mother."""

    @property
    def smallest(self) -> Config: ...
    @property
    def largest(self) -> Config: ...
    def sample(self, rng: random.Random) -> Config:
        """Draws a configuration from the space."""
        ...

    def all(self) -> Iterable[Config]:
        """Returns every configuration, or a grid of them if the space is continuous, smallest first."""
        ...

    def parse(self, text: str) -> Config:
        """Returns the configuration called `text`; accepts every result of `name`.

        Raises `RequestError` if `text` is malformed or the configuration is outside of the space.
        """
        ...

    def name(self, config: Config) -> str:
        """Returns a file name for `config`, such as "w0.5": letters, digits, dots, dashes and underscores."""
        ...


@runtime_checkable
class SpaceOfParts(Space, Protocol):
    """A space whose configurations are free choices, one for each part, such as the width of a layer or a depth.

    `search --greedy` and `search --evolve` change one part at a time. A space without these two methods has one part:
    its configurations in the order of `all`.
    """

    def parts(self) -> Mapping[str, int]:
        """Returns the number of choices of each part, by the part's name."""
        ...

    def assemble(self, choices: Sequence[int]) -> Config:
        """Returns the configuration with a choice for each part, from 0, the smallest, on.

        Raises `RequestError` if these choices do not go together. Choices that make no difference, such as the width of
        a layer that is left out, give the same configuration.
        """
        ...


@runtime_checkable
class Mother(Protocol):
    """An elastic `nn.Module`. Its BatchNorm layers are torch's own or subclasses that keep `running_mean`.

    A mother may also have a method `recordings() -> Recordings` that returns its real data. Without one, a build needs
    `--goldens`. Its method `has_statistics(config) -> bool` tells whether the checkpoint holds the BatchNorm statistics
    of that configuration, as switchable BatchNorm does. They are then kept. Without the method, all are calibrated. A
    mother may also have an attribute `task`, a name of `edge_export.tasks.TASKS`. Without one, the task is separation
    if the mother streams, otherwise classification.
    """

    space: Space
    io: IOSpec

    def forward(self, *inputs: Tensor, config: Config | None = None) -> Tensor | tuple[Tensor, ...]:
        """Returns the outputs at `config`; None: at the largest configuration."""
        ...

    def extract(self, config: Config) -> nn.Module:
        """Returns a plain, self-contained module in eval mode, with copied weights and no elastic layer."""
        ...

    def example_inputs(self, config: Config) -> tuple[Tensor, ...]:
        """Returns inputs of the shapes that the member at `config` has on a device (batch 1)."""
        ...
