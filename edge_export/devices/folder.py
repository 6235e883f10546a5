"""Writes request folders on this machine."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from edge_export.bundle.manifest import File
from edge_export.devices.request import REQUEST, Part, Request
from edge_export.errors import RequestError, one_line
from edge_export.files.atomic import write_atomically
from edge_export.files.copying import copy_contents
from edge_export.files.hashing import bytes_of, sha256_of
from edge_export.spec.fields import all_problems


def new_run_id() -> str:
    return secrets.token_hex(8)


def describe_part(path: str, file: Path) -> Part:
    """Returns the part of a request that will stand at `path` and has the content of `file`, a file or a folder."""
    return Part(path=path, sha256=sha256_of(file), bytes=bytes_of(file))


def artifact_part(file: File) -> Part:
    """Returns the part of a request that a compiled file of a bundle is: named by its content, with its suffix."""
    path = f"artifacts/{file.sha256}{PurePosixPath(file.path).suffix}"
    return Part(path=path, sha256=file.sha256, bytes=file.bytes)


def parts_of(request: Request) -> dict[str, Part]:
    """Returns the parts of a request by path, each once."""
    return {part.path: part for item in request.items for part in (item.artifact, item.inputs)}


def write_folder(folder: Path, request: Request, sources: Mapping[str, Path]) -> None:
    """Writes request.json and copies its parts into `folder`.

    Args:
        sources: The file of each part by its path in the request.

    Raises:
        RequestError: `folder` can't be written.
    """
    try:
        for path, part in parts_of(request).items():
            target = folder / path
            if target.exists() and sha256_of(target) == part.sha256:
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            copy_contents(sources[path], target)
    except OSError as error:
        reason = one_line(error.strerror)
        raise RequestError(f"{folder} can't be written ({reason}): make room, or set EDGE_EXPORT_CACHE") from error
    write_atomically(folder / REQUEST, request.model_dump_json(by_alias=True).encode())


def read_request(folder: Path) -> Request | None:
    """Returns the request in `folder`. None: there is none that is whole."""
    from pydantic import ValidationError

    path = folder / REQUEST
    if not path.is_file():
        return None
    try:
        return Request.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise all_problems(path, error) from error
