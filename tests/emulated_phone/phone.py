"""An emulated phone for tests: started and stopped, looked into, and given its faults."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import threading
from pathlib import Path

from emulated_phone.adbd import Connection
from emulated_phone.furnish import furnish
from emulated_phone.state import Phone, State

_LOOK_S = 0.1


class EmulatedPhone:
    """One phone that listens on a port of its own. Its serial number for adb is `127.0.0.1:PORT`."""

    def __init__(self, folder: Path, **fields: object) -> None:
        self.state = State.create(folder, Phone(**fields))
        furnish(self.state)
        self._port = 0
        self._loop = asyncio.new_event_loop()
        self._stopped = asyncio.Event()
        self._connections: set[Connection] = set()
        listening = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(listening),))
        self._thread.start()
        if not listening.wait(10):
            raise TimeoutError("the emulated phone did not start")

    @property
    def serial(self) -> str:
        return f"127.0.0.1:{self._port}"

    @property
    def tmp(self) -> Path:
        """The folder of this machine that stands for the phone's /data/local/tmp."""
        return self.state.root / "data/local/tmp"

    def set(self, **changes: object) -> None:
        """Changes fields of `Phone`."""
        with self.state.changed() as phone:
            for name, value in changes.items():
                setattr(phone, name, value)

    def wait_until_online(self) -> None:
        """Waits until adb has connected again, which it tries by itself."""
        subprocess.run(["adb", "-s", self.serial, "wait-for-device"], check=True, timeout=60)

    def close(self) -> None:
        """Ends the daemon, and all that it started and that still runs."""
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join()
        self._loop.close()

    async def _serve(self, listening: threading.Event) -> None:
        async with await asyncio.start_server(self._connected, "127.0.0.1", 0) as server:
            self._port = server.sockets[0].getsockname()[1]
            listening.set()
            while not self._stopped.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopped.wait(), _LOOK_S)
                if self._stopped.is_set() or self.state.read().offline:
                    for connection in self._connections:
                        connection.cut()
        for group in self.state.started:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()}, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(self.state, reader, writer)
        self._connections.add(connection)
        await connection.serve()
        self._connections.discard(connection)
