"""The runner app on a phone: installed if it is missing, or not the one that was built here."""

from __future__ import annotations

import os
import re
from pathlib import Path

from edge_export.devices.adb_client import Adb, Answer, quoted
from edge_export.devices.android_runner import PACKAGE
from edge_export.errors import RequestError
from edge_export.files.hashing import file_sha256

APK = "EDGE_EXPORT_ANDROID_RUNNER"
"""The variable with the path of the app, where it is not in BUILT."""
BUILT = Path(__file__).parents[2] / "android_demo/apk/target/runner/app-debug.apk"
BUILD = "make -C android_demo runner"
_ON_PHONE = "/data/local/tmp/edge_export_runner.apk"
_PUSH_S = 300.0
_INSTALL_S = 300.0
_OTHER_KEY = "INSTALL_FAILED_UPDATE_INCOMPATIBLE"


def require_app(adb: Adb) -> None:
    """Raises RequestError if the phone is gone, or lacks the runner app."""
    if _installed(adb) is None:
        raise RequestError(f"{adb.name} lacks the runner app: `edge_export devices check {adb.name}` installs it")


def needed_app(adb: Adb) -> Path | None:
    """Returns the app to install on a phone; None if it has one that can be used.

    Raises:
        RequestError: The phone is gone, or there is no app, neither there nor here.
    """
    installed, here = _installed(adb), _app_here()
    if here is None and installed is None:
        raise RequestError(f"{adb.name} lacks the runner app: build it by `{BUILD}`, or give its path in {APK}")
    return None if here is None or file_sha256(here) == installed else here


def install_app(adb: Adb, app: Path) -> None:
    """Installs the runner app. It replaces another one, and keeps nothing of it.

    Raises:
        LinkLost: The phone is gone.
        RequestError: Its storage is full, or it refuses.
    """
    adb.push([app], _ON_PHONE, timeout_s=_PUSH_S)
    try:
        answer = _install(adb)
        if _OTHER_KEY in answer.text + answer.errors:  # each machine makes a debug key of its own
            adb.require(f"pm uninstall {PACKAGE}", "the runner app of another machine can't be removed")
            answer = _install(adb)
    finally:
        adb.shell(f"rm -f {_ON_PHONE}")
    if answer.status:
        raise RequestError(f"{adb.name}: the runner app can't be installed ({answer.complaint})")


def _install(adb: Adb) -> Answer:
    return adb.shell(f"pm install -r -d -t {_ON_PHONE}", timeout_s=_INSTALL_S)


def _app_here() -> Path | None:
    given = os.environ.get(APK)
    if given and not Path(given).is_file():
        raise RequestError(f"{APK} is {given}, and there is no such file")
    here = Path(given) if given else BUILT
    return here if here.is_file() else None


def _installed(adb: Adb) -> str | None:
    """Returns the sha256 of the app that is on the phone, or a text that is none; None: it has no such app."""
    found = adb.shell(f"pm path {PACKAGE}")
    path = re.search(r"^package:(/\S+)$", found.text, re.MULTILINE)
    if found.status or path is None:
        return None
    return adb.shell(f"sha256sum {quoted(path[1])}").text.partition(" ")[0]
