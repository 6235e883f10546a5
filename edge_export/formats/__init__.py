"""The table of formats. Each format has a folder here; its descriptor holds what the rest of the package needs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from edge_export.formats import coreai, coreml, executorch, onnx, tflite
from edge_export.formats.descriptor import Format, Option

FORMATS: dict[str, Format] = {
    "executorch": executorch.FORMAT,
    "coreml": coreml.FORMAT,
    "coreai": coreai.FORMAT,
    "tflite": tflite.FORMAT,
}

INTERMEDIATES: dict[str, Format] = {
    "onnx": onnx.FORMAT,
}
"""Formats that a route to an artifact may pass through. Their files are run and verified, but not shipped."""


def format_named(name: str) -> Format:
    """Returns a format or an intermediate by name. Raises KeyError if there is none."""
    return FORMATS[name] if name in FORMATS else INTERMEDIATES[name]


def worker_kind(format_name: str, otherwise: str = "") -> str:
    """Returns the kind of worker for a file of a format: its environment's, else `otherwise`, else the format's own."""
    return format_named(format_name).environment or otherwise or format_name


def kind_for_file(path: Path, otherwise: str) -> str:
    """Returns the kind of worker that reads the file at `path`: its format's environment's, else `otherwise`."""
    name = format_of_file(path.suffix)
    return otherwise if name is None else worker_kind(name, otherwise)


def environments_of(format_name: str, options: Mapping[str, Option]) -> tuple[str, ...]:
    """Returns the isolated environments in which a file of a format may be made with some options of its converter."""
    known = format_named(format_name)
    selected = (name for name, selects in known.environments.items() if selects.items() <= options.items())
    return tuple(dict.fromkeys(filter(None, [known.environment, *known.falls_back, *selected])))


def format_of_file(suffix: str) -> str | None:
    """Returns the name of the format whose files end with `suffix`, None if there is none."""
    return next((name for name, each in FORMATS.items() if each.suffix == suffix), None)


def device_runs(formats: Collection[str], format_name: str, backend: str) -> bool:
    """Returns whether a device with runtimes of `formats` runs files of a format and backend.

    No runner tells of the backends that its runtimes were built with. All have the first one.
    """
    return format_name in formats and backend not in FORMATS[format_name].others


def artifact_name(format_name: str, backend: str, precision: str) -> str:
    """Returns the file name of an artifact in its member's folder, such as "executorch-xnnpack-fp32.pte"."""
    return f"{format_name}-{backend}-{precision}{FORMATS[format_name].suffix}"
