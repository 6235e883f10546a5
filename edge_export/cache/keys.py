"""The key of a step: the SHA-256 of everything that can change the step's result."""

from __future__ import annotations

import functools
import hashlib
import json
import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import edge_export
from edge_export.files.hashing import file_sha256, tree_sha256

PACKAGE = Path(edge_export.__file__).parent

_MOTHER = ("errors.py", "files", "spec", "mothers", "data", "tasks", "pipeline")
# The packages, or single files, whose code determines the result of a step. A change in any of them makes all entries
# of the step stale. A test compares them with the graph of imports.
SOURCES: dict[str, tuple[str, ...]] = {
    "open": (*_MOTHER, *(f"members/{name}.py" for name in ("border", "examples", "extract", "watching"))),
    "prepare": (
        *(*_MOTHER, "members", "baking", "verify", "bundle/manifest.py", "workers/threads.py"),
        *("formats/coarse.py", "formats/compiled.py", "formats/program.py"),
        *("runtimes/stream.py", "runtimes/torch_module.py"),
    ),
    "compile": ("errors.py", "spec", "baking/torch_shortcuts.py", "formats", "workers/threads.py", "workers/pins"),
    "measure": (
        *("__init__.py", "errors.py", "files", "spec", "data", "tasks", "runtimes", "formats", "verify"),
        *("baking/torch_shortcuts.py", "workers/pins"),
    ),
    "bundle": ("",),
}
_MOTHER_TOOLS = ("torch", "numpy", "scipy", "scikit-learn", "pillow", "soundfile", "safetensors")
_COMPILER_TOOLS = (
    *("torch", "numpy", "safetensors", "flatbuffers", "executorch", "coremltools", "onnx", "onnx2tf"),
    *("ai-edge-litert", "ai-edge-quantizer"),
)
# The other packages that a step's result depends on. The same test finds missing ones.
TOOLS: dict[str, tuple[str, ...]] = {
    "open": _MOTHER_TOOLS,
    "prepare": _MOTHER_TOOLS,
    "compile": (*_COMPILER_TOOLS, "torchao", "onnxscript", "scikit-learn", "protobuf"),
    "measure": (*_COMPILER_TOOLS, "onnxruntime", "scipy", "protobuf", "pillow", "soundfile"),
}
TOOLS["bundle"] = tuple(sorted({tool for tools in TOOLS.values() for tool in tools}))
STATED_TOOLS = ("torch", "executorch", "coremltools", "onnx2tf", "onnx", "ai-edge-litert", "onnxruntime", "torchao")
"""The tools whose versions a manifest holds."""


def key_of(step: str, parts: Mapping[str, Any]) -> str:
    """Returns the key of a step with inputs `parts` (JSON): a hash of them, this package's code, tools and machine."""
    everything = {
        "step": step,
        "parts": parts,
        "sources": [_sources(room) for room in SOURCES[step]],
        "tools": {tool: _version(tool) for tool in TOOLS[step]},
        "machine": [platform.system(), platform.machine(), platform.python_version()],
    }
    return hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()


@functools.cache
def installed() -> dict[str, str]:
    """Returns what must be equal on two machines for equal results: code, tools, Python and machine, by name."""
    tools = sorted({tool for each in TOOLS.values() for tool in each})
    return {
        "edge_export": f"{edge_export.__version__} ({_sources('')[:16]})",
        "Python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        **{tool: _version(tool) for tool in tools},
    }


@functools.cache
def _version(tool: str) -> str:
    try:
        return metadata.version(tool)
    except metadata.PackageNotFoundError:
        return ""


@functools.cache
def _sources(room: str) -> str:
    """Returns a digest of a file of this package, or of all files of a subpackage, including data."""
    inside = (PACKAGE / room).rglob("*") if (PACKAGE / room).is_dir() else [PACKAGE / room]
    files = (path for path in inside if path.is_file() and "__pycache__" not in path.parts)
    return tree_sha256({path.relative_to(PACKAGE).as_posix(): file_sha256(path) for path in files})
