"""Turn a calibrated member into a plain inference network, by the baker of its kind: a literal table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import nn

from edge_export.baking import graph
from edge_export.baking.rule import Baked, OnRule
from edge_export.baking.streaming import bake as separator
from edge_export.mothers.band_split.network import BandSplitNetwork

if TYPE_CHECKING:
    from torch import Tensor

    from edge_export.mothers.protocol import Config
    from edge_export.spec.tensors import IOSpec

Options = Mapping[str, object]
Approximate = Callable[
    [nn.Module, Options, "Iterable[tuple[Tensor, ...]]", int | None, "Config | None"], tuple[str, nn.Module] | None
]


@dataclass(frozen=True)
class Baker:
    """How members of one type are baked.

    Attributes:
        member: The type.
        check: Raises RequestError when a member can't be baked, or not with these options.
        bake: From a calibrated member and example inputs to the network that is converted, telling of each rule.
        approximate: An inexact variant of a calibrated member that the options ask for, with its name, made before it
            is baked; or None where they ask for none. It gets the calibration batches and how many of them to take. Of
            a calibrated mother at a configuration it makes what that member is proven against.
    """

    member: type[nn.Module]
    check: Callable[[nn.Module, Options], None]
    bake: Callable[[nn.Module, tuple[Tensor, ...], Options, OnRule | None], Baked]
    approximate: Approximate


# The first that fits is taken.
BAKERS: tuple[Baker, ...] = (
    Baker(BandSplitNetwork, separator.check, separator.bake, separator.approximate),
    Baker(
        nn.Module,
        graph.check,
        lambda member, inputs, _, on_rule: graph.bake_graph(member, inputs, on_rule),
        lambda *_: None,
    ),
)


def baker_of(member: nn.Module) -> Baker:
    """The baker of `member`'s type."""
    return next(baker for baker in BAKERS if isinstance(member, baker.member))


def bake(
    member: nn.Module,
    inputs: tuple[Tensor, ...],
    options: Options | None = None,
    on_rule: OnRule | None = None,
) -> Baked:
    """A baked float32 copy of `member`; RequestError when it can't be baked with these options.

    Args:
        member: A calibrated member in eval mode.
        inputs: Example inputs of the member.
        options: What its baker may be told, from the table [member] of a target.
        on_rule: Told the network after each rule that changed something.
    """
    baker = baker_of(member)
    baker.check(member, options or {})
    return baker.bake(member, inputs, options or {}, on_rule)


def example_inputs(io: IOSpec) -> tuple[Tensor, ...]:
    """Zeros of the shapes and types of `io`."""
    import torch

    return tuple(torch.zeros(spec.shape, dtype=getattr(torch, spec.dtype)) for spec in io.inputs)
