"""The runner on a phone: how it is started, and what it says while it runs.

The runner app is an instrumentation: it runs a request folder and sends a status for each item, which `am` prints:

    INSTRUMENTATION_STATUS: item=…
    INSTRUMENTATION_STATUS: outcome=started | done | failed | unsupported | finished before
    INSTRUMENTATION_STATUS_CODE: 1
    …
    INSTRUMENTATION_CODE: -1
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass

from edge_export.devices.adb_client import Adb, Silence
from edge_export.devices.android_files import FOLDER
from edge_export.devices.device import Report
from edge_export.errors import RequestError, one_line

PACKAGE = "edge.runner"
INSTRUMENTATION = f"{PACKAGE}/{PACKAGE}.RequestInstrumentation"
RESULTS = f"/sdcard/Android/media/{PACKAGE}"
"""The app's own folder, which the shell may read. It leaves its results there."""
FACTS = f"am instrument -r -w -e results {RESULTS} {INSTRUMENTATION}"
"""Leaves device.json in RESULTS."""
RUN = f"am instrument -r -w -e results {RESULTS} -e request {FOLDER} {INSTRUMENTATION}"
"""Runs the request that is in FOLDER."""
END = f"am force-stop {PACKAGE}"
_SAID_BYTES = 16 << 20
_LINE_BYTES = 1 << 16


class Listener:
    """Reads what the runner prints, whole lines or not.

    Attributes:
        running: The item that was started and not finished; empty: none.
        complete: Whether the runner said that it went through all items.
        failure: Why it did not; empty: it did not say.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._rest = b""
        self._bundle: dict[str, str] = {}
        self.running = ""
        self.complete = False
        self.failure = ""

    def hear(self, chunk: bytes) -> None:
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        self._rest = self._rest[:_LINE_BYTES]
        for line in lines:
            self._line(line[:_LINE_BYTES].decode(errors="replace").strip())

    def _line(self, line: str) -> None:
        if pair := re.fullmatch(r"INSTRUMENTATION_(STATUS|RESULT): (\w+)=(.*)", line):
            self._bundle[pair[2]] = pair[3]
        elif re.fullmatch(r"INSTRUMENTATION_STATUS_CODE: -?\d+", line):
            self.failure = self._bundle.get("Error", self.failure)
            if "item" in self._bundle:
                outcome = one_line(self._bundle.get("outcome", ""), 40)
                self.running = self._bundle["item"] if outcome == "started" else ""
                self._report(self._bundle["item"], outcome)
            self._bundle = {}
        elif code := re.fullmatch(r"INSTRUMENTATION_CODE: (-?\d+)", line):
            self.complete = code[1] == "-1"  # Activity.RESULT_OK
            self.failure = self._bundle.get("longMsg") or self._bundle.get("shortMsg", self.failure)
        elif line.startswith(("INSTRUMENTATION_FAILED: ", "INSTRUMENTATION_ABORTED: ")):
            self.failure = self.failure or line.partition(": ")[2]


@dataclass(frozen=True)
class Stop:
    """How a start of the runner ended before all items were finished.

    Attributes:
        item: What it was running; empty: nothing.
        reason: One line.
    """

    item: str
    reason: str


def start_runner(adb: Adb, command: str, silence_s: float, report: Report) -> Stop | None:
    """Starts the runner by FACTS or RUN, and waits for its end.

    Args:
        silence_s: How long the runner may say nothing, in seconds, before it is ended.
        report: Called as items start and end. Nothing in it is checked.

    Returns:
        None if it went through all items.

    Raises:
        LinkLost: The phone is gone. The runner may go on there.
        RequestError: The phone has no such runner.
    """
    listener = Listener(report)
    try:
        answer = adb.shell(command, timeout_s=silence_s, limit_bytes=_SAID_BYTES, heard=listener.hear)
    except Silence:
        adb.shell(END)
        return Stop(listener.running, f"it took longer than its time limit, and was ended after {silence_s:g} s")
    except KeyboardInterrupt:
        with contextlib.suppress(RequestError):
            adb.shell(END)
        raise
    if "Unable to find instrumentation" in listener.failure:
        uninstall = f"adb -s {adb.serial} uninstall {PACKAGE}"
        raise RequestError(f"{adb.name}: its runner app has no {INSTRUMENTATION}: `{uninstall}`, then try again")
    if listener.complete:
        return None
    return Stop(listener.running, one_line(listener.failure or answer.complaint, 300))
