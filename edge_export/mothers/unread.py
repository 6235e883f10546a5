"""Stands for what a checkpoint holds beside tensors: arguments, configs, schedulers, numbers of NumPy, whole networks.

Their classes are never imported and none of their code runs. A network that was saved whole gives its weights.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from edge_export.mothers.checkpoint_names import MAX_DEPTH

RUNNING = frozenset({"__import__", "breakpoint", "compile", "delattr", "eval", "exec", "getattr", "open", "setattr"})
"""Builtins that no file of values names. One that does is meant to run something."""
MAX_KINDS = 200
"""The most classes that one file may name."""
MAX_LAYERS = 10_000
"""The most layers of a network that was saved whole. One that holds itself has no end of them."""
GLOBAL = re.compile(r"GLOBAL ([\w.]+)")
"""How `torch.load` names what it refuses."""
_PARAMETERS, _BUFFERS, _MODULES = "_parameters", "_buffers", "_modules"


class Unread:
    """An object of a class that is not imported: what it holds, without what it does."""

    def __new__(cls, *arguments: Any) -> Any:
        return super().__new__(cls)

    def __init__(self, *arguments: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, dict):
            self.__dict__.update(state)


class _Dict(Unread):
    """Of a class that behaves as a dict, such as `defaultdict`."""

    def __new__(cls, *arguments: Any) -> Any:
        return OrderedDict()


class _List(Unread):
    """Of a class that behaves as a list."""

    def __new__(cls, *arguments: Any) -> Any:
        return []


class Kinds:
    """The classes of one file that were found so far, by their full names, each with what stands for it."""

    def __init__(self) -> None:
        self._found: dict[str, type[Unread]] = {}

    def known(self) -> list[Callable[..., Any] | tuple[Callable[..., Any], str]]:
        """Returns them as `torch.serialization.safe_globals` takes them."""
        return [(kind, name) for name, kind in self._found.items()]

    def learn(self, error: Exception) -> bool:
        """Takes in what `torch.load` did not know. Returns whether it is worth another try."""
        told = str(error)
        if "Can only" in told:
            base = _List if "lists" in told else _Dict if "SETITEM" in told else None
            name = next((name for name, kind in self._found.items() if str(kind) in told), None)
            if base is None or name is None or issubclass(self._found[name], base):
                return False
        else:
            named = GLOBAL.search(told)
            if named is None or named[1] in self._found or len(self._found) >= MAX_KINDS:
                return False
            base, name = Unread, named[1]
            if name in RUNNING:
                return False
        full = name if "." in name else f"builtins.{name}"  # torch leaves that out
        module, _, short = full.rpartition(".")
        self._found.pop(name, None)
        self._found[full] = type(short, (base,), {"__module__": module})
        return True


def weights_within(content: Any, depth: int = MAX_DEPTH) -> Any:
    """Returns the content of a checkpoint with the weights of each whole network in its place."""
    if isinstance(content, Unread):
        return _weights(content) or content
    if isinstance(content, Mapping) and depth > 0:
        return {key: weights_within(value, depth - 1) for key, value in content.items()}
    return content


def _weights(network: Unread) -> dict[str, Any]:
    """Returns the state dict of what stands for a module; empty: it stands for something else.

    Raises:
        ValueError: It has too many layers.
    """
    weights: dict[str, Any] = {}
    layers = [("", network)]
    for prefix, layer in layers:
        held = vars(layer)
        if not all(isinstance(held.get(part), dict) for part in (_PARAMETERS, _BUFFERS, _MODULES)):
            continue
        passing = held.get("_non_persistent_buffers_set", ())
        own = {**held[_PARAMETERS], **{name: value for name, value in held[_BUFFERS].items() if name not in passing}}
        weights |= {f"{prefix}{name}": value for name, value in own.items() if value is not None}
        layers += [(f"{prefix}{name}.", part) for name, part in held[_MODULES].items() if isinstance(part, Unread)]
        if len(layers) > MAX_LAYERS:
            raise ValueError(f"it has more than {MAX_LAYERS:,} layers, or one that holds itself")
    return weights
