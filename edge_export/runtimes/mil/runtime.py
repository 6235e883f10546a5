"""Core ML programs (`.mlpackage`) evaluated on any machine, from the files that are shipped.

It proves the program and its weights: every operator and constant as they stand in the package, each tensor rounded to
the type that the program declares. It says nothing about Apple's own kernels: the order of their sums, what the Neural
Engine rounds, what a compute unit fuses.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import edge_export
from edge_export.files.arrays import Array
from edge_export.formats.compiled import require_io
from edge_export.formats.coreml.compile import tensor_specs
from edge_export.spec.arrays import Run, check_inputs, check_outputs
from edge_export.spec.tensors import IOSpec


def available() -> str | None:
    """None when it can run here, or why not: coremltools' protobuf classes read the files."""
    return None if find_spec("coremltools") else "coremltools is not installed"


def version() -> str:
    return edge_export.__version__


def unsupported(path: Path) -> list[str]:
    """What is in the package at `path` and not evaluated, operators first; ValueError if it cannot be read."""
    from edge_export.runtimes.mil.package import open_package
    from edge_export.runtimes.mil.program import not_evaluated

    return not_evaluated(open_package(path))


def load(path: Path, io: IOSpec, threads: int = 1) -> Run:
    """Read the package at `path` and prepare its program; matrix products run on `threads` threads of this process.

    Raises:
        ValueError: It is broken, its inputs and outputs are not those of `io`, or an operator is not evaluated.
    """
    from threadpoolctl import threadpool_limits

    from edge_export.runtimes.mil.package import as_output, open_package
    from edge_export.runtimes.mil.program import load_program

    package = open_package(path)
    require_io(io, *tensor_specs(package.spec))
    program = load_program(package)
    if missing := {spec.name for spec in io.inputs} ^ program.inputs.keys():
        raise ValueError(f"the program and its description do not have the same inputs: {', '.join(sorted(missing))}")
    if missing := {spec.name for spec in io.outputs} - program.outputs.keys():
        raise ValueError(f"the program has no output {', '.join(sorted(missing))}")
    threadpool_limits(threads)

    def run(inputs: dict[str, Array]) -> dict[str, Array]:
        check_inputs(io, inputs)
        values = program(inputs)
        outputs = {spec.name: as_output(values[spec.name], spec.dtype) for spec in io.outputs}
        check_outputs(io, outputs)
        return outputs

    return run
