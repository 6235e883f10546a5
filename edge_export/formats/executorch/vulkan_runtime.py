"""ExecuTorch's own Python runtime, where it was built with its Vulkan backend. The package on PyPI was not."""

from __future__ import annotations

import mmap
from importlib.util import find_spec
from pathlib import Path

from edge_export.formats.executorch.opened import DELEGATES
from edge_export.formats.executorch.runtime import load, version

__all__ = ["available", "load", "version"]

_BINDINGS = "extension/pybindings/_portable_lib*"


def available() -> str | None:
    """Returns None if it can run on this machine, otherwise the reason why not."""
    spec = find_spec("executorch")
    if spec is None:
        return "executorch is not installed"
    libraries = [path for place in spec.submodule_search_locations or () for path in Path(place).glob(_BINDINGS)]
    if any(_has_vulkan(path) for path in libraries):
        return None
    return "ExecuTorch's Python package is built without its Vulkan runtime: an Android phone with a GPU runs the file"


def _has_vulkan(library: Path) -> bool:
    with library.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(DELEGATES["vulkan"].encode()) >= 0
