"""Bakes a calibrated member into a plain inference network. A literal table maps a member's type to its baker."""

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
    """The functions that bake members of one type.

    Attributes:
        member: The type.
        check: Raises RequestError if a member cannot be baked with these options.
        bake: Returns the network to convert, from a calibrated member and example inputs. Reports each rule.
        approximate: Returns the name of an approximation and the approximated member, before baking. Returns None if
            the options request no approximation. Its arguments are the calibrated member, the options, the calibration
            batches and the number of batches to use. Called with a calibrated mother and a configuration, it returns
            the approximated mother: the reference of that member.
        fixed_shapes: Baked networks, also between rules, run only on inputs of the example inputs' shapes.
    """

    member: type[nn.Module]
    check: Callable[[nn.Module, Options], None]
    bake: Callable[[nn.Module, tuple[Tensor, ...], Options, OnRule | None], Baked]
    approximate: Approximate
    fixed_shapes: bool = False


# The first baker whose type matches is used.
BAKERS: tuple[Baker, ...] = (
    Baker(BandSplitNetwork, separator.check, separator.bake, separator.approximate),
    Baker(
        nn.Module,
        graph.check,
        lambda member, inputs, _, on_rule: graph.bake_graph(member, inputs, on_rule),
        lambda *_: None,
        fixed_shapes=True,
    ),
)


def baker_of(member: nn.Module) -> Baker:
    """Returns the baker of `member`'s type."""
    return next(baker for baker in BAKERS if isinstance(member, baker.member))


def bake(
    member: nn.Module,
    inputs: tuple[Tensor, ...],
    options: Options | None = None,
    on_rule: OnRule | None = None,
) -> Baked:
    """Returns a baked float32 copy of `member`.

    Args:
        member: A calibrated member in eval mode.
        inputs: Example inputs of the member.
        options: The options of its baker, from the table [member] of a target.
        on_rule: Called with the network after each rule that changed it.

    Raises:
        RequestError: The member cannot be exported, or not be baked with these options.
    """
    baker = baker_of(member)
    baker.check(member, options or {})
    return baker.bake(member, inputs, options or {}, on_rule)


def example_inputs(io: IOSpec) -> tuple[Tensor, ...]:
    """Returns zeros of the shapes and dtypes of the inputs of `io`."""
    import torch

    return tuple(torch.zeros(spec.shape, dtype=getattr(torch, spec.dtype)) for spec in io.inputs)
