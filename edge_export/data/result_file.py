"""A result as a JSON file, whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from edge_export.errors import RequestError, one_line
from edge_export.files.atomic import whole_file


def check_file(path: Path) -> None:
    """RequestError unless `path` is a `.json` file that can be written."""
    if path.suffix != ".json" or path.is_dir():
        raise RequestError(f"{path} is no .json file: give one for the result")
    if not path.absolute().parent.is_dir():
        raise RequestError(f"{path.parent} is no folder: make it first")


def write_result(path: Path, result: dict[str, Any]) -> None:
    """Write `result` to `path`; RequestError when that fails."""
    try:
        with whole_file(path) as file:
            file.write(json.dumps(result, indent=1, ensure_ascii=False, allow_nan=False).encode())
    except OSError as error:
        raise RequestError(f"{path} can't be written ({one_line(error.strerror)}): give another") from error
