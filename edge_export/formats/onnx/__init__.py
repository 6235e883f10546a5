"""ONNX models, the intermediate format of the route to a `.tflite` file."""

from edge_export.formats.descriptor import Format, Runtime

FORMAT = Format(
    description="ONNX model, on the way to another format",
    suffix=".onnx",
    look_inside="edge_export.bisect.onnx_values:look_inside",
    runtimes=(Runtime("edge_export.formats.onnx.runtime", "ONNX Runtime"),),
)
