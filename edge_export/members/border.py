"""Brings the inputs and outputs of anyone's mother into the one form that all formats, files and runners have.

In that form every input and output is a tensor with the batch on axis 0, of a type that files can hold, under a name
that every format takes; outputs are a tuple of tensors that share no memory. A mother may have others: a batch
elsewhere or none (a GRU's state is `(layers, batch, hidden)`), outputs in dicts, lists, named tuples and dataclasses,
None among them, a tensor twice, an input returned, float64, names with dots. On a device the batch is 1, so an axis
that moves costs nothing: the bytes stay where they are.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, fx, nn

from edge_export.errors import RequestError, raised
from edge_export.members.examples import example_inputs
from edge_export.members.extract import extract
from edge_export.members.watching import same, why_changing
from edge_export.mothers.protocol import IOSpec, Recordings, TensorSpec

if TYPE_CHECKING:
    from edge_export.mothers.protocol import Config, Mother

NEAREST = {
    **{"float64": "float32", "float16": "float32", "bfloat16": "float32"},
    **{"uint16": "int32", "uint32": "int64", "uint64": "int64"},
}
"""The types of a mother that a member's inputs and outputs do not have, and the ones that stand for them there."""
HALF = ("float16", "bfloat16")
"""A mother of these types is its weights in float32: its own rounding is coarser than any limit here."""
OTHER_IN_BATCH = 1e-3
"""The share of the peak by which a sample may differ in a batch from itself alone: rounding is far below."""


@dataclass(frozen=True)
class Crossing:
    """How one tensor crosses the border.

    Attributes:
        name: The path to an output in what the network returns, such as "boxes" or "1.0"; empty for inputs.
        axis: The network's axis of the batch. None: the network has none.
        dtype: The type on the other side: the network's for an input, the border's for an output. Empty: the same.
        copied: Whether an output needs memory of its own, and holds "numbers" or "bools". Empty: it does not.
    """

    name: str = ""
    axis: int | None = 0
    dtype: str = ""
    copied: str = ""


class BorderedMother(nn.Module):
    """A mother in the form of the border, around a mother in a form of its own."""

    def __init__(
        self, mother: Mother, inputs: tuple[Crossing, ...], outputs: tuple[Crossing, ...], *, alone: bool
    ) -> None:
        super().__init__()
        self.mother = cast("nn.Module", mother)
        self.space, self.io, self.alone = mother.space, io_at_border(mother.io), alone
        self.inputs, self.outputs = inputs, outputs
        for name in ("task", "has_statistics"):
            if hasattr(mother, name):
                setattr(self, name, getattr(mother, name))

    def forward(self, *inputs: Tensor, config: Config | None = None) -> tuple[Tensor, ...]:
        """Returns the outputs at `config`, as the mother does."""
        given = [inward(tensor, each.axis, each.dtype) for tensor, each in zip(inputs, self.inputs, strict=True)]
        return outward(self.mother(*given, config=config), *_columns(self.outputs))

    def extract(self, config: Config) -> nn.Module:
        """Returns the mother's member at `config` in the form of the border. Members compute in float32."""
        member = extract(cast("Mother", self.mother), config).float()
        inputs = [replace(each, dtype="") if each.dtype == "float64" else each for each in self.inputs]
        return member_at_border(member, self.io, inputs, self.outputs)

    def example_inputs(self, config: Config) -> tuple[Tensor, ...]:
        """Returns the mother's example inputs in the form of the border."""
        mother = cast("Mother", self.mother)
        return columns(mother.io, example_inputs(mother, config))


def at_border(mother: Mother, recordings: Recordings) -> tuple[Mother, Recordings]:
    """Returns a mother and its recordings in the form of the border: themselves, if they have it.

    Args:
        mother: A mother that does not stream.
        recordings: Its own, with the batch on the axes that its io has.

    Raises:
        RequestError: It returns other outputs than its io names, or others each time.
    """
    own = mother.io
    network = cast("nn.Module", mother)
    if any(spec.dtype in HALF for spec in own.inputs + own.outputs) or any(
        str(weight.dtype).removeprefix("torch.") in HALF for weight in network.parameters()
    ):
        network.float()
    samples = columns(own, recordings.goldens)
    inputs = tuple(Crossing(axis=spec.batch_axis, dtype=_other(spec.dtype)) for spec in own.inputs)
    one = tuple(inward(t[:1], each.axis, each.dtype) for t, each in zip(samples, inputs, strict=True))
    config = mother.space.largest
    try:
        with torch.no_grad():
            returned, again = (network(*one, config=config) for _ in range(2))
    except Exception as error:  # a stranger's forward may raise anything
        _check_one_sample(network, samples, inputs, config, error)
        return mother, recordings  # running it on all recordings tells what is wrong
    outputs = _crossings(own, returned, one)
    first, second = (outward(each, *_columns(outputs)) for each in (returned, again))
    if not all(map(same, first, second)) and (
        reason := why_changing(
            "the mother", lambda: outward(network(*one, config=config), *_columns(outputs)), _differ(first, second)
        )
    ):
        raise RequestError(reason)
    around = BorderedMother(mother, inputs, outputs, alone=False)
    around.alone = not all(each.axis is not None for each in inputs + outputs) or _differs_in_batch(around, samples)
    plain = isinstance(returned, Tensor) or (type(returned) is tuple and len(returned) == len(outputs))
    usual = all(each.axis == 0 and not each.dtype and not each.copied for each in inputs + outputs)
    if plain and usual and around.io == own and not around.alone:
        return mother, recordings
    return cast("Mother", around), _moved(recordings, own, alone=around.alone)


def io_at_border(io: IOSpec) -> IOSpec:
    """Returns the inputs and outputs of a network as they are at the border."""
    names = _legal_names([spec.name for spec in io.inputs + io.outputs])
    specs = [_spec_at_border(spec, name) for spec, name in zip(io.inputs + io.outputs, names, strict=True)]
    inputs, outputs = tuple(specs[: len(io.inputs)]), tuple(specs[len(io.inputs) :])
    sources = {own.name: spec.name for own, spec in zip(io.outputs, outputs, strict=True)}
    sinks = {own.name: spec.name for own, spec in zip(io.inputs, inputs, strict=True)}
    feedback = tuple((sources.get(source, source), sinks.get(sink, sink)) for source, sink in io.feedback)
    return replace(io, inputs=inputs, outputs=outputs, feedback=feedback)


def columns(io: IOSpec, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Returns inputs of a network in the form of the border, `(count, …)` each.

    An input without a batch axis is one for all samples.
    """
    moved = []
    for spec, tensor in zip(io.inputs, tensors, strict=True):
        if spec.batch_axis is not None:
            tensor = tensor.movedim(spec.batch_axis, 0)
        elif tensor.dim() == len(spec.shape):
            tensor = tensor.unsqueeze(0)
        moved.append(tensor.to(getattr(torch, NEAREST.get(spec.dtype, spec.dtype))))
    count = max(map(len, moved), default=0)
    return tuple(t.expand(count, *t.shape[1:]).clone() if len(t) == 1 < count else t for t in moved)


def member_at_border(
    network: nn.Module, io: IOSpec, inputs: Sequence[Crossing], outputs: Sequence[Crossing]
) -> fx.GraphModule:
    """Returns `network` with inputs and outputs in the form of the border.

    A graph, so that its forward names each input.
    """
    root = nn.Module()
    root.network = network
    graph = fx.Graph()
    given = tuple(graph.placeholder(spec.name) for spec in io.inputs)
    crossed = [graph.call_function(inward, (node, e.axis, e.dtype)) for node, e in zip(given, inputs, strict=True)]
    returned = graph.call_module("network", tuple(crossed))
    graph.output(graph.call_function(outward, (returned, *_columns(outputs))))
    return fx.GraphModule(root, graph).eval()


def inward(tensor: Tensor, axis: int | None, dtype: str) -> Tensor:
    """Returns an input `(count, …)` as the network takes it; without a batch axis it takes one sample."""
    if axis is None:
        tensor = tensor.squeeze(0)
    elif axis != 0:
        tensor = tensor.movedim(0, axis)
    return tensor.to(getattr(torch, dtype)) if dtype else tensor


def outward(
    returned: Any,
    names: tuple[str, ...],
    axes: tuple[int | None, ...],
    dtypes: tuple[str, ...],
    copied: tuple[str, ...],
) -> tuple[Tensor, ...]:
    """Returns the outputs of a network in the form of the border, in the order of `names`."""
    leaves = dict(_leaves(returned))
    outputs = []
    for name, axis, dtype, copy in zip(names, axes, dtypes, copied, strict=True):
        tensor = leaves[name]
        if axis is None:
            tensor = tensor.unsqueeze(0)
        elif axis != 0:
            tensor = tensor.movedim(axis, 0)
        if dtype:
            tensor = tensor.to(getattr(torch, dtype))
        outputs.append(_copy(tensor, copy) if copy else tensor)
    return tuple(outputs)


def _copy(tensor: Tensor, kind: str) -> Tensor:
    """Returns the same numbers in memory of their own, by an operator that no converter removes, as all do `clone`."""
    return torch.logical_or(tensor, tensor) if kind == "bools" else torch.maximum(tensor, tensor)


def _columns(outputs: Sequence[Crossing]) -> tuple[Any, ...]:
    """Returns the crossings as the arguments of `outward`: a graph holds plain values only."""
    return (
        tuple(each.name for each in outputs),
        tuple(each.axis for each in outputs),
        tuple(each.dtype for each in outputs),
        tuple(each.copied for each in outputs),
    )


def _leaves(returned: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yields the tensors in what a network returns with their paths: "boxes", "1.0". None is left out."""
    inside: Iterable[tuple[Any, Any]]
    if isinstance(returned, Mapping):
        inside = returned.items()
    elif isinstance(returned, tuple) and hasattr(returned, "_fields"):
        inside = zip(returned._fields, returned, strict=True)
    elif isinstance(returned, list | tuple):
        inside = enumerate(returned)
    elif dataclasses.is_dataclass(returned):
        inside = ((field.name, getattr(returned, field.name)) for field in dataclasses.fields(returned))
    else:
        if returned is not None:
            yield path, returned
        return
    for key, value in inside:
        yield from _leaves(value, f"{path}.{key}" if path else str(key))


def _crossings(io: IOSpec, returned: Any, given: tuple[Tensor, ...]) -> tuple[Crossing, ...]:
    """Returns how each output of `io` crosses the border, from what the network returned for `given`.

    Outputs are found by their names if these are the paths of all, and otherwise by their order. One of another type
    than its spec states becomes that type.

    Raises:
        RequestError: There are other outputs than `io` names, or one of a type that the stated one can't hold, such as
            numbers with a fraction where `io` says integers.
    """
    leaves = dict(_leaves(returned))
    wrong = [path for path, leaf in leaves.items() if not isinstance(leaf, Tensor)]
    names = [spec.name for spec in io.outputs]
    if wrong or len(leaves) != len(names):
        listed = (f"{path or 'output'} ({type(leaf).__name__})" for path, leaf in leaves.items())
        found = ", ".join(filter(None, [f"{len(leaves)} output{'s' * (len(leaves) != 1)}", ", ".join(listed)]))
        raise RequestError(
            f"the mother returns {found}, but its io names {len(names)}, {', '.join(names)}: "
            "name each tensor that it returns, and return only tensors"
        )
    paths = names if set(names) == leaves.keys() else list(leaves)
    taken = [tensor.untyped_storage().data_ptr() for tensor in given]
    crossings = []
    for spec, path in zip(io.outputs, paths, strict=True):
        memory = leaves[path].untyped_storage().data_ptr()
        copied = ("bools" if spec.dtype == "bool" else "numbers") if memory in taken else ""
        stated = NEAREST.get(spec.dtype, spec.dtype)
        returns = str(leaves[path].dtype).removeprefix("torch.")
        if not torch.can_cast(leaves[path].dtype, getattr(torch, stated)):
            raise RequestError(f"the mother returns {returns} as {spec.name}, its io says {spec.dtype}: correct its io")
        other = stated if spec.dtype in NEAREST or returns != stated else ""
        crossings.append(Crossing(path, spec.batch_axis, other, copied))
        shape = tuple(leaves[path].shape)
        if shape != tuple(spec.shape):
            raise RequestError(
                f"the mother returns {spec.name} of shape {shape} for one sample, its io says {tuple(spec.shape)}: "
                "correct its io"
            )
        taken.append(memory)
    return tuple(crossings)


def _check_one_sample(
    network: nn.Module,
    samples: tuple[Tensor, ...],
    inputs: Sequence[Crossing],
    config: Config,
    error: Exception,
) -> None:
    """Raises RequestError if a network that failed on one sample runs on two: a file runs on one at a time."""
    two = tuple(tensor[:2] for tensor in samples)
    if len(two[0]) < 2:
        return
    try:
        with torch.no_grad():
            network(*(inward(t, each.axis, each.dtype) for t, each in zip(two, inputs, strict=True)), config=config)
    except Exception:
        return
    raise RequestError(f"the mother runs on a batch, but not on one sample, as a file does: {raised(error)}") from error


def _differs_in_batch(around: BorderedMother, samples: tuple[Tensor, ...]) -> bool:
    """Returns whether a sample has other outputs in a batch than alone, or a batch cannot be run at all.

    Silence is one of three samples: what reads the largest value of a batch, as a floor of log-mel does, may give equal
    outputs for samples that are equally loud.
    """
    if len(samples[0]) < 2:
        return False
    silent = [torch.zeros_like(t[:1]) if t.is_floating_point() else t[:1] for t in samples]
    three = tuple(torch.cat([tensor[:2], last]) for tensor, last in zip(samples, silent, strict=True))
    config = around.space.largest
    with torch.no_grad():
        try:
            together = around(*three, config=config)
            each = [around(*(t[index : index + 1] for t in three), config=config) for index in range(3)]
            return _differ(together, tuple(map(torch.cat, zip(*each, strict=True))))
        except Exception:  # a stranger's forward may raise anything on a batch
            return True


def _differ(outputs: tuple[Tensor, ...], others: tuple[Tensor, ...]) -> bool:
    """Returns whether outputs differ by more than rounding."""
    for one, other in zip(outputs, others, strict=True):
        if one.shape != other.shape:
            return True
        gap = (one.double() - other.double()).abs().nan_to_num(0.0, 0.0)
        peak = other.double().abs().nan_to_num(0.0, 0.0)
        if one.numel() and gap.max() > OTHER_IN_BATCH * peak.max():
            return True
    return False


def _moved(recordings: Recordings, io: IOSpec, *, alone: bool) -> Recordings:
    batches = [columns(io, batch) for batch in recordings.batches]
    if alone:
        batches = [one for batch in batches for one in zip(*(t.split(1) for t in batch), strict=True)]
    held_out = columns(io, recordings.held_out) if recordings.held_out else ()
    return replace(recordings, batches=batches, goldens=columns(io, recordings.goldens), held_out=held_out)


def _spec_at_border(spec: TensorSpec, name: str) -> TensorSpec:
    axis, dtype = spec.batch_axis, NEAREST.get(spec.dtype, spec.dtype)
    if axis == 0:
        return replace(spec, name=name, dtype=dtype)
    rest = [size for at, size in enumerate(spec.shape) if at != axis]
    return replace(spec, name=name, dtype=dtype, shape=(1, *rest), layout="", batch=0)


def _other(dtype: str) -> str:
    """Returns a type that the mother takes and the border does not have; empty: it takes the border's."""
    return dtype if dtype in NEAREST and dtype not in HALF else ""


def _legal_names(names: Sequence[str]) -> list[str]:
    """Returns the names as every format takes them: letters, digits and underscores, each name once."""
    legal: list[str] = []
    for name in names:
        short = re.sub(r"\W", "_", name, flags=re.ASCII)[:56]
        short = short if re.match(r"[A-Za-z]", short) else f"t_{short}"
        count, unique = 1, short
        while unique in legal:
            count += 1
            unique = f"{short}_{count}"
        legal.append(unique)
    return legal
