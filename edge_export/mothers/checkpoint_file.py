"""Reads what a file of weights holds. No code in it is executed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge_export.errors import RequestError, one_line
from edge_export.files.arrays import require_names_once
from edge_export.mothers.unread import GLOBAL, Kinds, weights_within

PICKLED = (".pt", ".pth", ".bin", ".ckpt", ".tar")
"""The suffixes under which a file that shows no kind was meant for torch.load."""
_ZIP, _PICKLE = b"PK\x03\x04", b"\x80"
_HEADER_SIZE = 8
_LFS = "version https://git-lfs"
_TEXTS = ("<", "{", _LFS)
_BEGINNING = 200


def read_content(path: Path) -> Any:
    """Returns the content of a safetensors file or of one that torch.save wrote. Its bytes say which, not its name.

    Raises:
        RequestError: The file is missing, damaged, of another kind, or names what would run code.
    """
    if not path.is_file():
        raise RequestError(
            f"checkpoint {path}: {'not a file' if path.exists() else 'no such file'}; check --checkpoint"
        )
    with path.open("rb") as stream:
        head = stream.read(_HEADER_SIZE + 1)
    if not head:
        raise RequestError(f"checkpoint {path}: damaged or not fetched, it has no bytes; fetch or save it again")
    # A safetensors file begins with the size of its header, which is JSON.
    if head[_HEADER_SIZE:] == b"{" and int.from_bytes(head[:_HEADER_SIZE], "little") <= path.stat().st_size:
        return _read_safetensors(path)
    if head.startswith((_ZIP, _PICKLE)):
        return _read_pickled(path)
    if text := _text(path):
        hint = ": run `git lfs pull` to fetch what it points to" if text.startswith(_LFS) else ": fetch the file itself"
        raise RequestError(f'checkpoint {path}: is a text, "{one_line(text, 40)}", and holds no weights{hint}')
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    if path.suffix in PICKLED:
        return _read_pickled(path)
    raise RequestError(f"checkpoint {path}: unknown kind of file; give a .safetensors, .pt or .pth file")


def _text(path: Path) -> str:
    """Returns the beginning of a file if it is a page of a website, JSON or a pointer of Git LFS; empty: it is none."""
    with path.open("rb") as stream:
        beginning = stream.read(_BEGINNING)
    try:
        text = beginning.decode("utf-8")
    except UnicodeDecodeError:
        return ""
    # A pickle of the first protocol is text, too.
    return text if text.lstrip().startswith(_TEXTS) and all(c.isprintable() or c.isspace() for c in text) else ""


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

    kinds = Kinds()
    try:
        while True:
            try:
                # Given a path, torch.load would choose by its suffix.
                with (
                    warnings.catch_warnings(),
                    path.open("rb") as stream,
                    torch.serialization.safe_globals(kinds.known()),
                ):
                    # torch warns about an unusual pickle and then raises; the exception is enough.
                    warnings.simplefilter("ignore")
                    return weights_within(torch.load(stream, map_location="cpu", weights_only=True))
            except pickle.UnpicklingError as error:
                if not kinds.learn(error):
                    raise
    except pickle.UnpicklingError as error:
        if "Only persistent_load of storage" in str(error):
            raise RequestError(
                f"checkpoint {path}: is a whole network in the format before PyTorch 1.6, which holds its code; save "
                "its state_dict alone"
            ) from error
        told = ("GLOBAL", "Unsupported", "Can only")
        forbidden = [line for line in str(error).splitlines() if any(each in line for each in told)]
        if forbidden:
            named = GLOBAL.search(forbidden[0])
            what = f"it needs {named[1]}" if named else one_line(forbidden[0], 120)
            raise RequestError(
                f"checkpoint {path}: refused, it holds more than tensors and unpickling it could run code ({what}); "
                "save its state_dict alone"
            ) from error
        raise RequestError(f"checkpoint {path}: damaged or not a PyTorch file; fetch or save it again") from error
    # For a damaged file torch.load raises many kinds of exceptions: RuntimeError, EOFError, KeyError, …
    except Exception as error:
        if "TorchScript archive" in str(error):
            raise RequestError(
                f"checkpoint {path}: is TorchScript, whose code could run; save the state_dict of torch.jit.load(path)"
            ) from error
        raise RequestError(
            f"checkpoint {path}: damaged or not a PyTorch file ({one_line(error, 120) or type(error).__name__}); "
            "fetch or save it again"
        ) from error
