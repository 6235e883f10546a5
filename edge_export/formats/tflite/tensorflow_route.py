"""A member as a TensorFlow Lite file by TensorFlow: onnx2tf's TensorFlow backend, then TensorFlow's own converter.

Slower and larger than the direct route, but it knows layers that that one doesn't. TensorFlow lives in an environment
of its own, so that the way has three steps, one worker task each. All take what "compile" takes; `routes.py` submits
them in turn:

    program ─ write_onnx ─> workdir/ONNX ─ convert_onnx, in the environment ─> workdir/CONVERTED ─ compile ─> artifact

The last one is the format's own: it goes on with CONVERTED where the direct route would have made such a file itself.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_export.formats.compile_task import CompileRequest
from edge_export.formats.compiled import versions
from edge_export.spec.tensors import IOSpec, TensorSpec
from edge_export.workers.task import Message, WorkerTask

if TYPE_CHECKING:
    from onnx import ModelProto

ONNX = "for_tensorflow.onnx"
CONVERTED = "by_tensorflow.tflite"


class NotConverted(ValueError):
    """The direct route made no file of this network, or a wrong one: TensorFlow may make a right one."""


class WriteOnnxAnswer(Message):
    """How long it took."""

    seconds: float


class ConvertOnnxAnswer(Message):
    """The versions of what made the file, and how long it took."""

    tools: dict[str, str]
    seconds: float


def write_onnx(request: CompileRequest) -> WriteOnnxAnswer:
    """The task "write_onnx": the member as ONNX, in its own names and layouts."""
    from edge_export.formats.program import load_program
    from edge_export.formats.tflite.compile import to_onnx

    start = time.perf_counter()
    model = to_onnx(load_program(request.program, request.io), request.io)
    (request.workdir / ONNX).write_bytes(model.SerializeToString(deterministic=True))
    return WriteOnnxAnswer(seconds=time.perf_counter() - start)


def convert_onnx(request: CompileRequest) -> ConvertOnnxAnswer:
    """The task "convert_onnx", for TensorFlow's environment: from the ONNX model to a float32 file with its io."""
    import onnx

    from edge_export.formats.tflite.compile import artifact_io

    start, io = time.perf_counter(), request.io
    own_io = artifact_io(io, request.options)
    content = _name_boundary(_convert(onnx.load(request.workdir / ONNX), io, own_io), own_io)
    (request.workdir / CONVERTED).write_bytes(content)
    return ConvertOnnxAnswer(tools=versions("onnx2tf", "tensorflow"), seconds=time.perf_counter() - start)


WRITE_ONNX = WorkerTask("write_onnx", CompileRequest, WriteOnnxAnswer, write_onnx)
CONVERT_ONNX = WorkerTask("convert_onnx", CompileRequest, ConvertOnnxAnswer, convert_onnx)


def read_converted(workdir: Path) -> bytes:
    """What `convert_onnx` has left in `workdir`; ValueError when nothing."""
    path = workdir / CONVERTED
    if not path.is_file():
        raise ValueError(f"{path} is missing: this route begins in `compile_in_worker`")
    return path.read_bytes()


def _convert(model: ModelProto, io: IOSpec, own_io: IOSpec) -> bytes:
    """A file whose signature calls inputs and outputs `input_0`, `output_0` and so on, in the layouts of `own_io`."""
    import onnx2tf
    import tensorflow as tf
    import tf_keras

    tf_keras.backend.clear_session()  # layers are numbered in their names: the same bytes, whatever came before
    with tempfile.TemporaryDirectory(prefix="onnx2tf-") as folder:
        network = onnx2tf.convert(
            onnx_graph=model,
            output_folder_path=folder,
            tflite_backend="tf_converter",
            # It makes images NHWC by itself, and would do the same to anything else of three axes or more.
            keep_shape_absolutely_input_names=[spec.name for spec in io.inputs if spec.layout != "NCHW"],
            not_use_onnxsim=True,  # a program that it looks for on the PATH, and does without when it isn't there
            disable_model_save=True,
            non_verbose=True,
            verbosity="error",
        )
    channels_last = network.onnx_output_layouts  # its guess, by the last operator

    def call(*inputs: Any) -> list[Any]:
        given = zip(inputs, own_io.inputs, io.inputs, strict=True)
        results = tf.nest.flatten(network([_to_inner(tf, value, own, spec) for value, own, spec in given]))
        made = zip(results, io.outputs, own_io.outputs, strict=True)
        return [_from_inner(tf, value, spec, own, channels_last[spec.name]) for value, spec, own in made]

    arguments = [tf.TensorSpec(s.shape, s.dtype, name=f"input_{i}") for i, s in enumerate(own_io.inputs)]
    function = tf.function(call, input_signature=arguments).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], network)
    content: bytes = converter.convert()
    return content


def _to_inner(tf: Any, value: Any, own: TensorSpec, spec: TensorSpec) -> Any:
    """From the artifact's layout to what onnx2tf's network takes: images as NHWC, everything else as in the member."""
    return tf.transpose(value, (0, 2, 3, 1)) if spec.layout == own.layout == "NCHW" else value


def _from_inner(tf: Any, value: Any, spec: TensorSpec, own: TensorSpec, channels_last: bool) -> Any:
    """To the artifact's layout; from the member's, or one with axis 1 last: `channels_last` where no shape says it."""
    axes = range(len(spec.shape))
    last = [*axes[:1], *axes[2:], *axes[1:2]]
    shape = tuple(spec.shape[axis] for axis in last)
    if channels_last if shape == spec.shape else tuple(value.shape) == shape:
        value = tf.transpose(value, [last.index(axis) for axis in axes])
    if spec.layout != own.layout:
        value = tf.transpose(value, [spec.layout.index(axis) for axis in own.layout])
    return value


def _name_boundary(content: bytes, io: IOSpec) -> bytes:
    """Name tensors and signature as `io` does, and put them in its order: TensorFlow has an order of its own."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(content, 0)
    (signature,) = model.signatureDefs
    graph = model.subgraphs[signature.subgraphIndex]
    # Inputs last: one that is an output as well keeps its name as an input.
    signature.outputs = _named(signature.outputs, io.outputs, graph.tensors)
    signature.inputs = _named(signature.inputs, io.inputs, graph.tensors)
    graph.outputs = [each.tensorIndex for each in signature.outputs]
    graph.inputs = [each.tensorIndex for each in signature.inputs]
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _named(entries: list[Any], specs: tuple[TensorSpec, ...], tensors: list[Any]) -> list[Any]:
    ordered = sorted(entries, key=lambda entry: int(entry.name.rpartition(b"_")[2]))
    for entry, spec in zip(ordered, specs, strict=True):
        entry.name = tensors[entry.tensorIndex].name = spec.name
    return ordered
