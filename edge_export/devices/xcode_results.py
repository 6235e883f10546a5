"""Brings results from a phone: out of the tests' attachments, or else by `devicectl` out of the app's folder."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel, Field, RootModel, ValidationError

from edge_export.devices.adb_client import TooMuch
from edge_export.devices.device import LinkLost
from edge_export.devices.request import DEVICE, STATUS
from edge_export.devices.results import DEVICE_BYTES, RESULTS
from edge_export.devices.xcode_mac import Mac
from edge_export.devices.xcode_phones import Phone, devicectl
from edge_export.errors import RequestError, one_line
from edge_export.spec.fields import Record

OWN = ""
"""What stands in place of an item's name for device.json."""
_PREFIX = "edge_export"
MANIFEST = "manifest.json"
MANIFEST_BYTES = 16 << 20
HEADER_BYTES = 1 << 16
_EXPORT_S = _COPY_S = 600.0
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,200}")


class Header(Record):
    """The first line of an attachment. The contents of the files follow, in this order.

    Attributes:
        item: The item that left the files; OWN: the runner itself.
        sizes: The size in bytes of each file.
    """

    item: str
    sizes: dict[str, int]


class _Attachment(BaseModel):
    file: str = Field(default="", alias="exportedFileName")
    name: str = Field(default="", alias="suggestedHumanReadableName")


class _Test(BaseModel):
    attachments: list[_Attachment] = []


class _Manifest(RootModel[list[_Test]]):
    pass


@dataclass(frozen=True)
class Brought:
    """What came back of one run of the tests.

    Attributes:
        files: For each item, and for OWN, its files by name. None is larger than agreed.
        refused: What came and can't be used, a line each.
        complaints: Why nothing came by a way, a line each.
    """

    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


def attached(mac: Mac, bundle: str, scratch: str, limits: Mapping[str, Mapping[str, int]]) -> Brought:
    """Returns what the tests attached to an .xcresult.

    Args:
        scratch: A folder there that does not exist.
        limits: The largest size of each file that an item may leave.

    Raises:
        LinkLost: The Mac is not reached.
    """
    brought = Brought()
    agreed = agreed_pieces(limits)
    export = ["xcrun", "xcresulttool", "export", "attachments", "--path", bundle, "--output-path", scratch]
    answer = mac.run(export, silence_s=_EXPORT_S)
    if answer.status:
        brought.complaints.append(f"xcresulttool failed: {answer.complaint}")
        return brought
    try:
        names = pieces_in(mac.read(f"{scratch}/{MANIFEST}", MANIFEST_BYTES) or b"[]")
    except (ValueError, TooMuch):
        brought.complaints.append("xcresulttool's manifest.json is not valid")
        return brought
    most = largest_piece(agreed)
    for name in names:
        try:
            item, files = unpacked(mac.read(f"{scratch}/{name}", most) or b"", agreed)
        except (ValueError, TooMuch) as error:
            brought.refused.append(f"an attachment can't be used: {one_line(error, 200)}")
            continue
        brought.files[item] = files
    return brought


def copied(
    mac: Mac, phone: Phone, app: str, source: str, scratch: str, limits: Mapping[str, Mapping[str, int]]
) -> Brought:
    """Returns what stands in the app's folder.

    Args:
        app: Its bundle identifier.
        source: The request folder, relative to the app's container.
        scratch: A folder there that does not exist.
        limits: The largest size of each file that an item may leave.

    Raises:
        LinkLost: The Mac is not reached.
    """
    brought = Brought()
    place = ("--domain-type", "appDataContainer", "--domain-identifier", app)
    try:
        mac.require(["mkdir", "-p", scratch], "results have no folder")
        words = ("device", "copy", "from", "--device", phone.udid, *place)
        devicectl(
            mac, *words, "--source", f"{source}/{RESULTS}", "--destination", f"{scratch}/{RESULTS}", silence_s=_COPY_S
        )
        with contextlib.suppress(RequestError):
            to = f"{scratch}/{DEVICE}"
            devicectl(mac, *words, "--source", f"{source}/{DEVICE}", "--destination", to, silence_s=_COPY_S)
    except LinkLost:
        raise
    except RequestError as error:
        brought.complaints.append(one_line(error, 300))
        return brought
    for item, agreed in limits.items():
        with contextlib.suppress(TooMuch):
            files = {name: mac.read(f"{scratch}/{RESULTS}/{item}/{name}", limit) for name, limit in agreed.items()}
            if files[STATUS] is not None:
                brought.files[item] = {name: content for name, content in files.items() if content is not None}
            continue
        brought.refused.append(f"a file of {item} is larger than was agreed")
    with contextlib.suppress(TooMuch):
        if facts := mac.read(f"{scratch}/{DEVICE}", DEVICE_BYTES):
            brought.files[OWN] = {DEVICE: facts}
    return brought


def agreed_pieces(limits: Mapping[str, Mapping[str, int]]) -> dict[str, Mapping[str, int]]:
    """Returns the largest size of each file that a piece may hold: those of items, and of the runner itself."""
    return {**limits, OWN: {DEVICE: DEVICE_BYTES}}


def largest_piece(agreed: Mapping[str, Mapping[str, int]]) -> int:
    """Returns the most bytes that an attachment may have."""
    return max(sum(sizes.values()) for sizes in agreed.values()) + HEADER_BYTES


def pieces_in(manifest: bytes) -> list[str]:
    """Returns the files of our attachments that the manifest.json of xcresulttool names. Raises ValueError."""
    tests = _Manifest.model_validate_json(manifest).root
    attachments = (each for test in tests for each in test.attachments)
    return [each.file for each in attachments if each.name.startswith(_PREFIX) and _FILE.fullmatch(each.file)]


def header_of(content: bytes) -> Header:
    """Returns the header that an attachment begins with. Raises ValueError if there is none."""
    line, _, _ = content.partition(b"\n")
    if len(line) > HEADER_BYTES:
        raise ValueError("it has no header")
    try:
        return Header.model_validate_json(line)
    except ValidationError:
        raise ValueError("it has no header") from None


def unpacked(content: bytes, agreed: Mapping[str, Mapping[str, int]]) -> tuple[str, dict[str, bytes]]:
    """Returns the item of an attachment, and its files. Raises ValueError if they are not what was agreed."""
    header, rest = header_of(content), content.partition(b"\n")[2]
    limits = agreed.get(header.item, {})
    if any(not 0 <= size <= limits.get(name, -1) for name, size in header.sizes.items()):
        raise ValueError(f"its files of {one_line(header.item, 120)} were not agreed")
    if sum(header.sizes.values()) != len(rest):
        raise ValueError(f"it has {len(rest)} bytes after its header, not {sum(header.sizes.values())}")
    files, start = {}, 0
    for name, size in header.sizes.items():
        files[name] = rest[start : start + size]
        start += size
    return header.item, files
