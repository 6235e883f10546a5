"""Traces a member as a graph in float64 in which rules see all that acts on a layer.

Rules change the weights of layers that the graph calls. Four things that act on a layer are not in such a graph by
themselves:

- A parametrization or an old hook computes the weight anew, such as `weight_norm` or pruning: its result becomes the
  weight.
- Hooks change what a layer reads or writes: what they do is traced, and they are removed from the layer.
- The network reads a layer's weight directly, too, such as a tied decoder: it reads a copy.
- A cast to float32 inside the network, such as `x.float()`, would end float64: it is float64 until the end.
"""

from __future__ import annotations

import keyword
from inspect import signature
from typing import TYPE_CHECKING, Any

import torch
from torch import fx, nn
from torch.fx.passes.shape_prop import ShapeProp
from torch.nn.utils import parametrize
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.prune import remove as remove_pruning
from torch.nn.utils.spectral_norm import SpectralNorm, remove_spectral_norm
from torch.nn.utils.weight_norm import WeightNorm, remove_weight_norm

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

WIDENED = "widened"
"""The key in a node's meta that says that its cast to float32 was made one to float64."""
_OWN_READ = "read_{}"
"""The name of a graph's own copy of a layer's weight, by the position of its reader."""


def trace(working: nn.Module, inputs: tuple[Tensor, ...]) -> fx.GraphModule:
    """Returns the graph of a float64 network in eval mode. Every node has the shape of its value. Changes `working`.

    Raises:
        Exception: Its forward cannot be traced, or does not run on `inputs`.
    """
    with torch.no_grad():
        compute_weights(working)
        if any(_hooks(working)):
            working = _held(working)
        tracer = _Tracer()
        graph = tracer.trace(working)
        for layer in tracer.hooked:
            for hooks in _hooks(layer):
                hooks.clear()
        _rename_keywords(working, graph)
        graph_module = fx.GraphModule(working, graph).double()
        _copy_weights_read_directly(graph_module)
        for node in graph_module.graph.nodes:
            _cast(node, _WIDER)
        graph_module.recompile()
        wide = tuple(t.double() if t.is_floating_point() else t for t in inputs)
        ShapeProp(graph_module).propagate(*wide)
    return graph_module


def narrow(graph_module: fx.GraphModule) -> fx.GraphModule:
    """Makes a traced graph one of float32, with the casts that its network had, and returns it."""
    for node in graph_module.graph.nodes:
        if node.meta.pop(WIDENED, False):
            _cast(node, _NARROWER)
    _share_equal_weights(graph_module)
    _rename_numbers(graph_module)
    graph_module.recompile()
    return graph_module.float().eval()


class _Tracer(fx.Tracer):
    """Traces the hooks of layers, too."""

    def __init__(self) -> None:
        super().__init__()
        self.hooked: list[nn.Module] = []

    def call_module(
        self, m: nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        path = self.path_of_module(m)
        if not (self.is_leaf_module(m, path) and any(_hooks(m))):
            return super().call_module(m, forward, args, kwargs)
        self.hooked.append(m)
        m.forward = lambda *given, **named: self.create_proxy("call_module", path, given, named)
        try:
            return forward(*args, **kwargs)  # calls the hooks around the module's forward
        finally:
            del m.forward


def _held(network: nn.Module) -> fx.GraphModule:
    """Returns a network that calls `network`: hooks of the outermost network are not traced."""
    root = nn.Module()
    root.network = network
    graph = fx.Graph()
    graph.output(graph.call_module("network", tuple(map(graph.placeholder, signature(network.forward).parameters))))
    return fx.GraphModule(root, graph)


def _hooks(layer: nn.Module) -> tuple[dict[int, Any], dict[int, Any]]:
    return layer._forward_pre_hooks, layer._forward_hooks


def compute_weights(network: nn.Module) -> None:
    """Replaces every parametrization and every old hook that computes a weight by the weight."""
    for layer in list(network.modules()):
        if parametrize.is_parametrized(layer):
            weights = {name: getattr(layer, name) for name in layer.parametrizations}  # type: ignore[union-attr]
            # Not by torch's own function: that changes the class, which copies of the layer share.
            layer.__class__ = type(layer).__bases__[0]
            del layer.parametrizations
            for name, weight in weights.items():
                layer.register_parameter(name, nn.Parameter(weight.detach(), requires_grad=False))
        for hook in list(layer._forward_pre_hooks.values()):
            if isinstance(hook, WeightNorm):
                remove_weight_norm(layer, hook.name)
            elif isinstance(hook, SpectralNorm):
                remove_spectral_norm(layer, hook.name)
            elif isinstance(hook, BasePruningMethod):
                remove_pruning(layer, hook._tensor_name)


def _rename_keywords(network: nn.Module, graph: fx.Graph) -> None:
    """Renames submodules and weights that are called as keywords of Python are: a graph's code cannot name them."""
    for layer in list(network.modules()):
        tables: tuple[dict[str, Any], ...] = (layer._modules, layer._parameters, layer._buffers, layer.__dict__)
        for table in tables:
            for name in filter(keyword.iskeyword, list(table)):
                table[_legal(name)] = table.pop(name)
    for node in graph.nodes:
        if node.op in ("call_module", "get_attr"):
            node.target = ".".join(map(_legal, str(node.target).split(".")))


def _rename_numbers(graph_module: fx.GraphModule) -> None:
    """Renames outermost submodules that begin with a digit: ExecuTorch fails on a BatchNorm that is called so."""
    for name, _ in list(graph_module.named_children()):
        if name[0].isdigit():
            graph_module._modules[f"layer_{name}"] = graph_module._modules.pop(name)
    for node in graph_module.graph.nodes:
        if node.op in ("call_module", "get_attr") and str(node.target)[0].isdigit():
            node.target = f"layer_{node.target}"


def _legal(name: str) -> str:
    return f"{name}_" if keyword.iskeyword(name) else name


def _copy_weights_read_directly(graph_module: fx.GraphModule) -> None:
    """Lets each node that reads a called layer's own tensor read a copy, which no rule changes."""
    called = {str(node.target) for node in graph_module.graph.nodes if node.op == "call_module"}
    reads = [node for node in graph_module.graph.nodes if node.op == "get_attr"]
    for index, node in enumerate(reads):
        path = str(node.target)
        if path.rpartition(".")[0] in called:
            node.meta["copy_of"], node.target = path, _OWN_READ.format(index)
            graph_module.register_buffer(node.target, _tensor_at(graph_module, path).detach().clone())


def _share_equal_weights(graph_module: fx.GraphModule) -> None:
    """Undoes `_copy_weights_read_directly` where no rule changed the layer."""
    for node in graph_module.graph.nodes:
        path = node.meta.get("copy_of")
        if path is None or (found := _tensor_at(graph_module, path)) is None:
            continue
        if torch.equal(found, _tensor_at(graph_module, node.target)):
            delattr(graph_module, node.target)
            node.target = node.meta.pop("copy_of")


def _tensor_at(graph_module: fx.GraphModule, path: str) -> Any:
    """Returns the tensor at a path; None: a rule removed its layer."""
    found: Any = graph_module
    for name in path.split("."):
        found = getattr(found, name, None)
    return found


_WIDER = {"float": "double", torch.float32: torch.float64}
_NARROWER = {"double": "float", torch.float64: torch.float32}


def _cast(node: fx.Node, other: dict[Any, Any]) -> None:
    """Changes a node that casts to another type, by a method or an argument, to one that casts to the type in `other`.

    Marks the node.
    """

    def changed(value: Any) -> Any:
        return other.get(value, value) if isinstance(value, torch.dtype) else value

    args, kwargs = fx.node.map_aggregate((node.args, node.kwargs), changed)  # type: ignore[misc]
    target = other.get(node.target, node.target) if node.op == "call_method" else node.target
    if (args, kwargs, target) != (node.args, node.kwargs, node.target):
        node.args, node.kwargs, node.target = args, kwargs, target
        node.meta[WIDENED] = True
