"""What is inside of one compiled file: a literal table, suffix -> module. Read only, never run."""

INSPECTORS: dict[str, str] = {
    ".pte": "edge_export.inspection.pte",
    ".tflite": "edge_export.inspection.tflite",
    ".mlpackage": "edge_export.inspection.mlpackage",
}
