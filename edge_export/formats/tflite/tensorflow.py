"""TensorFlow's own interpreter for `.tflite` files, with its XNNPACK delegate, in the environment `tensorflow`."""

from __future__ import annotations

from importlib.metadata import version as installed_version
from pathlib import Path

from edge_export.formats.tflite.litert import run_signature
from edge_export.spec.arrays import Run
from edge_export.spec.tensors import IOSpec
from edge_export.workers.environments import why_missing


def available() -> str | None:
    """Returns None if its environment is set up, otherwise a line with the command that sets it up."""
    return why_missing("tensorflow")


def version() -> str:
    """Returns the version in the environment. Works only in a process of that environment."""
    return installed_version("tensorflow")


def load(path: Path, io: IOSpec, threads: int = 1) -> Run:
    """Loads the file in `path` to run on `threads` threads. Works only in a process of the environment.

    Raises:
        ValueError: TensorFlow rejects the file, or its inputs and outputs are not those of `io`. A damaged file may
            also crash this process, so load it in a worker.
        RuntimeError: An operator cannot be prepared.
    """
    import tensorflow as tf

    return run_signature(tf.lite.Interpreter(str(path), num_threads=threads), io)
