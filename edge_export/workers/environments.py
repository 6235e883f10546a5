"""Isolated environments: libraries that can't live beside ours, each in a virtual environment below the cache folder.

    <cache>/environments/tensorflow-<digest>/     the digest is of its pins, Python and platform
        ready.json                                written last; without it the folder is no environment

Whoever asks for one gets its Python, which a worker is then started with (`Pool`): the kind of such a worker is the
environment's name.
"""

from __future__ import annotations

import hashlib
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from edge_export.cache import cache_folder

READY = "ready.json"


@dataclass(frozen=True)
class Environment:
    """One environment.

    Attributes:
        pins: The file in `pins/` of everything that is installed there, exact versions.
        imports: The modules that must import there before it counts as ready.
        description: One line for people.
    """

    pins: str
    imports: tuple[str, ...]
    description: str

    @property
    def pins_path(self) -> Path:
        return Path(__file__).parent / "pins" / self.pins


ENVIRONMENTS: dict[str, Environment] = {
    "tensorflow": Environment(
        pins="tensorflow.txt",
        imports=("numpy", "pydantic", "safetensors.numpy", "tensorflow", "tf_keras", "onnx2tf.onnx2tf"),
        description="TensorFlow: a second runtime of TFLite files, and a second way to make them (2.2 GB)",
    ),
}


def interpreter(name: str) -> Path | None:
    """The Python of an environment; None where that isn't set up. Looks at two files, runs nothing."""
    folder = environment_folder(name)
    python = folder / "bin" / "python"
    return python if (folder / READY).is_file() and python.exists() else None


def interpreters() -> dict[str, str]:
    """The Python of every environment that is set up, by name."""
    found = {name: interpreter(name) for name in ENVIRONMENTS}
    return {name: str(python) for name, python in found.items() if python is not None}


def present_environments() -> list[str]:
    """The environments that are set up, each with the digest of what is in it."""
    return [environment_folder(name).name for name in ENVIRONMENTS if interpreter(name)]


def why_missing(name: str) -> str | None:
    """None where the environment is set up, or what to do about it."""
    return None if interpreter(name) else f"not set up: run `python -m edge_export doctor --setup {name}`"


def environment_folder(name: str) -> Path:
    """Where the environment is, or would be."""
    made_with = f"{sys.implementation.cache_tag} {sysconfig.get_platform()}\n".encode()
    digest = hashlib.sha256(made_with + ENVIRONMENTS[name].pins_path.read_bytes()).hexdigest()
    return cache_folder().absolute() / "environments" / f"{name}-{digest[:16]}"
