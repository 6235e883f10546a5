"""An exported network under rewriting: its graph of operators, and its constants in float64.

The network is exported in float32, as it will run. So casts, types and branches are those of the network. Rules compute
with its constants in float64, and each constant that they write is rounded once. A weight is a node of the graph, whose
users are all its readers: what a rule writes for one reader is a constant of its own if there are others.
"""

from __future__ import annotations

import copy
import keyword
from dataclasses import dataclass, field
from itertools import chain, count
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import torch
from torch import fx, nn
from torch.fx.node import map_arg

from edge_export.baking.computed_weights import compute_weights
from edge_export.baking.export import export_program
from edge_export.baking.in_place import changed_in_place, without_simple_changes
from edge_export.baking.nodes import arguments, dtype, operator_of, set_argument

if TYPE_CHECKING:
    from torch import Tensor
    from torch.export import ExportedProgram

_NOT_CONSTANT = frozenset({"empty", "empty_strided", "new_empty", "empty_like"})


@dataclass
class Network:
    """A graph that rules rewrite.

    Attributes:
        graph: Calls of PyTorch's operators. Constants are its nodes `get_attr`.
        given: The constants that the network was exported with, and modules of branches, by name.
        exact: Those that are numbers, in float64.
        written: The constants that rules wrote, in float64, and the type that their readers have them in.
    """

    graph: fx.Graph
    given: dict[str, Any]
    exact: dict[str, Tensor]
    written: dict[str, tuple[Tensor, torch.dtype]] = field(default_factory=dict)
    _values: dict[fx.Node, Tensor | None] = field(default_factory=dict)
    _changed: frozenset[fx.Node] | None = None

    def value(self, node: object) -> Tensor | None:
        """Returns the value of a node that does not depend on the network's inputs, in float64; None: it does."""
        if not isinstance(node, fx.Node):
            return None
        if node not in self._values:
            self._values[node] = None if node in self.changed else self._computed(node)
        return self._values[node]

    def _computed(self, node: fx.Node) -> Tensor | None:
        if node.op == "get_attr":
            name = str(node.target)
            return self.written[name][0] if name in self.written else self.exact.get(name)
        target = node.target
        if not isinstance(target, torch._ops.OpOverload) or target._schema.is_mutable:
            return None
        if operator_of(node) in _NOT_CONSTANT or torch.Tag.nondeterministic_seeded in target.tags:
            return None
        if dtype(node) is None or any(self.value(source) is None for source in node.all_input_nodes):
            return None
        with torch.no_grad():
            value: Tensor = target(*map_arg(node.args, self.value), **map_arg(node.kwargs, self.value))
        return value.double() if value.is_floating_point() else value

    @property
    def changed(self) -> frozenset[fx.Node]:
        """The nodes whose values an operator changes in place."""
        if self._changed is None:
            self._changed = changed_in_place(self.graph)
        return self._changed

    def write(self, node: fx.Node, argument: str, value: Tensor, near: str = "") -> None:
        """Gives `node` a constant as an argument.

        Args:
            near: The argument whose name the constant gets if there was none before.
        """
        before = arguments(node)[argument]
        if isinstance(before, fx.Node) and before.op == "get_attr" and len(before.users) == 1:
            name = str(before.target)
        else:
            like = arguments(node)[near or argument]
            owner = str(like.target).rpartition(".")[0] if isinstance(like, fx.Node) and like.op == "get_attr" else ""
            name = self.free_name(f"{owner}.{argument}" if owner else f"{node.name}_{argument}")
        kind = dtype(before) or dtype(node)
        assert kind is not None
        set_argument(node, argument, self.constant(node, name, value, kind))
        if isinstance(before, fx.Node) and not before.users:
            self.drop(before)

    def constant(self, before: fx.Node, name: str, value: Tensor, kind: torch.dtype) -> fx.Node:
        """Returns a new node, before another one, of a constant that is written under a name."""
        self.written[name] = (value, kind)
        with self.graph.inserting_before(before):
            node = self.graph.create_node("get_attr", name)
        node.meta["val"] = torch.empty(value.shape, dtype=kind, device="meta")
        return node

    def free_name(self, name: str) -> str:
        """Returns a name for a constant, this one or one like it, that no other has."""
        taken = self.given.keys() | self.written.keys()
        names = chain([name], (f"{name}_{number}" for number in count(2)))
        return next(each for each in names if each not in taken and not any(t.startswith(f"{each}.") for t in taken))

    def replace(self, node: fx.Node, by: fx.Node) -> None:
        """Lets the readers of `node` read another node, and removes it."""
        node.replace_all_uses_with(by)
        self.drop(node)

    def drop(self, node: fx.Node) -> None:
        """Removes `node`, which nothing reads, and all that only it read."""
        sources = node.all_input_nodes
        self.graph.erase_node(node)
        self._changed = None
        for source in sources:
            if not source.users and source.op != "placeholder" and source not in self.changed:
                self.drop(source)

    def module(self) -> fx.GraphModule:
        """Returns the network as a module, its written constants rounded to the types of their readers.

        Constants lie in memory row by row: converters refuse weights in another order, such as `channels_last`.
        """
        graph = copy.deepcopy(self.graph)
        _in_order_of_readers(graph)
        used = {str(node.target) for node in graph.nodes if node.op == "get_attr"}
        tensors: dict[str, Any] = {name: _by_rows(value) for name, value in self.given.items() if name in used}
        alike: dict[tuple[Any, ...], list[nn.Parameter]] = {}
        for name, (value, kind) in self.written.items():
            if name in used:
                rounded = nn.Parameter(_by_rows(value.to(kind)), requires_grad=False)
                same = alike.setdefault((rounded.shape, kind), [])
                tensors[name] = next((other for other in same if torch.equal(other, rounded)), rounded)
                same.append(rounded)
        return fx.GraphModule(_tree(tensors), graph).eval()


def opened(member: nn.Module, inputs: tuple[Tensor, ...]) -> Network:
    """Returns the network that `member` is on inputs of these shapes. Does not change `member`.

    Raises:
        RequestError: It cannot be exported.
    """
    working = copy.deepcopy(member).eval().double()
    compute_weights(working)
    exact = {_legal(name): value for name, value in working.state_dict().items()}
    working.float()
    if not _runs(working, member, inputs):
        working = copy.deepcopy(member).eval()
        compute_weights(working)
    program = export_program(working, inputs)
    _rename(program)
    module = program.module(check_guards=False)
    assert isinstance(module, fx.GraphModule)
    module.graph.eliminate_dead_code()
    given, wide = {}, {}
    for node in module.graph.nodes:
        node.meta.pop("from_node", None)  # each export copies this history into that of more nodes
        if node.op == "get_attr":
            name = str(node.target)
            given[name] = value = attrgetter(name)(module)
            if isinstance(value, torch.Tensor) and not value.is_complex():
                own = exact.get(name, value).detach()
                wide[name] = own.double() if own.is_floating_point() else own
    graph = copy.deepcopy(module.graph)  # one that no module owns, which would check each change
    without_simple_changes(graph)
    return Network(graph, given, wide)


def _runs(narrow: nn.Module, member: nn.Module, inputs: tuple[Tensor, ...]) -> bool:
    """Returns whether `member` runs in float32: it may need types of its own, such as float64 inside."""
    tensors = [*member.parameters(), *member.buffers()]
    if all(tensor.dtype == torch.float32 for tensor in tensors if tensor.is_floating_point()):
        return True
    try:
        with torch.no_grad():
            narrow(*inputs)
    except Exception:  # a stranger's forward may raise anything
        return False
    return True


def _rename(program: ExportedProgram) -> None:
    """Gives the constants of a program names that code can have."""
    for spec in program.graph_signature.input_specs:
        if spec.target is None or (name := _legal(spec.target)) == spec.target:
            continue
        for constants in (program.state_dict, program.constants):
            if spec.target in constants:
                constants[name] = constants.pop(spec.target)  # type: ignore[arg-type]
        spec.target = name


def _in_order_of_readers(graph: fx.Graph) -> None:
    """Moves each constant to its first reader. Files hold constants in this order."""
    placed: set[fx.Node] = set()
    for node in list(graph.nodes):
        for source in node.all_input_nodes:
            if source.op == "get_attr" and source not in placed:
                placed.add(source)
                node.prepend(source)


def _by_rows(value: Any) -> Any:
    """Returns a tensor whose axes have the strides of their order, and anything else as it is."""
    if not isinstance(value, torch.Tensor) or value.layout != torch.strided:
        return value
    if value.stride() == torch.empty(value.shape, device="meta").stride():
        return value
    rows = value.detach().clone(memory_format=torch.contiguous_format)
    return nn.Parameter(rows, requires_grad=False) if isinstance(value, nn.Parameter) else rows


def _tree(values: dict[str, Any]) -> nn.Module:
    """Returns a module that holds values at dotted paths."""
    root = nn.Module()
    for path, value in values.items():
        *parents, name = path.split(".")
        owner = root
        for parent in parents:
            if parent not in owner._modules:
                owner.add_module(parent, nn.Module())
            owner = owner.get_submodule(parent)
        if isinstance(value, torch.Tensor) and not isinstance(value, nn.Parameter):
            owner.register_buffer(name, value)
        else:
            setattr(owner, name, value)
    return root


def _legal(name: str) -> str:
    """Returns a name that code can have. ExecuTorch fails on a BatchNorm whose name begins with a digit."""
    parts = [f"{part}_" if keyword.iskeyword(part) else part for part in name.split(".")]
    return f"layer_{'.'.join(parts)}" if name[0].isdigit() else ".".join(parts)
