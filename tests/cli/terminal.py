"""What a person sees: text as a terminal of some width shows it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Callable, Iterable
from io import StringIO
from pathlib import Path

from rich.cells import cell_len
from rich.console import Console


def shown(width: int, show: Callable[[Console], None]) -> str:
    """What `show` prints on a terminal of `width` columns."""
    text = StringIO()
    show(Console(file=text, width=width, height=50, highlight=False))
    return text.getvalue()


def in_terminal(command: Iterable[str], width: int, folder: Path, environment: dict[str, str]) -> tuple[int, str]:
    """Run `command` in a real terminal of `width` columns; its exit code and what it wrote, without colors."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    clean = {k: v for k, v in environment.items() if k not in ("COLUMNS", "LINES")} | {"TERM": "xterm-256color"}
    process = subprocess.Popen(list(command), cwd=folder, env=clean, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    chunks = []
    while True:
        try:
            chunk = os.read(ours, 65536)
        except OSError:  # the last process of the terminal has ended
            break
        if not chunk:
            break
        chunks.append(chunk)
    os.close(ours)
    text = b"".join(chunks).decode().replace("\r\n", "\n")
    return process.wait(), re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def assert_whole(text: str, words: Iterable[str]) -> None:
    """Each of `words` is there, in one piece and apart from the others, and nothing was cut."""
    assert "…" not in text
    for word in words:
        assert re.search(rf"(?<!\S){re.escape(word)}(?!\S)", text), f"{word!r} is not whole in\n{text}"


def assert_fits(text: str, width: int) -> None:
    wide = [line for line in text.splitlines() if cell_len(line) > width]
    assert not wide, f"wider than {width}:\n" + "\n".join(wide)
