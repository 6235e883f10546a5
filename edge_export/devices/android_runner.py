"""The runner on a phone: how it is started, and what it says while it runs.

The runner app is an instrumentation: it runs a request folder and sends a status for each item, which `am` prints:

    INSTRUMENTATION_STATUS: item=…
    INSTRUMENTATION_STATUS: outcome=started | done | failed | unsupported | finished before
    INSTRUMENTATION_STATUS_CODE: 1
    …
    INSTRUMENTATION_CODE: -1

Without the app, `app_process` starts the same runner from a jar, which prints what the Python runner prints. A process
of the shell gets other cores than an app, so its times are never latency.
"""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from edge_export.devices.adb_client import Adb, Silence
from edge_export.devices.android_files import FOLDER
from edge_export.devices.device import Report
from edge_export.devices.request import DEVICE
from edge_export.devices.runner_process import hear
from edge_export.errors import RequestError, one_line

PACKAGE = "edge.runner"
INSTRUMENTATION = f"{PACKAGE}/{PACKAGE}.RequestInstrumentation"
MAIN = f"{PACKAGE}.Main"
"""The class that `app_process` starts."""
JAR = "EDGE_EXPORT_ANDROID_RUNNER"
"""The variable with the path of the jar that holds it, for phones without the app."""
_JAR = "/data/local/tmp/edge_export_runner.jar"
_APP_FOLDER = f"/sdcard/Android/media/{PACKAGE}"
_INSTRUMENT = f"am instrument -r -w -e results {_APP_FOLDER}"
_APP_PROCESS = f"CLASSPATH={_JAR} app_process / {MAIN}"
_PUSH_S = 300.0
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
                self._event(self._bundle["item"], one_line(self._bundle.get("outcome", ""), 40))
            self._bundle = {}
        elif code := re.fullmatch(r"INSTRUMENTATION_CODE: (-?\d+)", line):
            self.complete = code[1] == "-1"  # Activity.RESULT_OK
            self.failure = self._bundle.get("longMsg") or self._bundle.get("shortMsg", self.failure)
        elif line.startswith(("INSTRUMENTATION_FAILED: ", "INSTRUMENTATION_ABORTED: ")):
            self.failure = self.failure or line.partition(": ")[2]
        else:
            hear(line.encode(), self._event)

    def _event(self, item: str, outcome: str) -> None:
        self.running = item if outcome == "started" else ""
        self._report(item, outcome)


@dataclass(frozen=True)
class Stop:
    """How a start of the runner ended before all items were finished.

    Attributes:
        item: What it was running; empty: nothing.
        reason: One line.
    """

    item: str
    reason: str


@dataclass(frozen=True)
class Way:
    """How a runner is started.

    Attributes:
        facts: The command of Android's shell that leaves device.json in `results`.
        run: The command that runs the request.
        results: The folder of the phone in which the runner leaves its results.
        end: The command that ends what was started.
        instrumented: Whether it says at its end whether it went through all items; else its exit status does.
        latency: Whether its times are those of an app.
    """

    facts: str
    run: str
    results: str
    end: str
    instrumented: bool
    latency: bool


APP = Way(
    facts=f"{_INSTRUMENT} {INSTRUMENTATION}",
    run=f"{_INSTRUMENT} -e request {FOLDER} {INSTRUMENTATION}",
    results=_APP_FOLDER,
    end=f"am force-stop {PACKAGE}",
    instrumented=True,
    latency=True,
)
"""The runner app. It reads the request, and writes into a folder of its own that the shell may read."""

APP_PROCESS = Way(
    facts=f"{_APP_PROCESS} --facts > {FOLDER}/{DEVICE}",
    run=f"{_APP_PROCESS} {FOLDER}",
    results=FOLDER,
    end=f"pkill -f {MAIN[:-1]}[{MAIN[-1]}]",  # a pattern that does not match its own command line
    instrumented=False,
    latency=False,
)
"""The jar that is on the phone. It writes into the request folder."""


def choose_way(adb: Adb) -> Way:
    """Returns the app's way; without the app that of the jar, which it brings to the phone.

    Raises:
        RequestError: The phone is gone, or there is neither app nor jar.
    """
    if adb.shell(f"pm path {PACKAGE}").status == 0:
        return APP
    jar = os.environ.get(JAR)
    if not jar:
        raise RequestError(f"{adb.name} lacks the runner app {PACKAGE}: `adb -s {adb.serial} install` it")
    if not Path(jar).is_file():
        raise RequestError(f"{JAR} is {jar}, and there is no such file")
    adb.push([Path(jar)], _JAR, timeout_s=_PUSH_S)
    # Android 14 loads no code from a file that can be written.
    adb.require(f"mkdir -p {FOLDER} && chmod 444 {_JAR}", f"{_JAR} can't be prepared")
    return APP_PROCESS


def start_runner(adb: Adb, command: str, way: Way, silence_s: float, report: Report) -> Stop | None:
    """Starts the runner by one of the commands of `way`, and waits for its end.

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
        adb.shell(way.end)
        return Stop(listener.running, f"it took longer than its time limit, and was ended after {silence_s:g} s")
    except KeyboardInterrupt:
        with contextlib.suppress(RequestError):
            adb.shell(way.end)
        raise
    if "Unable to find instrumentation" in listener.failure:
        raise RequestError(f"{adb.name} has a runner app without {INSTRUMENTATION}: install the app of this version")
    if listener.complete if way.instrumented else answer.status == 0:
        return None
    return Stop(listener.running, one_line(listener.failure or answer.complaint, 300))
