"""`xcrun devicectl …` and `xcrun xcresulttool …`."""

from __future__ import annotations

import json
import plistlib
import shutil
import sys
from pathlib import Path
from typing import Any

from emulated_mac.mac import Phone, options_of, this_mac

mac = this_mac()
state = mac.state
words = sys.argv[1:]
options = options_of(words)
NOT_FOUND = "ERROR: The specified device was not found. (com.apple.dt.CoreDeviceError error 1000 (0x3E8))"


def described(phone: Phone) -> dict[str, Any]:
    """An element of `result.devices`."""
    return {
        "identifier": "8A1E2B5C-0000-4000-8000-0123456789AB",
        "hardwareProperties": {
            "udid": phone.udid,
            "platform": phone.platform,
            "marketingName": phone.model,
            "productType": "iPhone16,1",
            "reality": "physical",
        },
        "deviceProperties": {
            "name": "A phone",
            "osVersionNumber": "18.1",
            "developerModeStatus": phone.developer_mode,
        },
        "connectionProperties": {"pairingState": phone.pairing, "tunnelState": phone.tunnel},
    }


def answer(result: dict[str, Any]) -> None:
    told = {"info": {"outcome": "success", "jsonVersion": 2}, "result": result}
    Path(options["--json-output"]).write_text(json.dumps(told))


def device() -> str:
    if options["--device"] not in [phone.udid for phone in state.phones]:
        sys.exit(NOT_FOUND)
    return options["--device"]


def in_container() -> Path:
    assert options["--domain-type"] == "appDataContainer"
    place = mac.container(device(), options["--domain-identifier"])
    if not place.is_dir():
        sys.exit("ERROR: The requested application is not installed. (com.apple.dt.CoreDeviceError error 7000)")
    return place


def copy(source: Path, target: Path) -> None:
    if not source.exists():
        sys.exit(f"ERROR: The file “{source.name}” couldn’t be opened because there is no such file.")
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        shutil.copy(source, target)


match words:
    case ["devicectl", "list", "devices", *_]:
        answer({"devices": [described(phone) for phone in state.phones]})
    case ["devicectl", "device", "info", "lockState", *_]:
        device()
        answer({"passcodeRequired": state.locked, "unlockedSinceBoot": True})
    case ["devicectl", "device", "install", "app", "--device", _, app, *_]:
        info = plistlib.loads((Path(app) / "Info.plist").read_bytes())
        (mac.container(device(), info["CFBundleIdentifier"]) / "Documents").mkdir(parents=True, exist_ok=True)
        answer({"installedApplications": [{"bundleID": info["CFBundleIdentifier"]}]})
    case ["devicectl", "device", "copy", "to", *_]:
        copy(Path(options["--source"]), in_container() / options["--destination"])
        answer({})
    case ["devicectl", "device", "copy", "from", *_]:
        copy(in_container() / options["--source"], Path(options["--destination"]))
        answer({})
    case ["xcresulttool", "export", "attachments", *_]:
        shutil.copytree(Path(options["--path"]) / "Data", options["--output-path"])
    case _:
        sys.exit(f'xcrun: error: unable to find utility "{words[0]}", not a developer tool or in PATH')
