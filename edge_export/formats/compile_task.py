"""The worker task "compile": one member to one artifact."""

from __future__ import annotations

import importlib
import time
from pathlib import Path
from typing import Any

from edge_export.formats import FORMATS
from edge_export.spec.io_json import io_from_json, io_to_json


def compile_artifact(args: dict[str, Any]) -> dict[str, Any]:
    """Compile `args["program"]` to `args["format"]`.

    Args:
        args: `format`, `precision`, `program` (path of the `.pt2`), `io` (JSON, see `io_json`) and `workdir` (an
            existing folder). Optional: `backend` (the format's first), the format's other `options`, and
            `calibration` (path of a safetensors file of real inputs).

    Returns:
        `path` of the artifact in the workdir, its own `io`, `tools`, `notes`, the `seconds` that it took, and the
        `stages` that it passed through, paths by format.

    Raises:
        ValueError: The format has no such precision or backend, or the converter made something else than was asked.
    """
    format_, precision = FORMATS[args["format"]], args["precision"]
    options = {"backend": format_.backends[0], **args.get("options", {})}
    options["backend"] = args.get("backend", options["backend"])
    if precision not in format_.precisions:
        raise ValueError(f"{args['format']} has no precision {precision}, only {', '.join(format_.precisions)}")
    module = importlib.import_module(format_.module)
    calibration = None if args.get("calibration") is None else Path(args["calibration"])
    start = time.perf_counter()
    compiled = module.compile(
        Path(args["program"]), io_from_json(args["io"]), precision, options, Path(args["workdir"]), calibration
    )
    return {
        "path": str(compiled.path),
        "io": io_to_json(compiled.io),
        "tools": dict(compiled.tools),
        "notes": list(compiled.notes),
        "seconds": time.perf_counter() - start,
        "stages": {name: str(path) for name, path in compiled.stages.items()},
    }
