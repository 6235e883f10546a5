"""The worker task "inspect": reads the contents of one compiled file."""

from __future__ import annotations

from pathlib import Path

from edge_export.errors import one_line
from edge_export.formats import FORMATS, format_of_file
from edge_export.formats.contents import Contents
from edge_export.spec.lazy import resolve
from edge_export.workers.task import InputPath, Message, WorkerTask


class InspectRequest(Message):
    """The request of the worker task "inspect": the path of a compiled file. Its suffix determines its format."""

    path: InputPath


def inspect_file(path: Path) -> Contents:
    """Returns the contents of a compiled file. The parsers of some formats crash on damaged files: call it in a worker.

    Raises:
        ValueError: The suffix is unknown, or the file is missing, truncated or damaged. The message is one line.
    """
    name = format_of_file(path.suffix)
    if name is None:
        raise ValueError(f"{path.name} is not one of {', '.join(each.suffix for each in FORMATS.values())}")
    if not path.exists():
        raise ValueError(f"{path.name} does not exist")
    try:
        contents: Contents = resolve(FORMATS[name].inspect)(path)
    except Exception as error:  # each format's parser raises its own errors on damaged bytes
        raise ValueError(
            f"{path.name} is damaged, or not a {path.suffix} file: {type(error).__name__}: {one_line(error, 200)}"
        ) from error
    return contents


INSPECT = WorkerTask("inspect", InspectRequest, Contents, lambda request: inspect_file(request.path))
