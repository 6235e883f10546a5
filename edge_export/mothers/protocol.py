"""What an elastic network must offer to be a mother. Anyone's network can be one, in about 30 lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from edge_export.spec.metric import Metric
from edge_export.spec.tensors import IOSpec, Stream, TensorSpec

if TYPE_CHECKING:
    import random

    from torch import Tensor, nn

__all__ = ["Config", "IOSpec", "Metric", "Mother", "Recordings", "Space", "Stream", "TensorSpec"]

Config = Any
"""One point of a space: hashable, compared by value, such as `Width(0.5)` or `DepthWidth(3, 2)`."""


@dataclass(frozen=True)
class Recordings:
    """Real, recorded data of a mother's task.

    Attributes:
        batches: Training batches for calibration, each a tuple of input tensors `(batch, …)`.
        goldens: Held-out inputs, one tensor `(count, …)` per input: what every stage is compared on. For what streams,
            whole excerpts, `(count, channels, samples)`.
        held_out: The whole held-out set's inputs, one tensor `(count, …)` per input.
        targets: What the task metric compares with, `(count, …)`: class indices for top-1, true stems for SI-SDR.
        metric: How well a network does its task: "top1", "si_sdr", or a `Metric` of the mother's own.
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
        """A configuration drawn from the space."""
        ...

    def all(self) -> Iterable[Config]:
        """Every configuration, or a grid of them where the space is continuous; smallest first."""
        ...

    def parse(self, text: str) -> Config:
        """The configuration that `text` or `name` names; `RequestError` when malformed or outside of the space."""
        ...

    def name(self, config: Config) -> str:
        """A file name for `config`, such as "w0.5": letters, digits, dots, dashes and underscores."""
        ...


@runtime_checkable
class Mother(Protocol):
    """An elastic `nn.Module`. Its BatchNorm layers are torch's own or subclasses that keep `running_mean`.

    A mother may also have a method `recordings() -> Recordings`, its real data; without one a build needs `--goldens`.
    It may also have an attribute `task`, a name of `edge_export.tasks.TASKS`. Without one, a mother that streams is for
    separation, and any other for classification.
    """

    space: Space
    io: IOSpec

    def forward(self, *inputs: Tensor, config: Config | None = None) -> Tensor | tuple[Tensor, ...]:
        """The outputs at `config`; the largest when None."""
        ...

    def extract(self, config: Config) -> nn.Module:
        """A plain, self-contained module in eval mode, with copied weights and no elastic layer."""
        ...

    def example_inputs(self, config: Config) -> tuple[Tensor, ...]:
        """Inputs of the shapes that the member at `config` takes on a device (batch 1)."""
        ...
