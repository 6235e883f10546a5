"""Reads and writes a mother's weights. No code in a checkpoint is executed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from edge_export.errors import RequestError
from edge_export.files.atomic import write_atomically
from edge_export.mothers.checkpoint_file import read_content
from edge_export.mothers.checkpoint_names import find_tensors

if TYPE_CHECKING:
    from torch import Tensor, nn


def load_checkpoint(mother: nn.Module, path: str | Path) -> tuple[str, ...]:
    """Loads the weights of a `.safetensors` or `.pt` file into `mother`: all of them, or on an error none.

    Tensors are converted to the mother's dtypes. `find_tensors` says under which names they may be.

    Returns:
        Notes on what was left out or chosen.

    Raises:
        RequestError: The file is missing, damaged, belongs to another network or holds values that are not finite. The
            message names the file and the first wrong tensor.
    """
    path = Path(path)
    own = mother.state_dict()
    found = find_tensors(path, read_content(path), own)
    _check_shapes(path, own, found.tensors)
    converted = {name: tensor.to(own[name].dtype) for name, tensor in found.tensors.items()}
    _check_finite(path, converted)
    for name, tensor in converted.items():
        # The tensors of a state dict share their memory with the module.
        own[name].copy_(tensor)
    return found.notes


def save_checkpoint(mother: nn.Module, path: str | Path) -> None:
    """Writes the mother's state dict as safetensors, atomically."""
    from safetensors.torch import save

    path = Path(path)
    tensors = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in mother.state_dict().items()}
    write_atomically(path, save(tensors))


def _check_shapes(path: Path, own: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> None:
    wrong = [name for name in tensors if own[name].shape != tensors[name].shape]
    if wrong:
        name = wrong[0]
        others = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise RequestError(
            f"checkpoint {path}: {name} has shape {tuple(tensors[name].shape)}, the network needs "
            f"{tuple(own[name].shape)}{others}; check --mother and --checkpoint"
        )
    mixed = [name for name in tensors if own[name].is_floating_point() != tensors[name].is_floating_point()]
    if mixed:
        name = mixed[0]
        raise RequestError(
            f"checkpoint {path}: {name} is {tensors[name].dtype}, the network needs {own[name].dtype}; save it in "
            "floating point"
        )


def _check_finite(path: Path, tensors: Mapping[str, Tensor]) -> None:
    import torch

    wrong = [name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()]
    if wrong:
        others = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise RequestError(
            f"checkpoint {path}: {wrong[0]} holds values that are not finite{others}; take a checkpoint from before "
            "training diverged"
        )
