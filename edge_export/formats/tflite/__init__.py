"""TensorFlow Lite files (`.tflite`) of builtin operators."""

from edge_export.formats.descriptor import Format, Runtime

DIRECT, BY_TENSORFLOW, BY_LITERT_TORCH = ROUTES = ("direct", "tensorflow", "litert-torch")
"""The values of the option `route`: onnx2tf's own writer, or TensorFlow or litert-torch in an isolated environment."""
ENVIRONMENT, LITERT_TORCH = "tensorflow", "litert-torch"
GROUPED, BATCHED = PRODUCTS = ("grouped", "batched")
"""The values of the option `products`: as grouped convolutions, which all runtimes are fast at, or as BATCH_MATMUL."""

FORMAT = Format(
    description="TensorFlow Lite file of builtin operators (LiteRT, Android)",
    suffix=".tflite",
    compile="edge_export.formats.tflite.compile:compile",
    inspect="edge_export.formats.tflite.inspect:inspect",
    constants="edge_export.formats.tflite.constants:float_constants",
    look_inside="edge_export.bisect.tflite_values:look_inside",
    backends=("builtin",),
    precisions={"fp32": (), "fp16": (), "int8": ("static", "dynamic", "weight_only")},
    runtimes=(
        Runtime("edge_export.formats.tflite.litert", "LiteRT"),
        Runtime("edge_export.formats.tflite.tensorflow", "TensorFlow", environment=ENVIRONMENT),
    ),
    imports=("ai_edge_litert", "ai_edge_quantizer", "flatbuffers", "onnx", "onnx2tf", "onnxruntime", "onnxscript"),
    packages=("onnx2tf==2.6.9", "onnx==1.20.1", "onnxscript==0.6.2", "ai-edge-litert==2.1.2"),
    extra="tflite",
    submit="edge_export.formats.tflite.routes:compile_by_routes",
    direct={"route": DIRECT},
    ways={"decomposed": "the program decomposed into core operators"},
    environments={ENVIRONMENT: {"route": BY_TENSORFLOW}, LITERT_TORCH: {"route": BY_LITERT_TORCH}},
    falls_back=(ENVIRONMENT,),
)
