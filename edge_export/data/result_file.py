"""Writes a result as a JSON file, atomically."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from edge_export.errors import RequestError, one_line
from edge_export.files.atomic import whole_file


def check_file(path: Path) -> None:
    """Raises RequestError unless `path` is the name of a `.json` file in an existing folder."""
    if path.suffix != ".json" or path.is_dir():
        raise RequestError(f"{path} is not a .json file: give a .json file for the result")
    if not path.absolute().parent.is_dir():
        raise RequestError(f"{path.parent} is not a folder: create it first")


def write_result(path: Path, result: dict[str, Any]) -> None:
    """Writes `result` to `path`. Raises RequestError if that fails."""
    try:
        with whole_file(path) as file:
            file.write(json.dumps(result, indent=1, ensure_ascii=False, allow_nan=False).encode())
    except OSError as error:
        raise RequestError(f"{path} can't be written ({one_line(error.strerror)}): give another file") from error
