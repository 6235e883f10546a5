"""What a node of an exported graph says of itself: its arguments by name, its shape, its place in the network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from torch import fx


_LAYERS = ("Linear", "Conv", "BatchNorm")


def is_call(node: object, *names: str) -> bool:
    """Returns whether `node` calls an operator of PyTorch with one of these names, such as "conv2d"."""
    return operator_of(node) in names


def operator_of(node: object) -> str:
    """Returns the name of the operator that `node` calls, without its overload; empty: it calls none."""
    target = getattr(node, "target", None)
    return str(target._opname) if isinstance(target, torch._ops.OpOverload) else ""


def arguments(node: fx.Node) -> dict[str, Any]:
    """Returns all arguments of a call of an operator by their names in its schema, with its defaults."""
    schema = node.target._schema.arguments  # type: ignore[union-attr]
    given = dict(zip((each.name for each in schema), node.args, strict=False)) | node.kwargs
    return {each.name: given.get(each.name, each.default_value) for each in schema}


def set_argument(node: fx.Node, name: str, value: Any) -> None:
    """Gives an argument of a call of an operator another value."""
    if name in node.kwargs:
        node.update_kwarg(name, value)
        return
    names = [each.name for each in node.target._schema.arguments]  # type: ignore[union-attr]
    before = list(arguments(node).values())[len(node.args) : names.index(name) + 1]
    args = [*node.args, *before]
    args[names.index(name)] = value
    node.args = tuple(args)


def shape(node: fx.Node) -> tuple[int, ...]:
    """Returns the shape of the node's value; empty also for what is no tensor."""
    return tuple(getattr(node.meta.get("val"), "shape", ()))


def dtype(node: object) -> torch.dtype | None:
    """Returns the type of the node's value; None: it is no tensor."""
    return getattr(getattr(node, "meta", {}).get("val"), "dtype", None)


def path_of(node: fx.Node) -> tuple[str, str]:
    """Returns the path and the type of the innermost module that the node was captured in: ("body.0", "Conv2d").

    Empty: the network itself, a module that is not PyTorch's own, which may call many operators, or a hook of a layer.
    """
    stack = node.meta.get("nn_module_stack") or {}
    path, kind = next(reversed(stack.values()), ("", ""))
    kind = kind if isinstance(kind, str) else f"{kind.__module__}.{kind.__qualname__}"
    name = kind.rpartition(".")[2]
    of_hook = name.startswith(_LAYERS) and not operator_of(node).startswith(("linear", "conv", "batch_norm"))
    is_own = path and kind.startswith("torch.nn.modules.") and not of_hook
    return (path.partition("@")[0], name) if is_own else ("", "")


def name_of(node: fx.Node) -> str:
    """Returns the path of the layer that `node` is, or the name of the node."""
    return path_of(node)[0] or node.name


def describe(node: fx.Node) -> str:
    """Returns a name of `node` for messages: "the input", "a sum", "conv1 (Conv2d)"."""
    if node.op == "placeholder":
        return "the input"
    if node.op == "output":
        return "the output"
    path, kind = path_of(node)
    return f"{path} ({kind})" if path else f"a {operator_of(node) or node.name}"
