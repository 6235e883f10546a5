"""The shell service, version 2: standard output, standard error and the exit status apart from each other."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import struct
from typing import TYPE_CHECKING

from emulated_phone.state import State

if TYPE_CHECKING:
    from emulated_phone.adbd import Stream

_OUT, _ERR, _EXIT = 1, 2, 3
_ABSOLUTE = re.compile(r"(?<![\w./-])/(?=(?:data|proc|sdcard|sys)\b)")
"""Where an absolute path of the phone begins in a command. `/bin/sh` and `/dev/null` are this machine's."""


async def run_shell(stream: Stream, state: State, command: str) -> None:
    """Runs `command` by this machine's `sh`, with the phone's folder for its file system.

    Paths of the phone become paths below that folder, and those in error messages become the phone's again. The
    processes go on if the client is gone, as they do on a phone.
    """
    root = str(state.root)
    with state.changed() as phone:
        phone.log.append(command)
    environment = {"PATH": f"{state.commands}:{os.defpath}", "EMULATED_PHONE": str(state.path)}
    process = await asyncio.create_subprocess_exec(
        "sh",
        "-c",
        _ABSOLUTE.sub(f"{root}/", command),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=root,
        env=environment,
        start_new_session=True,
    )
    state.started.append(process.pid)

    async def forward(kind: int, pipe: asyncio.StreamReader) -> None:
        while chunk := await pipe.read(64 * 1024):
            text = chunk.replace(root.encode(), b"") if kind == _ERR else chunk
            with contextlib.suppress(EOFError):  # read on, so that the process can write on
                await stream.write(struct.pack("<BI", kind, len(text)) + text)

    assert process.stdout is not None
    assert process.stderr is not None
    await asyncio.gather(forward(_OUT, process.stdout), forward(_ERR, process.stderr))
    status = await process.wait()
    await stream.write(struct.pack("<BIB", _EXIT, 1, status % 256))
