"""TensorFlow's own interpreter for `.tflite` files, with its XNNPACK delegate, in the environment `tensorflow`."""

from __future__ import annotations

from importlib.metadata import version as installed_version
from pathlib import Path

from edge_export.formats.tflite.litert import run_signature
from edge_export.spec.arrays import Run
from edge_export.spec.tensors import IOSpec
from edge_export.workers.environments import why_missing


def available() -> str | None:
    """None when its environment is set up, or the command that does it."""
    return why_missing("tensorflow")


def version() -> str:
    """The version in the environment; only its own processes know."""
    return installed_version("tensorflow")


def load(path: Path, io: IOSpec, threads: int = 1) -> Run:
    """Load the file in `path` to run on `threads` threads; only in the environment.

    Raises:
        ValueError: TensorFlow refuses the file, or its inputs and outputs are not those of `io`. A broken file may also
            crash this process: load it in a worker.
        RuntimeError: An operator cannot be prepared.
    """
    import tensorflow as tf

    return run_signature(tf.lite.Interpreter(str(path), num_threads=threads), io)
