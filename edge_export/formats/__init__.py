"""The table of formats. Each format has a folder here; its descriptor holds what the rest of the package needs."""

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
"""Formats that a route to an artifact may pass through. Their files are run and verified, but not shipped."""


def format_named(name: str) -> Format:
    """Returns a format or an intermediate by name. Raises KeyError if there is none."""
    return FORMATS[name] if name in FORMATS else INTERMEDIATES[name]


def format_of_file(suffix: str) -> str | None:
    """Returns the name of the format whose files end with `suffix`, None if there is none."""
    return next((name for name, each in FORMATS.items() if each.suffix == suffix), None)


def artifact_name(format_name: str, backend: str, precision: str) -> str:
    """Returns the file name of an artifact in its member's folder, such as "executorch-xnnpack-fp32.pte"."""
    return f"{format_name}-{backend}-{precision}{FORMATS[format_name].suffix}"
