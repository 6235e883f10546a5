"""The payload of a Core ML delegate: a folder, flattened to bytes as ExecuTorch's delegate reads it.

    the contents of all files, one after another
    JSON, with its characters in reversed order, so that a reader begins at the end of the payload:
    {"nodes": [{"name", "kind": 0 file | 1 folder, "dataRegion": {"offset", "size"}, "children": {name: index}}, …]}

The last node is the root. Nothing in a payload is trusted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

_FILE, _FOLDER = 0, 1
_NAME = re.compile(r"[\w-][\w.-]*", re.ASCII)
_ROOT = "lowered_module"
_MOST_NODES = 100
"""An `.mlpackage` and what describes it have about ten files and folders."""
_LONGEST = 1 << 16
"""Bytes of the JSON of so many."""


class _Described(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Region(_Described):
    offset: int = Field(ge=0)
    size: int = Field(ge=0)


class _Node(_Described):
    name: str
    kind: int
    region: _Region = Field(alias="dataRegion")
    children: dict[str, int]


class _Nodes(_Described):
    nodes: tuple[_Node, ...] = Field(min_length=1, max_length=_MOST_NODES)


def unflattened(payload: bytes) -> dict[str, bytes]:
    """Returns the contents of all files in a payload, by their paths in its folder.

    Raises:
        ValueError: The payload is damaged, or a path leads out of the folder.
    """
    # Every character of a right payload's JSON is ASCII. Latin-1 gives each byte a character, whatever it is.
    reversed_end = payload[: -_LONGEST - 1 : -1].decode("latin-1")
    try:
        described, length = json.JSONDecoder().raw_decode(reversed_end)
        nodes = _Nodes.model_validate(described).nodes
    except (ValidationError, ValueError, RecursionError):
        raise ValueError("a Core ML delegate's payload does not end with a list of its files") from None
    files: dict[str, bytes] = {}
    for path, region in _walk(nodes, len(nodes) - 1, "", set()):
        if region.offset + region.size > len(payload) - length:
            raise ValueError(f"{path} in a Core ML delegate's payload ends behind its last byte")
        files[path] = payload[region.offset : region.offset + region.size]
    return files


def _walk(nodes: tuple[_Node, ...], index: int, folder: str, seen: set[int]) -> Iterator[tuple[str, _Region]]:
    """Yields the path and the region of every file below the folder `nodes[index]`. Each node belongs to one folder."""
    seen.add(index)
    for name, child in nodes[index].children.items():
        if not _NAME.fullmatch(name) or not 0 <= child < len(nodes) or child in seen:
            raise ValueError("a Core ML delegate's payload has files with wrong names or places")
        if nodes[child].kind == _FOLDER:
            yield from _walk(nodes, child, f"{folder}{name}/", seen)
        else:
            seen.add(child)
            yield f"{folder}{name}", nodes[child].region


@dataclass
class _Writer:
    contents: bytearray
    nodes: list[dict[str, Any]]

    def add(self, name: str, kind: int, region: tuple[int, int], children: dict[str, int]) -> int:
        offset, size = region
        data_region = {"offset": offset, "size": size}
        self.nodes.append({"children": children, "dataRegion": data_region, "kind": kind, "name": name})
        return len(self.nodes) - 1

    def add_folder(self, name: str, files: Mapping[str, bytes]) -> int:
        children: dict[str, int] = {}
        inner: dict[str, dict[str, bytes]] = {}
        for path, content in sorted(files.items()):
            first, _, rest = path.partition("/")
            if rest:
                inner.setdefault(first, {})[rest] = content
            else:
                children[first] = self.add(first, _FILE, (len(self.contents), len(content)), {})
                self.contents += content
        for folder, below in inner.items():
            children[folder] = self.add_folder(folder, below)
        return self.add(name, _FOLDER, (0, 0), children)


def flattened(files: Mapping[str, bytes]) -> bytes:
    """Returns the payload of a folder with `files`, by their paths in it. Equal files give equal bytes."""
    writer = _Writer(bytearray(), [])
    writer.add_folder(_ROOT, files)
    described = json.dumps({"nodes": writer.nodes}, separators=(",", ":"), sort_keys=True)
    return bytes(writer.contents) + described[::-1].encode("ascii")
