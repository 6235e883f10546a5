"""Reads and writes a mother's weights. No code in a checkpoint is executed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_export.errors import RequestError, one_line
from edge_export.files.arrays import require_names_once
from edge_export.files.atomic import write_atomically

if TYPE_CHECKING:
    from torch import Tensor, nn

PICKLED = (".pt", ".pth", ".bin", ".ckpt")


def load_checkpoint(mother: nn.Module, path: str | Path) -> None:
    """Loads the weights of a `.safetensors` or `.pt` file into `mother`: all of them, or on an error none.

    Tensors are converted to the mother's dtypes. Names may have the prefix `module.`. The state dict may be the value
    of the key `model` or `state_dict`.

    Raises:
        RequestError: The file is missing, damaged, belongs to another network or holds values that are not finite. The
            message names the file and the first wrong tensor.
    """
    path = Path(path)
    tensors = read_checkpoint(path)
    own = mother.state_dict()
    _check_names(path, own, tensors)
    _check_shapes(path, own, tensors)
    converted = {name: tensors[name].to(own[name].dtype) for name in own}
    _check_finite(path, converted)
    for name, tensor in converted.items():
        # The tensors of a state dict share their memory with the module.
        own[name].copy_(tensor)


def read_checkpoint(path: str | Path) -> dict[str, Tensor]:
    """Returns the tensors in a `.safetensors` or `.pt` file by name, unwrapped and without the prefix `module.`.

    Raises:
        RequestError: The file is missing, damaged, or holds something other than dense tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise RequestError(
            f"checkpoint {path}: {'not a file' if path.exists() else 'no such file'}; check --checkpoint"
        )
    if path.suffix == ".safetensors":
        content = _read_safetensors(path)
    elif path.suffix in PICKLED:
        content = _read_pickled(path)
    else:
        raise RequestError(f"checkpoint {path}: unknown kind of file; give a .safetensors, .pt or .pth file")
    return _named_tensors(path, _unwrap(content))


def save_checkpoint(mother: nn.Module, path: str | Path) -> None:
    """Writes the mother's state dict as safetensors, atomically."""
    from safetensors.torch import save

    path = Path(path)
    tensors = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in mother.state_dict().items()}
    write_atomically(path, save(tensors))


def _read_safetensors(path: Path) -> Any:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = load_file(path)
        require_names_once(path)
        return tensors
    except (SafetensorError, OSError, ValueError) as error:
        raise RequestError(
            f"checkpoint {path}: damaged or not safetensors ({one_line(error, 120)}); fetch or save it again"
        ) from error


def _read_pickled(path: Path) -> Any:
    import pickle
    import warnings

    import torch

    try:
        with warnings.catch_warnings():
            # torch warns about an unusual pickle and then raises; the exception is enough.
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        forbidden = [line for line in str(error).splitlines() if "GLOBAL" in line or "Unsupported" in line]
        if forbidden:
            raise RequestError(
                f"checkpoint {path}: refused, it holds more than tensors and unpickling it could run code "
                f"({one_line(forbidden[0], 120)}); save its state_dict alone"
            ) from error
        raise RequestError(f"checkpoint {path}: damaged or not a PyTorch file; fetch or save it again") from error
    # For a damaged file torch.load raises many kinds of exceptions: RuntimeError, EOFError, KeyError, …
    except Exception as error:
        raise RequestError(
            f"checkpoint {path}: damaged or not a PyTorch file ({one_line(error, 120) or type(error).__name__}); "
            "fetch or save it again"
        ) from error


def _unwrap(content: Any) -> Any:
    for key in ("model", "state_dict"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            return content[key]
    return content


def _named_tensors(path: Path, content: Any) -> dict[str, Tensor]:
    import torch

    if not isinstance(content, Mapping):
        raise RequestError(f"checkpoint {path}: holds a {type(content).__name__}, not a state dict; save state_dict()")
    tensors: dict[str, Tensor] = {}
    for key, value in content.items():
        if not isinstance(key, str) or not isinstance(value, torch.Tensor) or value.layout is not torch.strided:
            raise RequestError(
                f"checkpoint {path}: {one_line(repr(key), 80)} is a {type(value).__name__}, not a dense tensor with a "
                "name; save state_dict() alone"
            )
        name = key.removeprefix("module.")
        if name in tensors:
            raise RequestError(f"checkpoint {path}: holds {one_line(name, 80)} both with and without 'module.'")
        tensors[name] = value
    return tensors


def _check_names(path: Path, own: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> None:
    missing = [name for name in own if name not in tensors]
    unexpected = [name for name in tensors if name not in own]
    problems = []
    if missing:
        problems.append(f"{len(missing)} of {len(own)} tensors are missing, first {missing[0]}")
    if unexpected:
        problems.append(f"{len(unexpected)} are unexpected, first {one_line(unexpected[0], 80)}")
    if problems:
        raise RequestError(
            f"checkpoint {path}: belongs to another network: {', '.join(problems)}; check --mother and --checkpoint"
        )


def _check_shapes(path: Path, own: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> None:
    wrong = [name for name in own if own[name].shape != tensors[name].shape]
    if wrong:
        name = wrong[0]
        others = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise RequestError(
            f"checkpoint {path}: {name} has shape {tuple(tensors[name].shape)}, the network needs "
            f"{tuple(own[name].shape)}{others}; check --mother and --checkpoint"
        )
    mixed = [name for name in own if own[name].is_floating_point() != tensors[name].is_floating_point()]
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
