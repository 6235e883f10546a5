"""Writes a bundle completely or not at all, and validates a bundle that is read."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from edge_export.bundle import manifest as manifest_file
from edge_export.bundle import numerics as numerics_file
from edge_export.bundle.manifest import File, Manifest
from edge_export.bundle.numerics import Numerics
from edge_export.errors import RequestError, one_line
from edge_export.files.atomic import write_atomically
from edge_export.files.exchange import put_back, put_in_place
from edge_export.files.hashing import bytes_of, sha256_of
from edge_export.files.owned import owned_folder, remove_abandoned
from edge_export.files.paths import path_inside
from edge_export.spec.fields import Record, all_problems

MAX_JSON_BYTES = 64 << 20
PART = ".part"


@dataclass(frozen=True)
class Bundle:
    """A bundle on disk. Its manifest and numerics are validated; its files have not been read."""

    root: Path
    manifest: Manifest
    numerics: Numerics

    def path(self, file: File) -> Path:
        """Returns the path of `file`.

        Raises:
            RequestError: The file is missing, or its path leaves the bundle through a link.
        """
        try:
            path = path_inside(self.root, file.path)
        except ValueError as error:
            raise RequestError(f"{self.root / file.path} leads out of the bundle: build it again") from error
        if not path.exists():
            raise RequestError(f"{path} is missing from the bundle: build it again")
        return path

    def why_changed(self, file: File) -> str | None:
        """Returns the difference between `file` on disk and in the manifest. None: there is none."""
        path = self.path(file)
        if (size := bytes_of(path)) != file.bytes:
            return f"{file.path} has {size} bytes, the manifest says {file.bytes}: it was truncated or changed"
        if sha256_of(path) != file.sha256:
            return f"{file.path} does not match its sha256 in the manifest: it was changed or damaged"
        return None


def read_bundle(root: Path) -> Bundle:
    """Returns the bundle in folder `root`.

    Raises:
        RequestError: The folder is not a bundle, is one for an app, or its manifest or numerics are not valid.
    """
    if not root.is_dir():
        raise RequestError(f"{root} is not a folder: give the folder that `build --out` wrote")
    if not (root / manifest_file.FILE_NAME).is_file():
        raise RequestError(f"{root} has no {manifest_file.FILE_NAME}: give a folder that `build` wrote")
    manifest = read_record(root / manifest_file.FILE_NAME, Manifest)
    if manifest.taken_from is not None:
        raise RequestError(f"{root} is a family for an app, without goldens: give the bundle that it was taken from")
    return Bundle(root, manifest, read_record(root / numerics_file.FILE_NAME, Numerics))


def write_records(root: Path, manifest: Manifest, numerics: Numerics) -> None:
    """Writes both JSON files of a bundle that is being staged in `root`."""
    for name, record in ((manifest_file.FILE_NAME, manifest), (numerics_file.FILE_NAME, numerics)):
        write_record(root / name, record)


def write_record(path: Path, record: Record) -> None:
    """Writes a JSON file of a bundle, whole or not at all."""
    data = record.model_dump(mode="json", by_alias=True)
    text = json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_atomically(path, text.encode("utf-8"))


def describe_file(root: Path, path: Path) -> File:
    """Returns the manifest's entry for `path`, a file or package folder below `root`."""
    return File(
        path=path.absolute().relative_to(root.absolute()).as_posix(), sha256=sha256_of(path), bytes=bytes_of(path)
    )


def check_output(out: Path) -> None:
    """Checks, before any work, that a bundle can be written to `out`.

    Raises:
        RequestError: `out` exists and is neither a bundle nor an empty folder, or its parent cannot be written.
    """
    if out.is_symlink():
        raise RequestError(f"{out} is a link: give the folder itself as --out")
    if out.exists() and not out.is_dir():
        raise RequestError(f"{out} is a file: give another --out")
    if out.is_dir() and any(out.iterdir()) and not _looks_like_bundle(out):
        raise RequestError(f"{out} is not a bundle and not empty, so it was not changed: give another --out")
    parent = next(p for p in out.absolute().parents if p.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise RequestError(f"{parent} can't be written: give another --out")


def finish_interrupted(out: Path) -> None:
    """Cleans up after killed processes that were replacing `out`: restores it and removes their staged folders."""
    put_back(out, _prefix(out))
    remove_abandoned(out.parent, _prefix(out), PART)


@contextmanager
def staging(out: Path) -> Iterator[Path]:
    """Gives a new folder next to `out`. It replaces `out` when the block ends, and is removed when the block raises.

    Raises:
        RequestError: `out` cannot be written: see `check_output`.
    """
    check_output(out)
    with ExitStack() as stack:
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            finish_interrupted(out)
            staged = stack.enter_context(owned_folder(out.parent, _prefix(out), PART, private=False))
        except OSError as error:
            reason = one_line(error.strerror)
            raise RequestError(f"{out.parent} can't be written ({reason}): give another --out") from error
        yield staged
        check_output(out)
        put_in_place(staged, out)


def _prefix(out: Path) -> str:
    return f".{out.name}."


def _looks_like_bundle(folder: Path) -> bool:
    try:
        with (folder / manifest_file.FILE_NAME).open(encoding="utf-8") as stream:
            head = json.loads(stream.read(MAX_JSON_BYTES))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(head, dict) and {"schema", "mother", "members"} <= head.keys()


def read_record[R: Record](path: Path, record: type[R], remedy: str = "build the bundle again") -> R:
    """Returns the content of a JSON file that may come from anywhere.

    Args:
        remedy: What to do if it can't be read, for the message.

    Raises:
        RequestError: It can't be read, is too large, or is not valid.
    """
    try:
        if (size := path.stat().st_size) > MAX_JSON_BYTES:
            raise RequestError(f"{path} has {size} bytes, the maximum is {MAX_JSON_BYTES}: {remedy}")
        return record.model_validate_json(path.read_bytes())
    except OSError as error:
        raise RequestError(f"{path} can't be read ({one_line(error.strerror)}): {remedy}") from error
    except ValidationError as error:
        raise all_problems(path, error) from error
