"""Reads and writes arrays by name in safetensors files."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_export.errors import RequestError, one_line
from edge_export.files.atomic import whole_file

Array = NDArray[Any]


def save_arrays(path: Path, arrays: Mapping[str, Array]) -> None:
    """Writes a safetensors file atomically and creates its folder."""
    from safetensors.numpy import save

    path.parent.mkdir(parents=True, exist_ok=True)
    # safetensors writes an array's memory in its order, which is wrong for slices that are not contiguous. Its own
    # save_file creates files that only their owner can read.
    content = save({name: np.ascontiguousarray(array) for name, array in sorted(arrays.items())})
    with whole_file(path) as file:
        file.write(content)


def load_arrays(path: Path) -> dict[str, Array]:
    """Reads a safetensors file.

    Raises:
        RequestError: The file is missing, truncated or not a safetensors file, or names an array twice.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        arrays = dict(load_file(path))
        require_names_once(path)
        return arrays
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise RequestError(f"{path} can't be read as safetensors ({one_line(error, 160)})") from error


def require_names_once(path: Path) -> None:
    """Raises ValueError if a name stands twice in the header of a safetensors file.

    The library reads such a file and drops one of both, where other readers drop the other or refuse it.
    """
    with path.open("rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        json.loads(file.read(size), object_pairs_hook=_require_once)


def _require_once(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a name is there twice")
