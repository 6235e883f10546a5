"""Lower a program to ExecuTorch's Core ML delegate.

The delegate holds a Core ML program as an `.mlpackage`, flattened to bytes (`flattened.py`), and how to load it. Here
the package is normalized, and named by its content: ExecuTorch keeps what the device compiled by that name. What only
profilers read is left out; it is a third of a separator's file.
"""

from __future__ import annotations

import hashlib
import json
import logging
import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_export.formats.coreml.library import coremltools
from edge_export.formats.coreml.normalize import normalize
from edge_export.formats.executorch.flattened import flattened, unflattened
from edge_export.formats.garbage import set_aside

if TYPE_CHECKING:
    from torch.export import ExportedProgram

PACKAGE, METADATA = "model.mlpackage", "metadata.json"
"""A folder and a file in what a payload holds: the Core ML program, and the names of its inputs and outputs."""
COMPUTE_UNITS = ("all", "cpu_only", "cpu_and_gpu", "cpu_and_ne")
"""The values of the option `compute_units`: what the device may run it on."""
MINIMUM_OS = ("17", "18")
"""The values of the option `minimum_os`: the version of iOS that the file needs."""
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://docs.pytorch.org/executorch/backends/coreml")
_LOGGER = "executorch.backends.apple.coreml.compiler.coreml_preprocess"


def lower(exported: ExportedProgram, precision: str, options: Mapping[str, object]) -> bytes:
    """Lowers `exported` and returns the bytes of its `.pte` file.

    Raises:
        ValueError: It has a recurrent layer of many steps.
    """
    refuse_long_sequences(exported)
    from executorch.backends.apple.coreml.compiler import CoreMLBackend
    from executorch.backends.apple.coreml.partition import CoreMLPartitioner
    from executorch.exir import to_edge_transform_and_lower
    from executorch.exir.lowered_backend_module import get_lowered_submodules

    ct = coremltools()
    logging.getLogger(_LOGGER).setLevel(logging.ERROR)  # its warning has a name that differs in each build
    specs = CoreMLBackend.generate_compile_specs(
        compute_unit=ct.ComputeUnit[str(options.get("compute_units", COMPUTE_UNITS[0])).upper()],
        minimum_deployment_target=ct.target[f"iOS{options.get('minimum_os', MINIMUM_OS[0])}"],
        compute_precision=ct.precision.FLOAT32 if precision == "fp32" else ct.precision.FLOAT16,
    )
    partitioner = CoreMLPartitioner(compile_specs=specs)
    with set_aside():
        exported = exported.run_decompositions({})
        edge = to_edge_transform_and_lower(exported, partitioner=[partitioner])
        for _, delegate, _ in get_lowered_submodules(edge.exported_program().graph_module):
            delegate._processed_bytes = _normalized(delegate.processed_bytes)
        return bytes(edge.to_executorch().buffer)


def refuse_long_sequences(exported: ExportedProgram) -> None:
    """Raises ValueError for a recurrent layer that is left as it is: ExecuTorch would write out each of its steps."""
    from edge_export.formats.legalize.recurrent import LAYERS, LIMITS

    for node in exported.graph.nodes:
        if node.target in LAYERS:
            shape, batch_first = node.args[0].meta["val"].shape, node.args[-1]
            raise ValueError(
                f"{node.target._opname} of {shape[int(batch_first)]} steps and {node.args[4]} layers: ExecuTorch "
                f"writes out each step for Core ML, at most {LIMITS['coreml'].written_out} over all layers: give "
                "it fewer steps a call, with its state as an input and an output, or use the format coreml"
            )


def _normalized(payload: bytes) -> bytes:
    """Returns a payload with a normalized package and a name made of its content, without what only profilers read."""
    files = unflattened(payload)
    metadata = json.loads(files[METADATA])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        package = write_package(files, folder)
        normalize(package)
        kept = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(package.rglob("*"))
            if path.is_file()
        }
    digest = hashlib.sha256()
    for path, content in kept.items():
        digest.update(f"{path} {hashlib.sha256(content).hexdigest()}\n".encode())
    metadata["identifier"] = f"executorch_{uuid.uuid5(_NAMESPACE, digest.hexdigest())}"
    return flattened({**kept, METADATA: json.dumps(metadata, sort_keys=True).encode()})


def write_package(files: Mapping[str, bytes], folder: Path) -> Path:
    """Writes the package in an unflattened payload to `folder`. Returns its path.

    Raises:
        ValueError: The payload holds none.
    """
    inside = {path: content for path, content in files.items() if path.startswith(f"{PACKAGE}/")}
    if not inside:
        raise ValueError(f"a Core ML delegate's payload holds no {PACKAGE}")
    for path, content in inside.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder / PACKAGE


def names_of(files: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Returns the names of inputs and outputs of the Core ML program in an unflattened payload, in its call's order.

    Raises:
        ValueError: The payload does not state them.
    """
    try:
        metadata = json.loads(files[METADATA])
        inputs, outputs = metadata["inputNames"], metadata["outputNames"]
    except (KeyError, TypeError, ValueError, RecursionError):
        raise ValueError(
            f"a Core ML delegate's payload has no {METADATA} with the names of inputs and outputs"
        ) from None
    for names in (inputs, outputs):
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValueError(f"{METADATA} in a Core ML delegate's payload has names that are no text")
    return inputs, outputs
