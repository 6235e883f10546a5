"""Who takes part: a literal table, and how each of them makes its file."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.cases import Built, Network
from edge_export.baking.export import export_program
from edge_export.formats import FORMATS
from edge_export.spec.lazy import resolve

LITERT_TORCH_SCRIPT = Path(__file__).with_name("litert_torch_convert.py")
OPSET = 18


@dataclass(frozen=True)
class Contestant:
    """One way from a network to a running program.

    Attributes:
        label: For tables.
        ours: Given the baked network; otherwise the plain modules.
        runtime: See `runners.py`.
        suffix: Of its file; "" if it runs in PyTorch, without one.
        convert: Writes the file; the last argument is the Python of litert-torch's environment.
        packages: Whose versions its file depends on.
    """

    label: str
    ours: bool
    runtime: str
    suffix: str = ""
    convert: Callable[[Built, Path, str], None] | None = None
    packages: tuple[str, ...] = ("torch",)


def _by_format(name: str, built: Built, path: Path, stage: str = "") -> None:
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "program.pt2"
        torch.export.save(export_program(built.ours.module, built.ours.inputs), program)
        options = {"backend": FORMATS[name].backends[0]}
        compiled = resolve(FORMATS[name].compile)(program, built.io, "fp32", options, Path(folder))
        shutil.copyfile(compiled.stages[stage] if stage else compiled.path, path)


def by_executorch(network: Network, path: Path) -> None:
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    program = export_program(network.module, network.inputs)
    edge = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()])
    path.write_bytes(edge.to_executorch().buffer)


def _onnx(network: Network, path: Path, dynamo: bool) -> None:
    names: dict[str, Any] = {"input_names": list(network.input_names), "output_names": list(network.output_names)}
    if dynamo:
        program = export_program(network.module, network.inputs)
        exported = torch.onnx.export(program, dynamo=True, opset_version=OPSET, verbose=False, **names)
        assert exported is not None
        exported.save(path)
    else:
        with torch.no_grad():
            torch.onnx.export(network.module, network.inputs, path, dynamo=False, opset_version=17, **names)


def by_onnx2tf(network: Network, path: Path) -> None:
    import onnx2tf

    with tempfile.TemporaryDirectory() as folder:
        onnx = Path(folder) / "model.onnx"
        _onnx(network, onnx, dynamo=True)
        onnx2tf.convert(
            input_onnx_file_path=str(onnx),
            output_folder_path=folder,
            tflite_backend="flatbuffer_direct",
            # State is no image: without this, onnx2tf reads axes of 3 and 4 as channels and moves them.
            keep_shape_absolutely_input_names=[n for n in network.input_names if n != "image"],
            copy_onnx_input_output_names_to_tflite=True,
            output_signaturedefs=True,
            non_verbose=True,
            verbosity="error",
        )
        (written,) = Path(folder).glob("*_float32.tflite")
        shutil.copyfile(written, path)


def by_litert_torch(network: Network, path: Path, python: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "program.pt2"
        torch.export.save(export_program(network.module, network.inputs), program)
        done = subprocess.run([python, LITERT_TORCH_SCRIPT, program, path], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])


_LITERT = ("torch", "onnx", "onnxscript", "onnx2tf")

CONTESTANTS: dict[str, Contestant] = {
    "ours-executorch": Contestant(
        "edge_export, ExecuTorch",
        True,
        "executorch",
        ".pte",
        lambda built, path, _: _by_format("executorch", built, path),
        ("torch", "executorch"),
    ),
    "executorch": Contestant(
        "ExecuTorch XNNPACK",
        False,
        "executorch",
        ".pte",
        lambda built, path, _: by_executorch(built.plain, path),
        ("torch", "executorch"),
    ),
    "ours-tflite": Contestant(
        "edge_export, TFLite",
        True,
        "litert",
        ".tflite",
        lambda built, path, _: _by_format("tflite", built, path),
        _LITERT,
    ),
    "onnx2tf": Contestant(
        "onnx2tf", False, "litert", ".tflite", lambda built, path, _: by_onnx2tf(built.plain, path), _LITERT
    ),
    "litert-torch": Contestant(
        "litert-torch",
        False,
        "litert",
        ".tflite",
        lambda built, path, python: by_litert_torch(built.plain, path, python),
    ),
    "ours-onnx": Contestant(
        "edge_export, its ONNX",
        True,
        "onnxruntime",
        ".onnx",
        lambda built, path, _: _by_format("tflite", built, path, "onnx"),
        _LITERT,
    ),
    "onnx-dynamo": Contestant(
        "torch.onnx (dynamo)",
        False,
        "onnxruntime",
        ".onnx",
        lambda built, path, _: _onnx(built.plain, path, dynamo=True),
        ("torch", "onnx", "onnxscript"),
    ),
    "onnx-torchscript": Contestant(
        "torch.onnx (TorchScript)",
        False,
        "onnxruntime",
        ".onnx",
        lambda built, path, _: _onnx(built.plain, path, dynamo=False),
        ("torch", "onnx"),
    ),
    "eager": Contestant("PyTorch eager", False, "eager"),
    "compile": Contestant("torch.compile", False, "compile"),
}
