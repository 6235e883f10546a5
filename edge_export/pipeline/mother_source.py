"""Order members from a worker process: this side of it imports no PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_export.errors import RequestError
from edge_export.files.hashing import file_sha256
from edge_export.mothers.catalog import CATALOG
from edge_export.workers import WorkerError, Workers

# What the tasks leave in their folders.
INPUTS, HELD_OUT, EXTREMES = "inputs.safetensors", "held_out.safetensors", "extremes.safetensors"
GOLDEN = "golden.safetensors"

KIND = "mother"
TIMEOUT_S = 1800.0


@dataclass(frozen=True)
class MotherSource:
    """Where a mother and its recorded data come from.

    Attributes:
        spec: A catalog name or `package.module:factory`.
        checkpoint: A file of weights; None: the mother's own.
        goldens: A folder of recordings; None: the mother's own.
        folder: Where a factory's module may lie.
    """

    spec: str
    checkpoint: Path | None
    goldens: Path | None
    folder: Path

    @property
    def weights(self) -> Path | None:
        """The file that the weights come from; None for a factory that makes its own."""
        shipped = CATALOG[self.spec].checkpoint_path if self.spec in CATALOG else None
        return self.checkpoint or shipped

    def args(self) -> dict[str, Any]:
        """What the tasks take."""
        return {
            "mother": self.spec,
            "checkpoint": None if self.checkpoint is None else str(self.checkpoint.absolute()),
            "goldens": None if self.goldens is None else str(self.goldens.absolute()),
            "folder": str(self.folder),
        }

    def identity(self) -> dict[str, Any] | None:
        """All that decides what the mother and its data are; None for a factory, whose code can't be known."""
        weights = self.weights
        if self.spec not in CATALOG or weights is None:
            return None
        try:
            files = [] if self.goldens is None else sorted(p for p in self.goldens.iterdir() if p.is_file())
            goldens = None if self.goldens is None else [[p.name, file_sha256(p)] for p in files]
            return {"spec": self.spec, "weights": file_sha256(weights), "goldens": goldens}
        except OSError:
            return None  # whoever opens it says what is wrong


@dataclass(frozen=True)
class RecordedFiles:
    """The recorded data that members are proven on; see `tasks.py`."""

    inputs: Path
    held_out: Path | None
    extremes: Path

    def args(self) -> dict[str, str | None]:
        """What the task "prepare" takes."""
        return {
            "inputs": str(self.inputs.absolute()),
            "held_out": None if self.held_out is None else str(self.held_out.absolute()),
            "extremes": str(self.extremes.absolute()),
        }


def order(
    pool: Workers, task: str, source: MotherSource, args: Mapping[str, Any], workdir: Path, log: Path
) -> dict[str, Any]:
    """Have a worker do "open" or "prepare" (see `tasks.py`), which leaves its files in `workdir`.

    Raises:
        RequestError: The request was wrong, or the worker died of it.
    """
    workdir.mkdir(parents=True, exist_ok=True)
    arguments = {**source.args(), **args, "workdir": str(workdir.absolute())}
    try:
        return pool.submit(task, arguments, kind=KIND, timeout_s=TIMEOUT_S, log=log).result()
    except WorkerError as error:
        raise RequestError(error.request or f"mother {source.spec}: {error}; the log is {log}") from error
