"""The formats: a literal table. Each has a folder here, whose descriptor says all that others need to know of it."""

from __future__ import annotations

from edge_export.formats import coreml, executorch, onnx, tflite
from edge_export.formats.descriptor import Format

FORMATS: dict[str, Format] = {
    "executorch": executorch.FORMAT,
    "coreml": coreml.FORMAT,
    "tflite": tflite.FORMAT,
}

INTERMEDIATES: dict[str, Format] = {
    "onnx": onnx.FORMAT,
}
"""What the way to an artifact may pass through. It runs, and is proven, but is not shipped."""


def format_named(name: str) -> Format:
    """A format or an intermediate; KeyError when there is none."""
    return FORMATS[name] if name in FORMATS else INTERMEDIATES[name]


def format_of_file(suffix: str) -> str | None:
    """The name of the format whose files end with `suffix`; None when there is none."""
    return next((name for name, each in FORMATS.items() if each.suffix == suffix), None)


def artifact_name(format_name: str, backend: str, precision: str) -> str:
    """The file name of an artifact in its member's folder, such as "executorch-xnnpack-fp32.pte"."""
    return f"{format_name}-{backend}-{precision}{FORMATS[format_name].suffix}"
