"""What is inside of one compiled file: a literal table, suffix -> module. Read only, never run."""

INSPECTORS: dict[str, str] = {
    ".pte": "edge_export.formats.executorch.inspect",
    ".tflite": "edge_export.formats.tflite.inspect",
    ".mlpackage": "edge_export.formats.coreml.inspect",
}
