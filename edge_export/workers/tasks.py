"""What a worker may be asked to do: a literal table, name -> "module:function".

Each function takes one dict and returns one dict, both JSON: no pickled code crosses processes. Paths in them are
absolute, because a worker's current folder is a scratch folder of its own.
"""

TASKS: dict[str, str] = {
    "open": "edge_export.verify.tasks:open_family",
    "prepare": "edge_export.verify.tasks:prepare",
    "compile": "edge_export.formats.task:compile_artifact",
    "write_onnx": "edge_export.formats.tflite_tensorflow:write_onnx",
    "convert_onnx": "edge_export.formats.tflite_tensorflow:convert_onnx",
    "run": "edge_export.runtimes.task:run_artifact",
    "inspect": "edge_export.inspection.task:inspect_artifact",
    "bisect_stages": "edge_export.verify.bisect.stages:bisect_stages",
    "bisect_file": "edge_export.verify.bisect.files:bisect_file",
    "bisect_cut": "edge_export.verify.bisect.cut:cut_program",
    "bisect_weights": "edge_export.verify.bisect.weights:changed_weights",
}
