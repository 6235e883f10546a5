"""Isolated environments: virtual environments below the cache folder, for libraries that conflict with ours.

    <cache>/environments/tensorflow-<digest>/     the digest is of its pins, Python and platform, and what it shares
        ready.json                                written last; without it the folder is not an environment

`interpreter` returns the Python of an environment. `Pool` starts workers with it; their kind is the environment's name.
"""

from __future__ import annotations

import hashlib
import sys
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from edge_export.cache import cache_folder

READY = "ready.json"


@dataclass(frozen=True)
class Environment:
    """One environment.

    Attributes:
        pins: The file in `pins/` that lists every installed package with its exact version.
        imports: The modules that setup imports in the environment before it marks it ready.
        description: One line for users.
        shares: Whether it also sees the packages of the environment that this process runs in, such as torch. Its own
            packages come first.
    """

    pins: str
    imports: tuple[str, ...]
    description: str
    shares: bool = False

    @property
    def pins_path(self) -> Path:
        return Path(__file__).parent / "pins" / self.pins


ENVIRONMENTS: dict[str, Environment] = {
    "tensorflow": Environment(
        pins="tensorflow.txt",
        imports=("numpy", "pydantic", "safetensors.numpy", "tensorflow", "tf_keras", "onnx2tf.onnx2tf"),
        description="TensorFlow: a second runtime of TFLite files, and a second way to make them (2.2 GB)",
    ),
    "coreai": Environment(
        pins="coreai.txt",
        imports=("numpy", "torch", "coreai.authoring", "coreai_torch"),
        description="Core AI: Apple's converter and runtime of .aimodel files (85 MB to download, 310 MB on disk)",
        shares=True,
    ),
    "litert-torch": Environment(
        pins="litert_torch.txt",
        imports=("numpy", "torch", "litert_torch"),
        description="litert-torch: one more way to make TFLite files (195 MB to download, 800 MB on disk)",
        shares=True,
    ),
}


def interpreter(name: str) -> Path | None:
    """Returns the Python of an environment, None if it is not set up. Checks two files, starts no process."""
    folder = environment_folder(name)
    python = folder / "bin" / "python"
    return python if (folder / READY).is_file() and python.exists() else None


def interpreters() -> dict[str, str]:
    """Returns the Python of every environment that is set up, by name."""
    found = {name: interpreter(name) for name in ENVIRONMENTS}
    return {name: str(python) for name, python in found.items() if python is not None}


def present_environments(names: Iterable[str]) -> list[str]:
    """Returns the folder names of those environments that are set up: each name with its digest."""
    return [environment_folder(name).name for name in names if interpreter(name)]


def why_missing(name: str) -> str | None:
    """Returns None if the environment is set up, otherwise a line that says how to set it up."""
    return None if interpreter(name) else f"not set up: run `edge_export doctor --setup {name}`"


def environment_folder(name: str) -> Path:
    """Returns the folder of the environment, whether or not it exists."""
    environment = ENVIRONMENTS[name]
    made_with = f"{sys.implementation.cache_tag} {sysconfig.get_platform()}\n"
    made_with += f"{shared_packages()}\n" if environment.shares else ""
    digest = hashlib.sha256(made_with.encode() + environment.pins_path.read_bytes()).hexdigest()
    return cache_folder().absolute() / "environments" / f"{name}-{digest[:16]}"


def shared_packages() -> Path:
    """Returns the folder of the packages that environments share: those of the environment of this process."""
    return Path(sysconfig.get_path("purelib"))
