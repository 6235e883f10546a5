"""Compiles to the unchanged exported program."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from edge_export.formats.compiled import Compiled, reject_options, versions
from edge_export.formats.program import load_program
from edge_export.spec.tensors import IOSpec


def compile(
    program: Path,
    io: IOSpec,
    precision: str,
    options: Mapping[str, object],
    workdir: Path,
    calibration: Path | None = None,
) -> Compiled:
    """Copies `program` after it was read successfully."""
    reject_options(options, {"backend": ("eager",)})
    load_program(program, io)
    path = workdir / f"torch_program-eager-{precision}.pt2"
    shutil.copyfile(program, path)
    return Compiled(path, io, versions("torch"))
