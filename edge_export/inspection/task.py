"""The worker task "inspect": what is inside of one compiled file."""

from __future__ import annotations

import importlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edge_export.errors import one_line
from edge_export.formats.contents import Contents
from edge_export.inspection import INSPECTORS


def inspect_artifact(args: dict[str, Any]) -> dict[str, Any]:
    """Read `args["path"]`, whose suffix says its format.

    Returns:
        The fields of `Contents`, as JSON: see `contents.py`.

    Raises:
        ValueError: In one line: the suffix is unknown, or the file is missing, truncated or damaged.
    """
    return asdict(inspect_file(Path(args["path"])))


def inspect_file(path: Path) -> Contents:
    """The contents of a compiled file. The parsers of some formats crash on damaged files: call it in a worker."""
    if path.suffix not in INSPECTORS:
        raise ValueError(f"{path.name} is none of {', '.join(INSPECTORS)}")
    if not path.exists():
        raise ValueError(f"{path.name} does not exist")
    try:
        contents: Contents = importlib.import_module(INSPECTORS[path.suffix]).inspect(path)
    except Exception as error:  # on damaged bytes, each format's parser has errors of its own
        raise ValueError(
            f"{path.name} is damaged, or not a {path.suffix} file: {type(error).__name__}: {one_line(error, 200)}"
        ) from error
    return contents
