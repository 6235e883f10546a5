"""The worker task "compile": one member to one artifact."""

from __future__ import annotations

import importlib
import time
from pathlib import Path
from typing import Any

from edge_export.formats import FORMATS
from edge_export.mothers.io_json import io_from_json, io_to_json


def compile_artifact(args: dict[str, Any]) -> dict[str, Any]:
    """Compile `args["program"]` to `args["format"]`.

    Args:
        args: `format`, `precision`, `program` (path of the `.pt2`), `io` (JSON, see `io_json`) and `workdir` (an
            existing folder). Optional: `backend` (the format's first) and the format's other `options`.

    Returns:
        `path` of the artifact in the workdir, its own `io`, `tools`, `notes` and the `seconds` that it took.

    Raises:
        ValueError: The format has no such precision or backend, or the converter made something else than was asked.
    """
    format_, precision = FORMATS[args["format"]], args["precision"]
    options = {"backend": format_.backends[0], **args.get("options", {})}
    options["backend"] = args.get("backend", options["backend"])
    if precision not in format_.precisions:
        raise ValueError(f"{args['format']} has no precision {precision}, only {', '.join(format_.precisions)}")
    module = importlib.import_module(format_.module)
    start = time.perf_counter()
    compiled = module.compile(
        Path(args["program"]), io_from_json(args["io"]), precision, options, Path(args["workdir"])
    )
    return {
        "path": str(compiled.path),
        "io": io_to_json(compiled.io),
        "tools": dict(compiled.tools),
        "notes": list(compiled.notes),
        "seconds": time.perf_counter() - start,
    }
