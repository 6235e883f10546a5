"""Spares PyTorch work that it does anew for each program, or for each of its passes. Nothing comes out otherwise.

Each holds as long as the process lives.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor
    from torch.fx import GraphModule


@cache
def take_shortcuts() -> None:
    """Takes those of exporting, reading and lowering programs."""
    compile_graphs_late()
    keep_composite_operators()
    keep_type_hints()
    shape_recurrent_layers()
    share_history()


@cache
def compile_graphs_late() -> None:
    """Has a graph's Python code written and compiled when somebody calls or reads it, and not after each change.

    ExecuTorch's passes change hundreds of graphs that nobody calls: a fifth of the time that it takes for a large
    network. `torch.fx` does the same for Inductor.
    """
    from torch.fx import GraphModule
    from torch.fx.graph import _PyTreeCodeGen

    recompile, reduce, text = GraphModule.recompile, GraphModule.__reduce__, GraphModule.__str__

    class Forward:
        """Stands for the `forward` of a module's class until somebody gets it."""

        def __init__(self, module: GraphModule) -> None:
            self.module = weakref.ref(module)

        def __get__(self, module: GraphModule | None, of_class: type[GraphModule]) -> Any:
            changed = self.module()
            assert changed is not None
            recompile(changed)
            return of_class.forward if module is None else module.forward

    def recompile_late(module: GraphModule) -> None:
        if isinstance(module.graph._codegen, _PyTreeCodeGen):
            module._in_spec = module.graph._codegen.pytree_info.in_spec
            module._out_spec = module.graph._codegen.pytree_info.out_spec
        module.__dict__.pop("_code", None)
        module._recompile_submodules()
        type(module).forward = Forward(module)  # type: ignore[assignment]

    def code(module: GraphModule) -> str:
        if "_code" not in module.__dict__:
            recompile(module)
        return str(module._code)

    def compiled_text(module: GraphModule) -> str:
        code(module)
        return text(module)

    def reduce_now(module: GraphModule) -> Any:
        GraphModule.recompile = recompile  # type: ignore[method-assign]
        try:
            return reduce(module)
        finally:
            GraphModule.recompile = recompile_late  # type: ignore[method-assign,assignment]

    GraphModule.recompile = recompile_late  # type: ignore[method-assign,assignment]
    GraphModule.code = property(code)  # type: ignore[assignment,method-assign]
    GraphModule.__str__ = compiled_text  # type: ignore[method-assign]
    GraphModule.__reduce__ = reduce_now  # type: ignore[method-assign,assignment]


@cache
def keep_composite_operators() -> None:
    """Has `torch.export` list its composite operators again only when there are new ones.

    It lists all of them for each library of operators, some forty times for each time that a program is decomposed: a
    quarter of the time that ExecuTorch takes for a small network.
    """
    import torch
    from torch._export import utils

    listed: set[str] = set()
    list_all = utils._materialize_cpp_cia_ops

    def list_new() -> None:
        present = torch._C._dispatch_get_registrations_for_dispatch_key("CompositeImplicitAutograd")
        if not listed.issuperset(present):
            list_all()
            listed.update(present)

    utils._materialize_cpp_cia_ops = list_new


@cache
def keep_onnx_operators() -> None:
    """Has `torch.onnx` translate its operators once, and not for each program."""
    from torch.onnx._internal._lazy_import import onnxscript_apis  # type: ignore[attr-defined]

    onnxscript_apis.get_torchlib_ops = cache(onnxscript_apis.get_torchlib_ops)


@cache
def share_history() -> None:
    """Lets new nodes of a graph share the history of the nodes that they were made from.

    PyTorch copies the whole history of a node, which grows with every pass, for each node that is made from it: a
    quarter of the time that ExecuTorch takes for a separator. Nothing changes an entry once it is made.
    """
    from torch.fx.traceback import NodeSource

    NodeSource.__deepcopy__ = lambda source, memo: source  # type: ignore[attr-defined]


@cache
def keep_type_hints() -> None:
    """Has PyTorch look up the types of a class's fields once, and not for each object of a program that it reads.

    It is half of the time of reading.
    """
    import typing
    from types import SimpleNamespace

    from torch._export.serde import schema, serialize

    names = vars(schema)
    hints = cache(lambda of_class: typing.get_type_hints(of_class, globalns=names))
    serialize.typing = SimpleNamespace(  # type: ignore[attr-defined,assignment]
        **{**vars(typing), "get_type_hints": lambda of_class, globalns: hints(of_class)}
    )


@cache
def shape_recurrent_layers() -> None:
    """Has PyTorch give the shapes of a recurrent layer's results without its steps, where it asks for no more.

    It runs each step of each layer on tensors without values each time that it exports a program: in ten seconds for a
    thousand steps. Where it writes the steps into a graph, they are run as before.
    """
    import torch._decomp.decompositions  # has them

    aten, keys = torch.ops.aten, torch._C.DispatchKey
    for operator in (aten.gru.input, aten.lstm.input, aten.rnn_tanh.input, aten.rnn_relu.input):
        for key in (keys.Autograd, keys.CompositeImplicitAutograd):
            operator.py_kernels[key] = partial(_shaped, operator.py_kernels[key])
        operator._dispatch_cache.clear()


def _shaped(
    run: Callable[..., Any],
    x: Tensor,
    state: Tensor | Sequence[Tensor],
    weights: Sequence[Tensor],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> tuple[Tensor, ...]:
    """Returns the results of a recurrent layer, without values if `x` has none and no graph is written."""
    import torch
    from torch._subclasses.fake_tensor import FakeTensor
    from torch.fx.experimental.proxy_tensor import get_proxy_mode

    states = [state] if isinstance(state, torch.Tensor) else list(state)
    plain = isinstance(x, FakeTensor) and x.dim() == 3 and not torch.is_grad_enabled() and get_proxy_mode() is None
    if not plain:
        of_steps: tuple[Tensor, ...]
        of_steps = run(x, state, weights, has_biases, num_layers, dropout, train, bidirectional, batch_first)
        return of_steps
    batch, steps = x.shape[:2] if batch_first else (x.shape[1], x.shape[0])
    y = x.new_empty((steps, batch, states[0].shape[2] * (2 if bidirectional else 1)))
    return (y.transpose(0, 1) if batch_first else y, *(each.new_empty(each.shape) for each in states))
