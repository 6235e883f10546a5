"""Example inputs of a mother, checked against its io."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from edge_export.errors import RequestError
from edge_export.mothers.contract import name_of

if TYPE_CHECKING:
    from torch import Tensor

    from edge_export.mothers.protocol import Config, Mother


def example_inputs(mother: Mother, config: Config) -> tuple[Tensor, ...]:
    """Returns the example inputs of the member of `mother` at `config`, in the types of its io.

    Raises:
        RequestError: They are no tensors, or have other shapes than its io says.
    """
    given: object = mother.example_inputs(config)
    if mother.io.stream is not None:
        return given  # type: ignore[return-value]
    tensors = (given,) if isinstance(given, torch.Tensor) else given
    called, specs = f"example_inputs({name_of(mother.space, config)})", mother.io.inputs
    if not isinstance(tensors, list | tuple) or not all(isinstance(each, torch.Tensor) for each in tensors):
        raise RequestError(f"{called} returned a {type(given).__name__}: return a tuple of tensors")
    if len(tensors) != len(specs):
        names = ", ".join(spec.name for spec in specs)
        raise RequestError(
            f"{called} returned {len(tensors)} tensors for {len(specs)} inputs, {names}: return one each"
        )
    for spec, tensor in zip(specs, tensors, strict=True):
        shape = tuple(tensor.shape)
        if shape != tuple(spec.shape) and not (spec.batch_axis is None and shape[1:] == tuple(spec.shape)):
            raise RequestError(
                f"{called} returned {spec.name} of shape {shape}, its io says {tuple(spec.shape)}: correct one of them"
            )
    return tuple(tensor.to(getattr(torch, spec.dtype)) for spec, tensor in zip(specs, tensors, strict=True))
