"""The ways from a network to a file: a literal table of the plain converters that ours stand beside.

Each plain converter gets the exported network as it is, by the call that its documentation shows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cases import Network

OURS = "edge_export"


@dataclass(frozen=True)
class Way:
    """One plain converter.

    Attributes:
        format: What it makes.
        convert: Writes the file of a network.
        suffix: Of the file.
        packages: Whose versions the file depends on.
        environment: The isolated environment that it runs in; empty: that of this package.
    """

    format: str
    convert: Callable[[Network, Path], None]
    suffix: str
    packages: tuple[str, ...]
    environment: str = ""


def _executorch(network: Network, path: Path) -> None:
    from benchmarks.contestants import by_executorch

    by_executorch(network, path)


def _onnx2tf(network: Network, path: Path) -> None:
    from benchmarks.contestants import by_onnx2tf

    by_onnx2tf(network, path)


def _litert_torch(network: Network, path: Path) -> None:
    import litert_torch

    litert_torch.convert(network.module, network.inputs).export(str(path))


def _coremltools(network: Network, path: Path) -> None:
    from edge_export.baking.export import export_program

    _save_coreml(export_program(network.module, network.inputs).run_decompositions({}), path)


def _coremltools_traced(network: Network, path: Path) -> None:
    import coremltools as ct
    import numpy as np
    import torch

    with torch.no_grad():
        traced = torch.jit.trace(network.module, network.inputs, check_trace=False)
    types = [np.int32 if tensor.dtype in (torch.int64, torch.bool) else np.float32 for tensor in network.inputs]
    given = [
        ct.TensorType(name=name, shape=tuple(tensor.shape), dtype=dtype)
        for name, tensor, dtype in zip(network.input_names, network.inputs, types, strict=True)
    ]
    _save_coreml(traced, path, inputs=given)


def _save_coreml(program: object, path: Path, **options: object) -> None:
    import coremltools as ct

    model = ct.convert(
        program,
        convert_to="mlprogram",
        minimum_deployment_target=ct.target.iOS17,
        compute_precision=ct.precision.FLOAT32,
        skip_model_load=True,  # loading it needs macOS
        **options,
    )
    model.save(str(path))


_TFLITE = ("torch", "onnx", "onnxscript", "onnx2tf")
WAYS: dict[str, Way] = {
    "ExecuTorch XNNPACK": Way("executorch", _executorch, ".pte", ("torch", "executorch")),
    "coremltools": Way("coreml", _coremltools, ".mlpackage", ("torch", "coremltools")),
    "coremltools, traced": Way("coreml", _coremltools_traced, ".mlpackage", ("torch", "coremltools")),
    "onnx2tf": Way("tflite", _onnx2tf, ".tflite", _TFLITE),
    "litert-torch": Way("tflite", _litert_torch, ".tflite", ("torch",), "litert-torch"),
}
