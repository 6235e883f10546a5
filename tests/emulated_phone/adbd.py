"""The daemon: a connection with its streams. Each stream is one service, such as `shell,v2,raw:ls` or `sync:`."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
from collections.abc import Callable

from emulated_phone.shell import run_shell
from emulated_phone.state import State
from emulated_phone.sync import serve_files
from emulated_phone.wire import (
    AUTH,
    CLSE,
    CNXN,
    MAX_PAYLOAD,
    OKAY,
    OPEN,
    VERSION,
    WRTE,
    Packet,
    read_packet,
    write_packet,
)

_TOKEN, _SIGNATURE = 1, 2


class Stream:
    """One service's way to the client: it waits for an OKAY after each packet that it sends."""

    def __init__(self, send: Callable[[Packet], None], ours: int, theirs: int) -> None:
        self._send, self.ours, self.theirs = send, ours, theirs
        self._received = bytearray()
        self._arrived = asyncio.Event()
        self._may_write = asyncio.Event()
        self._may_write.set()
        self.closed = asyncio.Event()

    def arrived(self, payload: bytes) -> None:
        self._received += payload
        self._arrived.set()
        self._send(Packet(OKAY, self.ours, self.theirs))

    def acknowledged(self) -> None:
        self._may_write.set()

    def end(self) -> None:
        self.closed.set()
        self._arrived.set()
        self._may_write.set()

    async def read(self, size: int) -> bytes:
        """Exactly `size` bytes. Raises EOFError if the client closed the stream before."""
        while len(self._received) < size:
            if self.closed.is_set():
                raise EOFError
            self._arrived.clear()
            await self._arrived.wait()
        taken = bytes(self._received[:size])
        del self._received[:size]
        return taken

    async def write(self, content: bytes) -> None:
        """Raises EOFError if the client closed the stream."""
        for start in range(0, len(content), MAX_PAYLOAD):
            await self._may_write.wait()
            if self.closed.is_set():
                raise EOFError
            self._may_write.clear()
            self._send(Packet(WRTE, self.ours, self.theirs, content[start : start + MAX_PAYLOAD]))


class Connection:
    """One client. All its services end with it, but for the processes that they started: those go on."""

    def __init__(self, state: State, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._state, self._reader, self._writer = state, reader, writer
        self._streams: dict[int, Stream] = {}
        self._numbers = itertools.count(1)
        self._services: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, ValueError):
            while True:
                self._handle(await read_packet(self._reader))
        for stream in self._streams.values():
            stream.end()
        self.cut()

    def cut(self) -> None:
        """The cable is pulled out."""
        self._writer.close()

    def _send(self, packet: Packet) -> None:
        if not self._writer.is_closing():
            write_packet(self._writer, packet)

    def _handle(self, packet: Packet) -> None:
        stream = self._streams.get(packet.second)
        match packet.command:
            case _ if packet.command == CNXN or (packet.command == AUTH and packet.first == _SIGNATURE):
                self._greet()
            case _ if packet.command == OPEN:
                self._open(packet.first, packet.payload.rstrip(b"\0").decode())
            case _ if stream is None:
                pass
            case _ if packet.command == OKAY:
                stream.acknowledged()
            case _ if packet.command == WRTE:
                stream.arrived(packet.payload)
            case _ if packet.command == CLSE:
                stream.end()

    def _greet(self) -> None:
        if self._state.read().offline:
            self.cut()  # adb tries again; one that is left open without an answer waits for ever
            return
        if self._state.read().unauthorized:
            self._send(Packet(AUTH, _TOKEN, 0, os.urandom(20)))
            return
        props = self._state.read().props
        names = ("ro.product.name", "ro.product.model", "ro.product.device")
        banner = "device::" + "".join(f"{name}={props[name]};" for name in names) + "features=shell_v2,cmd,stat_v2"
        self._send(Packet(CNXN, VERSION, MAX_PAYLOAD, banner.encode()))

    def _open(self, theirs: int, service: str) -> None:
        stream = Stream(self._send, next(self._numbers), theirs)
        name, _, rest = service.partition(":")
        if name.split(",")[0] == "shell":
            serving = run_shell(stream, self._state, rest)
        elif name == "sync":
            serving = serve_files(stream, self._state)
        else:
            self._send(Packet(CLSE, 0, theirs))
            return
        self._streams[stream.ours] = stream
        self._send(Packet(OKAY, stream.ours, theirs))
        task = asyncio.create_task(self._until_end(stream, serving))
        self._services.add(task)
        task.add_done_callback(self._services.discard)

    async def _until_end(self, stream: Stream, serving) -> None:
        with contextlib.suppress(EOFError):
            await serving
        del self._streams[stream.ours]
        self._send(Packet(CLSE, stream.ours, stream.theirs))
