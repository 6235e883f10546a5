"""ExecuTorch's own Python runtime, for `.pte` files.

A program stores no names. Its inputs and outputs are those of the artifact's io, in order.
"""

from __future__ import annotations

from importlib.metadata import version as installed_version
from importlib.util import find_spec
from pathlib import Path

from edge_export.files.arrays import Array
from edge_export.formats.compiled import require_io
from edge_export.formats.executorch.library import bindings
from edge_export.formats.executorch.opened import tensor_specs
from edge_export.spec.arrays import Run, check_inputs, check_outputs
from edge_export.spec.tensors import IOSpec


def available() -> str | None:
    """Returns None if it can run on this machine, otherwise the reason why not."""
    return None if find_spec("executorch") else "executorch is not installed"


def version() -> str:
    return installed_version("executorch")


def load(path: Path, io: IOSpec, threads: int = 1) -> Run:
    """Loads the program in `path`, after verifying its flatbuffer, to run on `threads` threads.

    Raises:
        ValueError: Its inputs and outputs are not those of `io`.
        RuntimeError: ExecuTorch rejects the file. A damaged one may also crash this process, so load it in a worker.
    """
    import torch

    library = bindings()
    library._unsafe_reset_threadpool(threads)
    program = library._load_program(str(path), program_verification=library.Verification.InternalConsistency)
    require_io(io, *tensor_specs(program.method_meta("forward")), named=False)
    method = program.load_method("forward")

    def run(inputs: dict[str, Array]) -> dict[str, Array]:
        check_inputs(io, inputs)
        # torch.tensor copies. A slice of a larger array has strides that ExecuTorch reads as another order of axes.
        tensors = [torch.tensor(inputs[spec.name]) for spec in io.inputs]
        values = method(tensors)
        outputs = {spec.name: value.numpy() for spec, value in zip(io.outputs, values, strict=True)}
        check_outputs(io, outputs)
        return outputs

    return run
