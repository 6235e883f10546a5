"""A member as a TensorFlow Lite file by TensorFlow: onnx2tf's TensorFlow backend, then TensorFlow's own converter.

This route is slower and its files are larger than with the direct route, but it supports more layers. TensorFlow is
installed in its own environment, so the route has three steps, one worker task each. All take the request of "compile".
`routes.py` submits them in order:

    program ─ write_onnx ─> workdir/ONNX ─ convert_onnx, in the environment ─> workdir/CONVERTED ─ compile ─> artifact

The last one is the format's own. It reads CONVERTED, where the direct route would make such a file itself.
"""

from __future__ import annotations

import tempfile
import time
from typing import TYPE_CHECKING, Any

from edge_export.formats.compile_task import CompileRequest
from edge_export.formats.compiled import versions
from edge_export.formats.tflite.converted import CONVERTED, ConvertedAnswer, name_signature
from edge_export.formats.tflite.library import converter
from edge_export.spec.tensors import IOSpec, TensorSpec
from edge_export.workers.task import Message, WorkerTask

if TYPE_CHECKING:
    from onnx import ModelProto

ONNX = "for_tensorflow.onnx"


class WriteOnnxAnswer(Message):
    """The time that the task took, in seconds."""

    seconds: float


def write_onnx(request: CompileRequest) -> WriteOnnxAnswer:
    """The task "write_onnx": writes the member as ONNX, with its own names and layouts."""
    from edge_export.formats.legalize.program import legalized
    from edge_export.formats.program import decomposed, load_program
    from edge_export.formats.tflite.compile import to_onnx

    start = time.perf_counter()
    exported, _ = legalized(load_program(request.program, request.io), "tflite")
    model = to_onnx(decomposed(exported, request.options), request.io)
    (request.workdir / ONNX).write_bytes(model.SerializeToString(deterministic=True))
    return WriteOnnxAnswer(seconds=time.perf_counter() - start)


def convert_onnx(request: CompileRequest) -> ConvertedAnswer:
    """The task "convert_onnx", for TensorFlow's environment: converts the ONNX model to a float32 file."""
    import onnx

    from edge_export.formats.tflite.compile import artifact_io

    start, io = time.perf_counter(), request.io
    own_io = artifact_io(io, request.options)
    content = name_signature(_convert(onnx.load(request.workdir / ONNX), io, own_io), own_io)
    (request.workdir / CONVERTED).write_bytes(content)
    return ConvertedAnswer(tools=versions("onnx2tf", "tensorflow"), seconds=time.perf_counter() - start)


WRITE_ONNX = WorkerTask("write_onnx", CompileRequest, WriteOnnxAnswer, write_onnx)
CONVERT_ONNX = WorkerTask("convert_onnx", CompileRequest, ConvertedAnswer, convert_onnx)


def _convert(model: ModelProto, io: IOSpec, own_io: IOSpec) -> bytes:
    """Converts to a file whose signature names are `input_0`, `output_0` and so on, in the layouts of `own_io`."""
    import tensorflow as tf
    import tf_keras

    tf_keras.backend.clear_session()  # layers get numbered names: restart at 0, so that the bytes are the same
    with converter() as onnx2tf, tempfile.TemporaryDirectory(prefix="onnx2tf-") as folder:
        network = onnx2tf.convert(
            onnx_graph=model,
            output_folder_path=folder,
            tflite_backend="tf_converter",
            # onnx2tf makes images NHWC itself, and would do the same to all other inputs of three axes or more.
            keep_shape_absolutely_input_names=[spec.name for spec in io.inputs if spec.layout != "NCHW"],
            not_use_onnxsim=True,  # a program that it uses if it is on the PATH: results would depend on that
            disable_model_save=True,
            non_verbose=True,
            verbosity="error",
        )
    channels_last = network.onnx_output_layouts  # onnx2tf's guess, by the last operator

    def call(*inputs: Any) -> list[Any]:
        given = zip(inputs, own_io.inputs, io.inputs, strict=True)
        results = tf.nest.flatten(network([_to_inner(tf, value, own, spec) for value, own, spec in given]))
        made = zip(results, io.outputs, own_io.outputs, strict=True)
        return [_from_inner(tf, value, spec, own, channels_last[spec.name]) for value, spec, own in made]

    arguments = [tf.TensorSpec(s.shape, s.dtype, name=f"input_{i}") for i, s in enumerate(own_io.inputs)]
    function = tf.function(call, input_signature=arguments).get_concrete_function()
    by_tensorflow = tf.lite.TFLiteConverter.from_concrete_functions([function], network)
    content: bytes = by_tensorflow.convert()
    return content


def _to_inner(tf: Any, value: Any, own: TensorSpec, spec: TensorSpec) -> Any:
    """Transposes from the artifact's layout to that of onnx2tf's network: images NHWC, all else as in the member."""
    return tf.transpose(value, (0, 2, 3, 1)) if spec.layout == own.layout == "NCHW" else value


def _from_inner(tf: Any, value: Any, spec: TensorSpec, own: TensorSpec, channels_last: bool) -> Any:
    """Transposes to the artifact's layout, from the member's or from one with axis 1 last.

    `channels_last` decides between the two if they have the same shape.
    """
    axes = range(len(spec.shape))
    last = [*axes[:1], *axes[2:], *axes[1:2]]
    shape = tuple(spec.shape[axis] for axis in last)
    if channels_last if shape == spec.shape else tuple(value.shape) == shape:
        value = tf.transpose(value, [last.index(axis) for axis in axes])
    if spec.layout != own.layout:
        value = tf.transpose(value, [spec.layout.index(axis) for axis in own.layout])
    return value
