"""The runtime of shipped `.pte` files with Core ML delegates, on any machine.

The file is read back, as a phone would. Each delegate's Core ML program is taken out of it and evaluated as an
`.mlpackage` is; what the program leaves outside of them is computed by PyTorch, operator by operator, in its order.
It proves what the evaluator proves (`runtimes/mil/runtime.py`), and how ExecuTorch passes values between the parts.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np

import edge_export
from edge_export.files.arrays import Array
from edge_export.formats.executorch.opened import open_program, verify
from edge_export.spec.arrays import Run, check_inputs, check_outputs
from edge_export.spec.tensors import IOSpec


def available() -> str | None:
    """Returns None if the runtime works here, otherwise the reason."""
    missing = [name for name in ("executorch", "coremltools") if find_spec(name) is None]
    return f"{' and '.join(missing)} not installed" if missing else None


def version() -> str:
    return edge_export.__version__


def unsupported(path: Path) -> list[str]:
    """Returns the instructions and the Core ML operators of the program in `path` that are not run here.

    Raises:
        ValueError: The program is damaged.
    """
    from edge_export.runtimes.pte.steps import not_run

    return not_run(open_program(path))


def by_documentation(path: Path) -> list[str]:
    """Returns the Core ML operators of the program in `path` whose semantics rest on their documentation only.

    Raises:
        ValueError: The program is damaged.
    """
    from edge_export.runtimes.pte.steps import by_documentation

    return by_documentation(open_program(path))


def load(path: Path, io: IOSpec, threads: int = 1) -> Run:
    """Reads the program in `path`, after verifying its flatbuffer. Core ML programs run on `threads` threads.

    Raises:
        ValueError: Its inputs and outputs are not those of `io`, or it is damaged.
        RuntimeError: ExecuTorch rejects the file. A damaged one may also crash this process, so load it in a worker.
    """
    from edge_export.runtimes.pte.steps import constants, step_of

    verify(path, io)
    program = open_program(path)
    kept = constants(program)
    steps = [step_of(program, call, threads) for call in program.calls]

    def run(inputs: dict[str, Array]) -> dict[str, Array]:
        check_inputs(io, inputs)
        values = dict(kept)
        for index, spec in zip(program.plan.inputs, io.inputs, strict=True):
            values[index] = inputs[spec.name]
        for step in steps:
            step(values)
        outputs = {
            spec.name: np.array(values[index], dtype=spec.dtype, order="C")
            for index, spec in zip(program.plan.outputs, io.outputs, strict=True)
        }
        check_outputs(io, outputs)
        return outputs

    return run
