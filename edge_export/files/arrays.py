"""Reads and writes arrays by name in safetensors files."""

from __future__ import annotations

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
        RequestError: The file is missing, truncated or not a safetensors file.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return dict(load_file(path))
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise RequestError(f"{path} can't be read as safetensors ({one_line(error, 160)})") from error
