"""The packets of the ADB protocol: a header of six little-endian numbers, then the payload."""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass

_NAMES = (b"CNXN", b"AUTH", b"OPEN", b"OKAY", b"WRTE", b"CLSE")
CNXN, AUTH, OPEN, OKAY, WRTE, CLSE = (int.from_bytes(name, "little") for name in _NAMES)
VERSION = 0x01000000
MAX_PAYLOAD = 1 << 18
_HEADER = struct.Struct("<6I")


@dataclass(frozen=True)
class Packet:
    """One message. `command` is one of the constants above; `first` and `second` are its two arguments."""

    command: int
    first: int
    second: int
    payload: bytes = b""


async def read_packet(reader: asyncio.StreamReader) -> Packet:
    """Raises IncompleteReadError at the end of the connection."""
    command, first, second, size, _, magic = _HEADER.unpack(await reader.readexactly(_HEADER.size))
    if magic != command ^ 0xFFFFFFFF or size > 1 << 20:
        raise ValueError("not a packet of adb")
    return Packet(command, first, second, await reader.readexactly(size))


def write_packet(writer: asyncio.StreamWriter, packet: Packet) -> None:
    head = (packet.command, packet.first, packet.second, len(packet.payload), sum(packet.payload) & 0xFFFFFFFF)
    writer.write(_HEADER.pack(*head, packet.command ^ 0xFFFFFFFF) + packet.payload)
