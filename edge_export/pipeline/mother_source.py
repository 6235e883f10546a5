"""Describes where a mother and its recorded data come from, and submits worker tasks that need them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge_export.errors import RequestError
from edge_export.files.hashing import file_sha256
from edge_export.mothers.catalog import CATALOG
from edge_export.workers import WorkerError, Workers
from edge_export.workers.task import InputPath, Message, StayingPath, WorkerTask

KIND = "mother"
TIMEOUT_S = 1800.0


class MotherSource(Message):
    """The source of a mother.

    Attributes:
        spec: A catalog name or `package.module:factory`.
        checkpoint: A file of weights. None: the mother's own.
        goldens: A folder of recordings. None: the mother's own.
        folder: A folder from which a factory's Python module may be imported.
    """

    spec: str
    checkpoint: InputPath | None = None
    goldens: InputPath | None = None
    folder: StayingPath

    @property
    def weights(self) -> Path | None:
        """The file of the weights. None: the factory makes the weights."""
        shipped = CATALOG[self.spec].checkpoint_path if self.spec in CATALOG else None
        return self.checkpoint or shipped

    def identity(self) -> dict[str, Any] | None:
        """Returns all values that determine the mother and its data. None: a factory, whose code is not known."""
        weights = self.weights
        if self.spec not in CATALOG or weights is None:
            return None
        try:
            files = [] if self.goldens is None else sorted(p for p in self.goldens.iterdir() if p.is_file())
            goldens = None if self.goldens is None else [[p.name, file_sha256(p)] for p in files]
            return {"spec": self.spec, "weights": file_sha256(weights), "goldens": goldens}
        except OSError:
            return None  # opening it raises an error that says what is wrong


class RecordedFiles(Message):
    """The recorded data that members are proven on: safetensors files that the worker task "open" wrote."""

    inputs: InputPath
    held_out: InputPath | None
    extremes: InputPath


def submit_for_mother[Request: Message, Answer](
    workers: Workers, task: WorkerTask[Request, Answer], request: Request, source: MotherSource, log: Path
) -> Answer:
    """Runs a worker task that opens the mother, and waits for its answer.

    Raises:
        RequestError: The request was wrong, or the worker crashed.
    """
    try:
        return workers.submit(task, request, kind=KIND, timeout_s=TIMEOUT_S, log=log).result()
    except WorkerError as error:
        raise RequestError(error.request or f"mother {source.spec}: {error}; the log is {log}") from error
