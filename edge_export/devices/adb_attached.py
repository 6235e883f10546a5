"""The phones that the user's own `adb` knows, and which of them is meant."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from edge_export.devices.adb_client import SHORT_S, run_program
from edge_export.devices.choose_one import Wording, choose_one
from edge_export.errors import RequestError, one_line

_HOMES = ("ANDROID_HOME", "ANDROID_SDK_ROOT")
_REMEDIES = {
    "unauthorized": "unlock the phone and allow USB debugging from this computer",
    "authorizing": "unlock the phone and allow USB debugging from this computer",
    "offline": "connect it again, or run `adb reconnect offline`",
    "connecting": "wait a moment and try again",
    "no permissions": "allow USB access by a udev rule, then `adb kill-server`",
    "recovery": "start Android on it",
    "sideload": "start Android on it",
    "bootloader": "start Android on it",
}
_WORDING = Wording(
    "attached", "", "no phone is attached: connect one by USB and allow USB debugging (see `adb devices`)"
)


@dataclass(frozen=True)
class Attached:
    """A line of `adb devices -l`.

    Attributes:
        state: "device" if it can be used; else "unauthorized", "offline", "authorizing", "no permissions", …
        model: Such as "Pixel 8"; empty if adb does not know it yet.
    """

    serial: str
    state: str
    model: str


def find_adb() -> str:
    """Returns the path of `adb`, from PATH or the folder of Android's SDK.

    Raises:
        RequestError: There is none.
    """
    places = [str(Path(home, "platform-tools")) for home in map(os.environ.get, _HOMES) if home]
    for path in (None, *places):
        if found := shutil.which("adb", path=path):
            return found
    raise RequestError(
        f"adb is neither on PATH nor in {_HOMES[0]}: install Android's platform-tools (Debian: apt-get install adb)"
    )


def attached_phones(adb: str) -> tuple[Attached, ...]:
    """Returns the phones that adb knows, usable or not.

    Raises:
        RequestError: adb does not answer.
    """
    done = run_program([adb, "devices", "-l"], SHORT_S)
    if done.status:
        raise RequestError(f"`{adb} devices` failed: {done.complaint}; try `adb kill-server`")
    lines = re.findall(r"^(\S+)[ \t]+(no permissions|\S+)(.*)$", done.text.partition("attached")[2], re.MULTILINE)
    models = (re.search(r"\bmodel:(\S+)", rest) for _, _, rest in lines)
    return tuple(
        Attached(one_line(serial, 100), one_line(state, 40), one_line(model[1].replace("_", " "), 100) if model else "")
        for (serial, state, _), model in zip(lines, models, strict=True)
    )


def choose_phone(adb: str, serial: str) -> Attached:
    """Returns the attached phone with this serial number; the only one if `serial` is empty.

    Raises:
        RequestError: There is none, or there are several, or it can't be used. The message says what to do.
    """
    phones = {f"adb:{phone.serial}": phone for phone in attached_phones(adb)}
    return ready(choose_one(phones, serial and f"adb:{serial}", lambda phone: phone.state == "device", _WORDING))


def ready(phone: Attached) -> Attached:
    """Returns `phone`.

    Raises:
        RequestError: It can't be used. The message says what to do.
    """
    if phone.state != "device":
        raise RequestError(f"adb:{phone.serial} is {phone.state}: {_REMEDIES.get(phone.state, 'see `adb devices`')}")
    return phone
