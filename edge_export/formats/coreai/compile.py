"""A member as a Core AI program (`.aimodel`, a folder) for iOS 27, macOS 27 and later.

Inputs and outputs are float32 at every precision. With fp16 the program computes and stores its weights in float16.
With int8 it also computes in float16, and stores its weights in int8 (`weights.py`). The option `minimum_os` is the
version of iOS and macOS that the file needs.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_export.formats import FORMATS
from edge_export.formats.compiled import Compiled, reject_options, require_io, versions
from edge_export.formats.coreai import MINIMUM_OS
from edge_export.formats.coreai.normalize import number_constants, remove_date
from edge_export.formats.garbage import set_aside
from edge_export.formats.program import load_program, own_outputs
from edge_export.spec.tensors import IOSpec, TensorSpec

if TYPE_CHECKING:
    from torch.export import ExportedProgram

FUNCTION = "main"
_PROGRAM, _HASH = "main.mlirb", "main.hash"
_NOT_TESTED = "coreai-torch has only been validated"  # it compares torch's "2.13.0+cpu" with "2.13.0"


def compile(
    program: Path,
    io: IOSpec,
    precision: str,
    options: Mapping[str, object],
    workdir: Path,
    calibration: Path | None = None,
) -> Compiled:
    """Converts `program` and saves it as a normalized `.aimodel` in `workdir`.

    Raises:
        ValueError: The options are unknown, or the asset does not have the expected inputs and outputs.
    """
    from edge_export.formats.legalize.program import legalized
    from edge_export.formats.legalize.program import notes as rewritten

    schemes = FORMATS["coreai"].precisions[precision]
    scheme = str(options.get("scheme", schemes[0])) if schemes else ""
    reject_options(options, {"backend": ("aimodel",), "scheme": schemes or (scheme,), "minimum_os": MINIMUM_OS})
    taken, outcomes = legalized(load_program(program, io), "coreai")
    exported, notes = _at_precision(taken, io, precision, scheme)
    path = workdir / f"coreai-aimodel-{precision}.aimodel"
    with set_aside():
        _save(exported, io, str(options.get("minimum_os", MINIMUM_OS[0])), path)
    remove_date(path)
    require_io(io, *tensor_specs(summary_of(path)))
    return Compiled(path, io, versions("coreai-core", "coreai-torch", "torch"), rewritten(outcomes) + notes)


def _at_precision(
    exported: ExportedProgram, io: IOSpec, precision: str, scheme: str
) -> tuple[ExportedProgram, tuple[str, ...]]:
    """Returns the program at a precision, and notes for the user."""
    import torch

    from edge_export.formats.coreai.weights import compress
    from edge_export.formats.half import halve

    if precision == "fp32":
        return exported, ()
    network = exported.module(check_guards=False)
    with torch.no_grad():
        notes = compress(network, scheme) if precision == "int8" else ("inputs and outputs are float32",)
        return halve(network, io), notes


def _save(exported: ExportedProgram, io: IOSpec, minimum_os: str, path: Path) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", _NOT_TESTED)
        from coreai_torch import TorchConverter, get_decomp_table
    from coreai.authoring import OSVersion

    decomposed = exported.run_decompositions(get_decomp_table())
    own_outputs(decomposed)
    converter = TorchConverter(mode=TorchConverter.Mode.RELEASE)  # the other mode stores paths of source files
    converter.add_exported_program(
        decomposed,
        input_names=[spec.name for spec in io.inputs],
        output_names=[spec.name for spec in io.outputs],
        entrypoint_name=FUNCTION,
    )
    number_constants(converter.to_coreai()).save_asset(path, minimum_os=OSVersion(f"v{minimum_os}"))


def open_asset(path: Path) -> Any:
    """Returns the `AIModelAsset` in `path`.

    Raises:
        ValueError: Files are missing, or the program is not the one that its hash is of.
    """
    from coreai.authoring import AIModelAsset

    try:
        program, stated = (path / _PROGRAM).read_bytes(), (path / _HASH).read_bytes()
    except OSError as error:
        raise ValueError(f"{path.name} is incomplete: {error.strerror} of {Path(str(error.filename)).name}") from None
    if hashlib.sha256(program).digest() != stated:
        raise ValueError(f"{path.name} is damaged: {_PROGRAM} does not have the SHA-256 in {_HASH}")
    return AIModelAsset.load(path)


def summary_of(path: Path, *, statistics: bool = False) -> Any:
    """Reads the asset in `path` back. Returns the `AIModelAssetSummary` of its program, with counts if asked for.

    Raises:
        ValueError: It holds no program, or a damaged one.
    """
    summary = open_asset(path).summary(include_statistics=statistics)
    if summary is None or FUNCTION not in summary.function_names:
        raise ValueError(f"{path.name} holds no function {FUNCTION}")
    return summary


def tensor_specs(summary: Any) -> tuple[list[TensorSpec], list[TensorSpec]]:
    """Returns the inputs and outputs that a summary describes, such as "NDArray (Float32, 1 × 3 × 8 × 8)"."""

    def spec(name: str, described: str) -> TensorSpec:
        dtype, _, dimensions = described.removeprefix("NDArray (").removesuffix(")").partition(", ")
        shape = tuple(int(size) if size.isdecimal() else -1 for size in dimensions.split(" × ") if size)
        return TensorSpec(name, shape, dtype.lower())

    inputs = [spec(*described) for described in summary.function_inputs(FUNCTION)]
    return inputs, [spec(*described) for described in summary.function_outputs(FUNCTION)]
