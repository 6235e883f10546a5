"""The formats that a member can be compiled to: a literal table. The converters are imported only when used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes:
        module: Where its `compile` is (see `compiled.py` for the contract).
        suffix: What its files (or folders) end with.
        backends: The backends it can be compiled for; the first is the default.
        precisions: The precisions that it offers, each with its schemes: the ways to get there, from the one that
            changes the numbers most to the mildest. Empty where there is only one way.
        description: One line for people.
        on_request: Schemes that are tried only where a target file lists them.
    """

    module: str
    suffix: str
    backends: tuple[str, ...]
    precisions: Mapping[str, tuple[str, ...]]
    description: str
    on_request: tuple[str, ...] = ()


FORMATS: dict[str, Format] = {
    "executorch": Format(
        module="edge_export.formats.executorch.compile",
        suffix=".pte",
        backends=("xnnpack",),
        precisions={"fp32": (), "fp16": (), "int8": ("static_per_tensor", "static", "dynamic", "weight_only")},
        description="ExecuTorch program, CPU by XNNPACK (Android, iOS, Linux)",
        on_request=("static_per_tensor",),
    ),
    "coreml": Format(
        module="edge_export.formats.coreml.compile",
        suffix=".mlpackage",
        backends=("mlprogram",),
        precisions={"fp32": (), "fp16": (), "int8": ("palette4", "palette6", "linear8")},
        description="Core ML program (iOS 17, macOS 14 and later)",
        on_request=("palette4", "palette6"),
    ),
    "tflite": Format(
        module="edge_export.formats.tflite.compile",
        suffix=".tflite",
        backends=("builtin",),
        precisions={"fp32": (), "fp16": (), "int8": ("static", "dynamic", "weight_only")},
        description="TensorFlow Lite file of builtin operators (LiteRT, Android)",
    ),
}


def artifact_name(format_name: str, backend: str, precision: str) -> str:
    """The file name of an artifact in its member's folder, such as "executorch-xnnpack-fp32.pte"."""
    return f"{format_name}-{backend}-{precision}{FORMATS[format_name].suffix}"
