"""Set up a virtual environment from a lock file, and say what is happening.

    python3.12 tools/install.py .venv requirements.lock

On a terminal one line is rewritten as it goes on; elsewhere plain lines come now and then. All that pip says is kept in
`install.log` in the environment; its last lines are shown when something failed. This runs before anything is
installed, so it needs nothing but Python's standard library.
"""

from __future__ import annotations

import argparse
import collections
import queue
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

LOG = "install.log"
NEEDS = "6 GB on disk, a few minutes"
"""What this project's lock file takes."""
PLAIN_EVERY_S = 15.0
TAIL_LINES = 15
_SIZE = re.compile(r"\((?P<amount>[\d.]+) (?P<unit>bytes|kB|MB|GB)\)")
_BYTES = {"bytes": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}


class Status:
    """What is being done: one line that is rewritten on a terminal, else a line now and then."""

    def __init__(self) -> None:
        self._terminal = sys.stdout.isatty()
        self._shown = 0.0
        self._width = 0

    def update(self, text: str) -> None:
        """Something has gone on a little."""
        if self._terminal:
            text = text[: max(20, shutil.get_terminal_size().columns - 1)]
            print(f"\r{text.ljust(self._width)}", end="", flush=True)
            self._width = len(text)
        elif time.monotonic() - self._shown > PLAIN_EVERY_S:
            self.tell(text)

    def tell(self, text: str) -> None:
        """Something that must be seen, in a line of its own."""
        print(f"\r{' ' * self._width}\r{text}" if self._width else text, flush=True)
        self._width, self._shown = 0, time.monotonic()


def main(arguments: Sequence[str] | None = None) -> int:
    """Set up the environment; 0, or 1 when that failed."""
    parser = argparse.ArgumentParser(prog="install.py", description="Set up a virtual environment from a lock file.")
    parser.add_argument("environment", type=Path, help="the folder of the environment; made anew")
    parser.add_argument("lock", type=Path, help="the exact versions of everything that it gets")
    args = parser.parse_args(arguments)
    started, status = time.monotonic(), Status()
    names = packages_in(args.lock)
    status.tell(f"setting up {args.environment}: {len(names)} packages of {args.lock} ({NEEDS})")
    shutil.rmtree(args.environment, ignore_errors=True)
    args.environment.mkdir(parents=True)
    log = args.environment / LOG
    make = [sys.executable, "-m", "venv", str(args.environment)]
    if code := run(make, log, lambda _: status.update("making the environment")):
        return failed(status, "the environment can't be made", code, log, "install Python's venv, then try again")
    progress = Progress(status, len(names), args.environment)
    pip = [str(args.environment / "bin" / "python"), "-u", "-m", "pip", "install", "--no-input", "--no-deps"]
    pip += ["--disable-pip-version-check", "--progress-bar", "off", "--no-compile", "--requirement", str(args.lock)]
    if code := run(pip, log, progress.saw):
        return failed(status, "pip failed", code, log, "mend that, then try again")
    # pip compiles on one core, this on all. Some packages hold files that are no Python 3.12: pip ignores them, too.
    compile_all = [pip[0], "-m", "compileall", "-qq", "-j", "0", str(args.environment)]
    run(compile_all, log, lambda _: status.update("compiling"))
    status.tell(f"{args.environment} is ready ({len(names)} packages, {time.monotonic() - started:.0f} s)")
    return 0


def packages_in(lock: Path) -> list[str]:
    """What a lock file lists, one `name==version` a line."""
    lines = (line.partition("#")[0].strip() for line in lock.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("-")]


class Progress:
    """How far pip has come: what it fetches, by what it says; what it installs, by what lies in the environment."""

    def __init__(self, status: Status, packages: int, environment: Path) -> None:
        self._status, self._packages, self._environment = status, packages, environment
        self._fetched, self._bytes, self._current = 0, 0.0, ""
        self._installing = False
        self._before: set[str] = set()  # pip itself
        self._before, _ = self._present()

    def saw(self, line: str) -> None:
        """Take in a line of pip's, or an empty one when a second has gone by without any."""
        if line.startswith(("Collecting ", "Processing ")):  # from an index, or a file of this machine
            self._fetched += 1
            self._current = Path(line.split()[1]).name
        elif line.strip().startswith(("Downloading ", "Using cached ")) and (size := _SIZE.search(line)):
            self._bytes += float(size["amount"]) * _BYTES[size["unit"]]
            self._current = f"{self._current.partition(' ')[0]} {size[0]}"
        elif line.startswith("Installing collected packages"):
            self._installing = True
            self._status.tell(f"{self._packages} packages are here ({self._bytes / 1e9:.1f} GB), unpacking them")
        if self._installing:
            begun, done = self._present()
            now = f", now {', '.join(sorted(begun - done))}" if begun - done else ""
            self._status.update(f"unpacked {len(done)} of {self._packages} packages{now}")
        elif self._fetched:
            size = f"{self._bytes / 1e9:.1f} GB so far"
            self._status.update(f"fetching {self._fetched} of {self._packages}: {self._current}, {size}")

    def _present(self) -> tuple[set[str], set[str]]:
        """The packages that pip has begun to unpack, and those of them that it has finished, by their names."""
        found = list(self._environment.glob("lib/python*/site-packages/*.dist-info"))
        begun = {path.name.partition("-")[0]: (path / "INSTALLER").exists() for path in found}
        return begun.keys() - self._before, {name for name, done in begun.items() if done} - self._before


def run(command: Sequence[str], log: Path, saw: Callable[[str], None]) -> int:
    """Run `command`, its output appended to `log`; its exit status.

    Args:
        saw: Is told each line, and an empty one whenever a second goes by without any.
    """
    with log.open("a", encoding="utf-8") as kept:
        kept.write(f"$ {' '.join(command)}\n")
        kept.flush()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        for line in lines_of(process):
            if line:
                kept.write(line)
                kept.flush()
            saw(line.rstrip())
        return process.wait()


def lines_of(process: subprocess.Popen[str]) -> Iterator[str]:
    """The lines that a process prints until it ends, and an empty string for each second without one."""
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    output = process.stdout
    assert output is not None

    def read() -> None:
        for line in output:
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=1)
        except queue.Empty:
            line = ""
        if line is None:
            return
        yield line


def failed(status: Status, what: str, code: int, log: Path, then: str) -> int:
    """Show the last lines of the log, and where it is."""
    with log.open(encoding="utf-8") as lines:
        tail = collections.deque((line for line in lines if line.strip()), TAIL_LINES)
    status.tell(f"{what} (status {code}); the last lines of {log}:")
    print("".join(f"    {line}" for line in tail), end="", flush=True)
    print(f"{what}: {then}; the whole log is {log}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\ninterrupted; run it again", file=sys.stderr)
        sys.exit(130)
