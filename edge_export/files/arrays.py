"""Arrays by name in a safetensors file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_export.errors import RequestError, one_line

Array = NDArray[Any]


def save_arrays(path: Path, arrays: Mapping[str, Array]) -> None:
    """Write a safetensors file, creating its folder."""
    from safetensors.numpy import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    # safetensors writes an array's memory as it lies: a slice of another would come out scrambled.
    save_file({name: np.ascontiguousarray(array) for name, array in sorted(arrays.items())}, path)


def load_arrays(path: Path) -> dict[str, Array]:
    """Read a safetensors file.

    Raises:
        RequestError: It is missing, truncated or no safetensors file.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return dict(load_file(path))
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise RequestError(f"{path} can't be read as safetensors ({one_line(error, 160)})") from error
