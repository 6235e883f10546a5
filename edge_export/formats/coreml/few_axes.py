"""Values of more than five axes → the same values in at most five, which is what Core ML has.

x.view(1, 2, w, 2, w, c).permute(0, 1, 3, 2, 4, 5)     x.view(2, w, 2, w c).permute(0, 2, 1, 3)
a + b, both of six axes                                their axes merged where both have the same
x.softmax(-1), x.sum(2)                                the axes before and behind merged
a @ b                                                  the axes of the batch merged

No rule for single calls: a value of many axes is held as another that has the same numbers in the same order, until
something reads it in five axes or less. Windows of a picture, as of Swin transformers, and einops' patterns are such.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.fx import Interpreter, Node
from torch.fx.node import map_aggregate
from torch.fx.traceback import preserve_node_meta

from edge_export.formats.constants import drop_unused
from edge_export.formats.coreml.border import MOST_AXES
from edge_export.formats.program import layer_of, operator_of

if TYPE_CHECKING:
    from torch.export import ExportedProgram
    from torch.fx import GraphModule

_MOST_ROUNDS = 4
_aten = torch.ops.aten


class TooManyAxes(ValueError):
    """An operator works on more than five axes and has no form in fewer."""


@dataclass(frozen=True)
class Held:
    """A value of more than five axes.

    Attributes:
        tensor: The same numbers in the same order, with fewer axes.
        shape: Its own shape.
    """

    tensor: Tensor
    shape: tuple[int, ...]


def with_few_axes(exported: ExportedProgram) -> ExportedProgram:
    """Returns the program without values of more than five axes inside of it.

    Raises:
        TooManyAxes: An operator has no form in five axes.
    """
    if not any(_gives_many(node) for node in exported.graph.nodes):
        return exported
    exported = _decomposed(exported)
    network: Any = exported.module(check_guards=False)
    shapes = _flatten_constants(network)

    class Few(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, *inputs: Tensor) -> Any:
            return _FewAxes(self.network, shapes).run(*inputs)

    arguments, _ = exported.example_inputs
    with torch.no_grad(), preserve_node_meta():
        return torch.export.export(Few(), arguments, strict=False)


def _decomposed(exported: ExportedProgram) -> ExportedProgram:
    """Returns the program with composite operators of many axes, such as einsum, in those that they are made of."""
    for _ in range(_MOST_ROUNDS):
        nodes = [n for n in exported.graph.nodes if _gives_many(n) or any(map(_gives_many, n.all_input_nodes))]
        operators = {node.target for node in nodes if isinstance(node.target, torch._ops.OpOverload)}
        known = torch.export.default_decompositions()
        table = {each: known[each] for each in operators if not _form(each) and each in known}
        if not table:
            break
        exported = exported.run_decompositions(table)
    return exported


class _FewAxes(Interpreter):
    """Runs a graph with values of many axes as `Held`.

    Args:
        constants: The shapes of the constants of many axes, which are flat.
    """

    def __init__(self, module: GraphModule, constants: dict[str, tuple[int, ...]]) -> None:
        super().__init__(module)
        self.constants = constants
        self.extra_traceback = False

    def run_node(self, n: Node) -> Any:
        if n.op == "output":
            return map_aggregate(super().run_node(n), _plain)
        if n.op == "placeholder":
            return _held(super().run_node(n))
        if n.op == "get_attr":
            value = super().run_node(n)
            return Held(value, self.constants[str(n.target)]) if n.target in self.constants else value
        if n.target is _aten._assert_tensor_metadata.default:
            return None
        shapes = _shapes(n)
        args, options = self.fetch_args_kwargs_from_env(n)
        many = [value for value in _values((args, options)) if isinstance(value, Held)]
        if n.op != "call_function" or not (many or any(len(shape) > MOST_AXES for shape in shapes)):
            return super().run_node(n)
        if isinstance(n.target, torch._ops.OpOverload) and (form := _form(n.target)):
            with self._set_current_node(n):
                result = form(n.target, shapes, args, options)
            if result is not None:
                return result
        if not isinstance(n.target, torch._ops.OpOverload):  # takes one of several results
            return super().run_node(n)
        axes = max([len(value.shape) for value in many] + [len(shape) for shape in shapes])
        place = f" of the layer {layer}" if (layer := layer_of(n)) else ""
        raise TooManyAxes(
            f"Core ML takes at most {MOST_AXES} axes: {operator_of(n)}{place} works on {axes}, which do not merge; "
            "reshape to fewer before it"
        )


Form = Callable[[Any, Sequence[tuple[int, ...]], tuple[Any, ...], dict[str, Any]], Any]
"""Computes an operator whose results have the given shapes; None: these axes do not merge."""


def _form(operator: Any) -> Form | None:
    name = operator._schema.name.removeprefix("aten::")
    if name in _FORMS:
        return _FORMS[name]
    return _pointwise if torch.Tag.pointwise in operator.tags else None


def _same_numbers(operator: Any, shapes: Sequence[tuple[int, ...]], args: tuple[Any, ...], options: Any) -> Any:
    return _of_shape(args[0], shapes[0])


def _pointwise(operator: Any, shapes: Sequence[tuple[int, ...]], args: tuple[Any, ...], options: Any) -> Any:
    (shape,) = shapes
    tensors = [value for value in _values((args, options)) if isinstance(value, Held | Tensor)]
    padded = [(1,) * (len(shape) - len(value.shape)) + tuple(value.shape) for value in tensors]
    groups = _merged(range(len(shape)), lambda axis: tuple(sizes[axis] == shape[axis] for sizes in padded), shape)
    if len(groups) > MOST_AXES:
        return None

    def merged(value: Any) -> Any:
        if not isinstance(value, Held | Tensor):
            return value
        sizes = (1,) * (len(shape) - len(value.shape)) + tuple(value.shape)
        return _reshaped(value, [math.prod(sizes[axis] for axis in group) for group in groups])

    return _of_shape(operator(*map_aggregate(args, merged), **map_aggregate(options, merged)), shape)


def _of_each(operator: Any, shapes: Sequence[tuple[int, ...]], args: tuple[Any, ...], options: Any) -> Any:
    others = [each.tensor if isinstance(each, Held) else each for each in args[1:]]
    return _of_shape(operator(_reshaped(args[0], [-1]), *others, **options), shapes[0])


def _permuted(value: Any, order: Sequence[int]) -> Any:
    shape = tuple(value.shape)
    place = {axis: index for index, axis in enumerate(axis for axis in range(len(shape)) if shape[axis] != 1)}
    moved = [place[axis % len(shape)] for axis in order if shape[axis % len(shape)] != 1]
    # Axes that stay neighbors move as one.
    blocks = [[place for _, place in run] for _, run in groupby(enumerate(moved), lambda pair: pair[1] - pair[0])]
    sizes = [size for size in shape if size != 1]
    of_block = {block[0]: math.prod(sizes[axis] for axis in block) for block in blocks}
    now, wanted = sorted(of_block), [block[0] for block in blocks]
    result = _reshaped(value, [of_block[block] for block in now] or [1])
    if len(now) <= MOST_AXES:
        result = result.permute([now.index(block) for block in wanted]) if now else result
    else:
        for done, block in enumerate(wanted):  # one block after another comes to its place
            between = now[done : now.index(block)]
            behind = now[now.index(block) + 1 :]
            parts = (now[:done], between, [block], behind)
            result = result.reshape([math.prod(of_block[each] for each in part) for part in parts])
            result = result.permute(0, 2, 1, 3)
            now = [*now[:done], block, *between, *behind]
    return _of_shape(result, tuple(shape[axis] for axis in order))


def _permute(operator: Any, shapes: Sequence[tuple[int, ...]], args: tuple[Any, ...], options: Any) -> Any:
    return _permuted(args[0], args[1])


def _transpose(operator: Any, shapes: Sequence[tuple[int, ...]], args: tuple[Any, ...], options: Any) -> Any:
    order = list(range(len(args[0].shape)))
    first, second = args[1], args[2]
    order[first], order[second] = order[second], order[first]
    return _permuted(args[0], order)


def _reduce(operator: Any, shapes: Sequence[tuple[int, ...]], args: tuple[Any, ...], options: Any) -> Any:
    value, axes = args[0], args[1] if len(args) > 1 else None
    if axes is None:
        return _of_shape(operator(_reshaped(value, [-1]), *args[1:], **options), shapes[0])
    count = len(value.shape)
    reduced = {axis % count for axis in ([axes] if isinstance(axes, int) else axes or range(count))}
    groups = _merged(range(count), lambda axis: axis in reduced, value.shape)
    if len(groups) > MOST_AXES or not groups:
        return None
    sizes = [math.prod(value.shape[axis] for axis in group) for group in groups]
    dims = [index for index, group in enumerate(groups) if group[0] in reduced]
    if not dims:  # axes of one place only
        return None if "softmax" in operator._schema.name or options else _of_shape(value, shapes[0])
    merged = dims[0] if isinstance(axes, int) else dims
    return _of_shape(operator(_reshaped(value, sizes), merged, *args[2:], **options), shapes[0])


def _along_one_axis(operator: Any, shapes: Sequence[tuple[int, ...]], args: tuple[Any, ...], options: Any) -> Any:
    value, axis, *others = args if len(args) > 1 else (*args, 0)
    results = operator(_around(value, axis), 1, *others, **options)
    return _of_shapes(results, shapes)


def _split(operator: Any, shapes: Sequence[tuple[int, ...]], args: tuple[Any, ...], options: Any) -> Any:
    value, parts, axis = args if len(args) > 2 else (*args, 0)
    return _of_shapes(operator(_around(value, axis), parts, 1), shapes)


def _cat(operator: Any, shapes: Sequence[tuple[int, ...]], args: tuple[Any, ...], options: Any) -> Any:
    axis = args[1] if len(args) > 1 else 0
    return _of_shape(torch.cat([_around(value, axis) for value in args[0]], 1), shapes[0])


def _stack(operator: Any, shapes: Sequence[tuple[int, ...]], args: tuple[Any, ...], options: Any) -> Any:
    axis = (args[1] if len(args) > 1 else 0) % len(shapes[0])
    before = math.prod(shapes[0][:axis])
    return _of_shape(torch.cat([_reshaped(value, [before, 1, -1]) for value in args[0]], 1), shapes[0])


def _expand(operator: Any, shapes: Sequence[tuple[int, ...]], args: tuple[Any, ...], options: Any) -> Any:
    value, shape = args[0], shapes[0]
    sizes = (1,) * (len(shape) - len(value.shape)) + tuple(value.shape)
    groups = _merged(range(len(shape)), lambda axis: sizes[axis] == shape[axis], shape)
    if len(groups) > MOST_AXES:
        return None
    given, wanted = ([math.prod(side[axis] for axis in group) for group in groups] for side in (sizes, shape))
    return _of_shape(_reshaped(value, given).expand(wanted), shape)


def _flip(operator: Any, shapes: Sequence[tuple[int, ...]], args: tuple[Any, ...], options: Any) -> Any:
    value, axes = args
    for axis in axes:
        value = _of_shape(_around(value, axis).flip(1), shapes[0])
    return value


def _layer_norm(operator: Any, shapes: Sequence[tuple[int, ...]], args: tuple[Any, ...], options: Any) -> Any:
    return _of_shapes(operator(_reshaped(args[0], [-1, *args[1]]), *args[1:], **options), shapes)


_FORMS: dict[str, Form] = {
    **dict.fromkeys(("view", "reshape", "_unsafe_view", "view_copy", "flatten", "unflatten"), _same_numbers),
    **dict.fromkeys(("unsqueeze", "squeeze", "clone", "contiguous", "alias", "detach", "dropout"), _same_numbers),
    **dict.fromkeys(("to", "_to_copy"), _of_each),
    "permute": _permute,
    "transpose": _transpose,
    **dict.fromkeys(("sum", "mean", "amax", "amin", "softmax", "_softmax", "log_softmax", "_log_softmax"), _reduce),
    **dict.fromkeys(("slice", "select", "index_select", "narrow", "cumsum", "unbind"), _along_one_axis),
    **dict.fromkeys(("split", "split_with_sizes", "chunk"), _split),
    "cat": _cat,
    "stack": _stack,
    "expand": _expand,
    "flip": _flip,
    "native_layer_norm": _layer_norm,
}


def _merged(axes: Sequence[int], kind: Callable[[int], Any], shape: Sequence[int]) -> list[list[int]]:
    """Returns runs of neighboring axes of one kind. Axes of one place belong to any."""
    longer = [axis for axis in axes if shape[axis] != 1]
    return [list(run) for _, run in groupby(longer, kind)]


def _around(value: Any, axis: int) -> Tensor:
    """Returns a value as (the axes before, the axis, the axes behind)."""
    axis %= len(value.shape)
    sizes = value.shape
    return _reshaped(value, [math.prod(sizes[:axis]), sizes[axis], math.prod(sizes[axis + 1 :])])


def _reshaped(value: Held | Tensor, shape: Sequence[int]) -> Tensor:
    tensor = value.tensor if isinstance(value, Held) else value
    return tensor if list(tensor.shape) == list(shape) else tensor.reshape(list(shape))


def _of_shape(value: Held | Tensor, shape: tuple[int, ...]) -> Held | Tensor:
    if len(shape) <= MOST_AXES:
        return _reshaped(value, shape)
    return Held(value.tensor if isinstance(value, Held) else value, shape)


def _of_shapes(results: Any, shapes: Sequence[tuple[int, ...]]) -> Any:
    if isinstance(results, Tensor):
        return _of_shape(results, shapes[0])
    return [_of_shape(result, shape) for result, shape in zip(results, shapes, strict=True)]


def _flatten_constants(module: GraphModule) -> dict[str, tuple[int, ...]]:
    """Lets the graph read its constants of many axes as flat ones. Returns the shapes that these had."""
    shapes: dict[str, tuple[int, ...]] = {}
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    for node in module.graph.find_nodes(op="get_attr"):
        value = tensors.get(str(node.target))
        if value is not None and value.dim() > MOST_AXES:
            name = f"flat_{len(shapes)}"
            module.register_buffer(name, value.detach().reshape(-1))
            shapes[name] = tuple(value.shape)
            node.target = name
    drop_unused(module)
    return shapes


def _held(value: Any) -> Any:
    is_many = isinstance(value, Tensor) and value.dim() > MOST_AXES
    return Held(value.reshape(-1), tuple(value.shape)) if is_many else value


def _plain(value: Any) -> Any:
    return value.tensor.reshape(value.shape) if isinstance(value, Held) else value


def _values(arguments: Any) -> list[Any]:
    found: list[Any] = []
    map_aggregate(arguments, found.append)
    return found


def _gives_many(node: Node) -> bool:
    return any(len(shape) > MOST_AXES for shape in _shapes(node))


def _shapes(node: Node) -> list[tuple[int, ...]]:
    """Returns the shape of each tensor that a node gives."""
    value = node.meta.get("val")
    values = value if isinstance(value, list | tuple) else [value]
    return [tuple(each.shape) for each in values if isinstance(each, Tensor)]
