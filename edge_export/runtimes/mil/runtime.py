"""The runtime that evaluates shipped Core ML programs (`.mlpackage`) on any machine.

It proves the program and its weights: every operator and constant of the package, with each tensor rounded to the type
that the program declares. It proves nothing about Apple's own kernels: the order of their sums, the rounding of the
Neural Engine, the fusions of a compute unit.
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
    """Returns None if the runtime works here, otherwise the reason. It needs coremltools' protobuf classes."""
    return None if find_spec("coremltools") else "coremltools is not installed"


def version() -> str:
    return edge_export.__version__


def unsupported(path: Path) -> list[str]:
    """Returns the operators, then the tensor types, of the package at `path` that are not evaluated.

    Raises ValueError if the package cannot be read.
    """
    from edge_export.runtimes.mil.package import open_package
    from edge_export.runtimes.mil.program import not_evaluated

    return not_evaluated(open_package(path))


def by_documentation(path: Path) -> list[str]:
    """Returns the operators of the package at `path` whose semantics rest on their documentation only.

    Raises ValueError if the package cannot be read.
    """
    from edge_export.runtimes.mil import semantics
    from edge_export.runtimes.mil.package import open_package

    return semantics.by_documentation(open_package(path))


def load(path: Path, io: IOSpec, threads: int = 1) -> Run:
    """Reads the package at `path` and prepares its program. Matrix products run on `threads` threads of this process.

    Raises:
        ValueError: The package is broken, its inputs and outputs differ from `io`, or an operator is not evaluated.
    """
    from threadpoolctl import threadpool_limits

    from edge_export.runtimes.mil.package import as_output, open_package
    from edge_export.runtimes.mil.program import load_program

    package = open_package(path)
    require_io(io, *tensor_specs(package.spec))
    program = load_program(package)
    if missing := {spec.name for spec in io.inputs} ^ program.inputs.keys():
        raise ValueError(f"the program and its description differ in the inputs {', '.join(sorted(missing))}")
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
