"""Extracts a member from a mother and checks that it is independent of the mother."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import nn

from edge_export.errors import RequestError, raised
from edge_export.mothers.computed import detach_computed
from edge_export.mothers.contract import holds_itself, unwrapped, without_values

if TYPE_CHECKING:
    from torch import Tensor

    from edge_export.mothers.protocol import Config, Mother


def extract(mother: Mother, config: Config) -> nn.Module:
    """Returns the member of `mother` at `config`: a plain module in eval mode with its own weights.

    Raises:
        RequestError: The result of the mother's `extract` is not a module, shares memory with the mother or is elastic.
    """
    name = mother.space.name(config)
    member = unwrapped(mother.extract(config))
    if not isinstance(member, nn.Module):
        raise RequestError(f"extract({name}) returned a {type(member).__name__}: return a torch.nn.Module")
    if holds_itself(member):
        raise RequestError(f"extract({name}) returned a layer that holds itself, as by self.layer = self")
    if elastic := next((n for n, m in member.named_modules() if isinstance(m, type(mother))), None):
        raise RequestError(f"extract({name}) still holds the elastic mother at {elastic!r}: return plain layers")
    if empty := without_values(member):
        raise RequestError(
            f"extract({name}) returned a layer without values, {empty}: copy the mother's, or run it once"
        )
    owned = {_memory(t): n for n, t in _tensors(cast(nn.Module, mother)).items() if t.numel()}
    for tensor_name, tensor in _tensors(member).items():
        if tensor.numel() and (shared := owned.get(_memory(tensor))):
            raise RequestError(f"extract({name}) shares {tensor_name} with the mother's {shared}: clone it")
    detach_computed(member)
    return member.eval()


def forward(module: nn.Module, inputs: tuple[Tensor, ...], config: Config | None = None) -> tuple[Tensor, ...]:
    """Runs a member, or a mother at `config`, without gradients. Always returns a tuple of outputs.

    Raises:
        RequestError: The module fails on these inputs.
    """
    try:
        with torch.no_grad():
            outputs = module(*inputs) if config is None else module(*inputs, config=config)
    except Exception as error:  # a stranger's forward may raise anything
        shapes = ", ".join(str(tuple(t.shape)) for t in inputs)
        raise RequestError(
            f"{type(module).__name__} cannot run on inputs of shape {shapes}: {raised(error)}"
        ) from error
    return outputs if isinstance(outputs, tuple) else (outputs,)


def _tensors(module: nn.Module) -> dict[str, Tensor]:
    return dict(module.named_parameters()) | dict(module.named_buffers())


def _memory(tensor: Tensor) -> int:
    """Returns where the values of a tensor lie."""
    return (tensor._values() if tensor.layout is torch.sparse_coo else tensor).untyped_storage().data_ptr()
