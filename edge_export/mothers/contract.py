"""Checks that what a factory made is a mother: the attributes of `protocol.py`, each of the right kind."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from edge_export.errors import RequestError, one_line, raised
from edge_export.spec.tensors import IOSpec, TensorSpec

if TYPE_CHECKING:
    from torch import nn

    from edge_export.mothers.protocol import Config, Space

MOTHER_MEMBERS = ("space", "io", "extract", "example_inputs")
"""The attributes that a mother needs besides being an `nn.Module`."""
SPACE_MEMBERS = ("smallest", "largest", "sample", "all", "parse", "name")
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}")


def check_mother(spec: str, mother: Any) -> None:
    """Raises RequestError, which names what is wrong, unless `mother` is one."""
    from torch import nn

    if not isinstance(mother, nn.Module):
        raise RequestError(f"mother {spec}: the factory made a {type(mother).__name__}; it must make an nn.Module")
    if holds_itself(mother):
        raise RequestError(f"mother {spec}: one of its layers holds itself, as by self.layer = self")
    mother.eval()
    missing = [name for name in MOTHER_MEMBERS if not hasattr(mother, name)]
    if "space" not in missing:
        missing += [f"space.{name}" for name in SPACE_MEMBERS if not hasattr(mother.space, name)]
    if missing:
        raise RequestError(
            f"mother {spec}: {type(mother).__name__} lacks {', '.join(missing)}; see edge_export/mothers/protocol.py"
        )
    if isinstance(mother.space, type):
        name = mother.space.__name__
        raise RequestError(f"mother {spec}: its space is the class {name}: make one of it, {name}()")
    if not isinstance(mother.io, IOSpec):
        raise RequestError(f"mother {spec}: its io is a {type(mother.io).__name__}: make it an IOSpec")
    if problems := "; ".join(_untyped(mother.io)):
        raise RequestError(f"mother {spec}: its io: {problems}")
    if empty := without_values(mother):
        raise RequestError(
            f"mother {spec}: {empty} has no values yet: run the network once in the factory, on inputs of its size"
        )
    if other := _not_dense(mother):
        raise RequestError(f"mother {spec}: {other}, which no converter takes: give its weights as plain numbers")
    elsewhere = {str(tensor.device) for tensor in (*mother.parameters(), *mother.buffers())} - {"cpu"}
    if elsewhere:
        raise RequestError(f"mother {spec}: its weights are on {', '.join(sorted(elsewhere))}: move them to cpu")


def holds_itself(network: nn.Module) -> bool:
    """Whether a layer is one of its own parts, so that whoever goes through all parts of parts never ends."""
    layers = network.modules()  # each once
    return any(inner is layer for layer in layers for part in layer.children() for inner in part.modules())


def unwrapped(network: Any) -> Any:
    """Returns the network inside of DataParallel and torch.compile, which change no output and no converter takes."""
    from torch import nn

    parallel = (nn.DataParallel, nn.parallel.DistributedDataParallel)
    while isinstance(network, nn.Module):
        if isinstance(network, parallel):
            network = network.module
        elif "_orig_mod" in network._modules:
            network = network._orig_mod
        else:
            break
    return network


def without_values(network: nn.Module) -> str:
    """Returns the name of a weight of a lazy layer that has not run yet; empty: there is none."""
    from torch.nn.parameter import is_lazy

    tensors = (*network.named_parameters(), *network.named_buffers())
    return next((name for name, tensor in tensors if is_lazy(tensor)), "")


def _not_dense(network: nn.Module) -> str:
    """Returns a weight in a form of its own, such as "last.weight is sparse_coo"; empty: there is none."""
    import torch

    for name, tensor in (*network.named_parameters(), *network.named_buffers()):
        if tensor.layout is not torch.strided:
            return f"{name} is {str(tensor.layout).removeprefix('torch.')}"
        if tensor.is_quantized:
            return f"{name} is quantized"
    return ""


def name_of(space: Space, config: Config) -> str:
    """Returns a configuration's name. Raises RequestError unless it may be the name of a file."""
    try:
        name = space.name(config)
    except Exception as error:  # a stranger's code may raise anything
        raise RequestError(f"space.name({one_line(repr(config), 60)}) failed with {raised(error)}") from error
    if not isinstance(name, str) or not _FILE_NAME.fullmatch(name):
        raise RequestError(
            f"space.name({one_line(repr(config), 60)}) is {one_line(repr(name), 60)}: return a text of letters, "
            "digits, dots, dashes and underscores, such as w0.5"
        )
    return name


def _untyped(io: IOSpec) -> Iterator[str]:
    """Yields what in `io` is of another kind than its annotations say, before anything reads it."""
    for side in ("inputs", "outputs"):
        specs = getattr(io, side)
        if not isinstance(specs, list | tuple):
            yield f"{side} is a {type(specs).__name__}: make it a tuple of TensorSpec"
            continue
        for index, spec in enumerate(specs):
            if not isinstance(spec, TensorSpec):
                yield f"{side}[{index}] is a {type(spec).__name__}: make it a TensorSpec"
            elif not isinstance(spec.name, str):
                yield f"{side}[{index}].name is a {type(spec.name).__name__}: make it a text"
            elif not isinstance(spec.shape, list | tuple) or not all(type(size) is int for size in spec.shape):
                shape = one_line(repr(spec.shape), 80)
                yield f"{side}[{index}].shape is {shape}: make it a tuple of whole numbers, the batch first, as 1"
            elif not isinstance(spec.dtype, str):
                yield f'{side}[{index}].dtype is {one_line(repr(spec.dtype), 40)}: name it, such as "float32"'
