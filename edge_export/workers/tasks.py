"""The table of all worker tasks: name -> "module:NAME" of a `WorkerTask`."""

from __future__ import annotations

TASKS: dict[str, str] = {
    "open": "edge_export.pipeline.open_mother:OPEN",
    "assemble": "edge_export.pipeline.assemble:ASSEMBLE",
    "prepare": "edge_export.pipeline.prepare_member:PREPARE",
    "score": "edge_export.pipeline.score:SCORE",
    "compile": "edge_export.formats.compile_task:COMPILE",
    "write_onnx": "edge_export.formats.tflite.tensorflow_route:WRITE_ONNX",
    "convert_onnx": "edge_export.formats.tflite.tensorflow_route:CONVERT_ONNX",
    "convert_program": "edge_export.formats.tflite.litert_torch_route:CONVERT_PROGRAM",
    "run": "edge_export.runtimes.run:RUN",
    "inspect": "edge_export.inspection.task:INSPECT",
    "reference": "edge_export.verify.reference:REFERENCE",
    "bisect_stages": "edge_export.pipeline.bisect_stages:BISECT_STAGES",
    "bisect_file": "edge_export.bisect.files:BISECT_FILE",
    "bisect_cut": "edge_export.bisect.cut:CUT",
    "bisect_weights": "edge_export.bisect.weights:CHANGED_WEIGHTS",
}
