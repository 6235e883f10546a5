"""A member as a TensorFlow Lite file of builtin operators, by ONNX and onnx2tf's own writer (no TensorFlow).

Images, which a member takes as NCHW, become NHWC: what Android apps have and LiteRT computes in. The option
`input_layout=NCHW` keeps them. Every other input and output keeps exactly the shape that it has in the member.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_export.formats.compiled import Compiled, reject_options, require_io, versions
from edge_export.formats.program import load_program
from edge_export.mothers.protocol import IOSpec, TensorSpec

if TYPE_CHECKING:
    from onnx import ModelProto
    from torch.export import ExportedProgram

OPSET = 18  # the lowest that torch's exporter writes without converting versions afterwards
SIGNATURE = "serving_default"
_AXES = "NCHW"


def compile(
    program: Path,
    io: IOSpec,
    precision: str,
    options: Mapping[str, object],
    workdir: Path,
    calibration: Path | None = None,
) -> Compiled:
    """Convert `program` and save it as `.tflite` in `workdir`.

    Raises:
        ValueError: The options are unknown, or the file's names, shapes or layouts differ from what they should be.
    """
    reject_options(options, {"backend": ("builtin",), "input_layout": ("NHWC", "NCHW")})
    layout = str(options.get("input_layout", "NHWC"))
    exported = load_program(program, io)
    own_io = replace(
        io,
        inputs=tuple(_in_layout(spec, layout) for spec in io.inputs),
        outputs=tuple(_in_layout(spec, layout) for spec in io.outputs),
    )
    model = _to_onnx(exported, io)
    _set_boundary(model, io, own_io)
    path = workdir / f"tflite-builtin-{precision}.tflite"
    path.write_bytes(_to_tflite(model, own_io, workdir))
    _reopen(path, io, own_io, exported)
    return Compiled(path, own_io, versions("onnx2tf", "onnx", "onnxscript", "torch"))


def _in_layout(spec: TensorSpec, layout: str) -> TensorSpec:
    if spec.layout != "NCHW" or layout == "NCHW":
        return spec
    return replace(spec, shape=tuple(spec.shape[_AXES.index(axis)] for axis in layout), layout=layout)


def _to_onnx(exported: ExportedProgram, io: IOSpec) -> ModelProto:
    import torch

    onnx_program = torch.onnx.export(
        exported,
        dynamo=True,  # takes the exported program as it is; the older exporter would trace it once more
        opset_version=OPSET,
        input_names=[spec.name for spec in io.inputs],
        output_names=[spec.name for spec in io.outputs],
        verbose=False,
    )
    assert onnx_program is not None
    model: ModelProto = onnx_program.model_proto
    return model


def _set_boundary(model: ModelProto, io: IOSpec, own_io: IOSpec) -> None:
    """Have `model` take and give `own_io`, by operators at each input or output that would come out otherwise.

    onnx2tf would transpose inputs and outputs by itself, guessing from their rank. Told to keep all inputs, and given
    the transposes as operators, it merges them into the layouts that it works in. It drops the last transpose before
    an output of rank 4 even so, unless something that has no layout stands behind: a squeeze and its inverse.
    """
    import numpy as np
    from onnx import helper, numpy_helper

    graph = model.graph
    for value, spec, own in zip(graph.input, io.inputs, own_io.inputs, strict=True):
        if spec.layout != own.layout:
            inner = _rename(graph, spec.name)
            graph.node.insert(0, helper.make_node("Transpose", [spec.name], [inner], perm=_permutation(own, spec)))
            _set_shape(value, own.shape)
    for value, spec, own in zip(graph.output, io.outputs, own_io.outputs, strict=True):
        if spec.layout != own.layout:
            inner = _rename(graph, spec.name)
            graph.node.append(helper.make_node("Transpose", [inner], [spec.name], perm=_permutation(spec, own)))
            _set_shape(value, own.shape)
        elif len(spec.shape) == 4:
            inner = _rename(graph, spec.name)
            axis = f"{inner}_axis"
            graph.initializer.append(numpy_helper.from_array(np.array([0]), axis))
            graph.node.append(helper.make_node("Squeeze", [inner, axis], [f"{inner}_squeezed"]))
            graph.node.append(helper.make_node("Unsqueeze", [f"{inner}_squeezed", axis], [spec.name]))


def _rename(graph: Any, name: str) -> str:
    """Rename a value wherever operators use it; the graph's own inputs and outputs keep the name."""
    inner = f"boundary/{name}"  # no input or output can have such a name
    for node in graph.node:
        node.input[:] = [inner if used == name else used for used in node.input]
        node.output[:] = [inner if made == name else made for made in node.output]
    return inner


def _permutation(source: TensorSpec, target: TensorSpec) -> list[int]:
    return [source.layout.index(axis) for axis in target.layout]


def _set_shape(value: Any, shape: tuple[int, ...]) -> None:
    for dimension, size in zip(value.type.tensor_type.shape.dim, shape, strict=True):
        dimension.dim_value = size


def _to_tflite(model: ModelProto, io: IOSpec, workdir: Path) -> bytes:
    import onnx2tf

    with tempfile.TemporaryDirectory(dir=workdir, prefix="onnx2tf-") as folder:  # it leaves six files there
        onnx2tf.convert(
            onnx_graph=model,
            output_folder_path=folder,
            tflite_backend="flatbuffer_direct",
            keep_shape_absolutely_input_names=[spec.name for spec in io.inputs],
            copy_onnx_input_output_names_to_tflite=True,
            output_signaturedefs=True,
            non_verbose=True,
            verbosity="error",
        )
        (written,) = Path(folder).glob("*_float32.tflite")
        return written.read_bytes()


def _reopen(path: Path, io: IOSpec, own_io: IOSpec, exported: ExportedProgram) -> None:
    """Load the file and run it once, because equal sizes can hide a wrong layout or two swapped outputs."""
    import numpy as np
    import torch
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    require_io(own_io, *tensor_specs(interpreter, own_io))
    rng = np.random.default_rng(0)
    inputs = [
        rng.standard_normal(spec.shape, np.float32) if spec.dtype == "float32" else np.zeros(spec.shape, spec.dtype)
        for spec in io.inputs
    ]
    with torch.inference_mode():
        expected = exported.module()(*map(torch.from_numpy, inputs))
    expected = [expected] if isinstance(expected, torch.Tensor) else list(expected)
    runner = interpreter.get_signature_runner(SIGNATURE)
    actual = runner(
        **{own.name: _moved(x, spec, own) for x, spec, own in zip(inputs, io.inputs, own_io.inputs, strict=True)}
    )
    for spec, own, value in zip(io.outputs, own_io.outputs, expected, strict=True):
        wanted = _moved(value.numpy(), spec, own).astype(np.float64)
        finite = np.isfinite(wanted)
        error = np.abs(actual[own.name] - wanted)[finite].max(initial=0)
        # Loose: numbers are verified on real input later; this is about which number stands where.
        if not error <= 0.01 * max(1e-3, np.abs(wanted[finite]).max(initial=0)):
            raise ValueError(f"output {own.name} differs from the network by {error:.3g} on a random input")


def _moved(array: Any, source: TensorSpec, target: TensorSpec) -> Any:
    import numpy as np

    if source.layout == target.layout:
        return array
    return np.ascontiguousarray(array.transpose(_permutation(source, target)))


def tensor_specs(interpreter: Any, io: IOSpec) -> tuple[list[TensorSpec], list[TensorSpec]]:
    """The inputs and outputs of the file's signature, in the order of `io`; those that `io` lacks come last."""
    import numpy as np

    runner = interpreter.get_signature_runner(SIGNATURE)

    def specs(details: Mapping[str, Any], stated: tuple[TensorSpec, ...]) -> list[TensorSpec]:
        order = [spec.name for spec in stated if spec.name in details]
        order += [name for name in details if name not in order]
        return [
            TensorSpec(name, tuple(map(int, details[name]["shape"])), np.dtype(details[name]["dtype"]).name)
            for name in order
        ]

    return specs(runner.get_input_details(), io.inputs), specs(runner.get_output_details(), io.outputs)
