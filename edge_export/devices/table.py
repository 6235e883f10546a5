"""The kinds of devices. A new one is a module and a line here."""

from __future__ import annotations

import difflib

from edge_export.devices.device import Device, Kind, Listed
from edge_export.errors import RequestError, one_line
from edge_export.spec.lazy import resolve

KINDS: dict[str, Kind] = {
    "local": Kind(
        description="this machine, with the runner in a process of its own",
        form="",
        open="edge_export.devices.local:open_local",
        found="edge_export.devices.local:found",
    ),
    "ssh": Kind(
        description="a machine with Python and numpy, by OpenSSH with your own configuration and keys",
        form=":[USER@]HOST[:PORT][#xcode[:UDID]]",
        open="edge_export.devices.ssh:open_ssh",
        found="edge_export.devices.ssh:found",
    ),
    "adb": Kind(
        description="an Android phone, by your own adb, which installs the runner app",
        form="[:SERIAL]",
        open="edge_export.devices.adb:open_adb",
        found="edge_export.devices.adb:found",
    ),
    "xcode": Kind(
        description="an iPhone, by this Mac's Xcode, or by another's as ssh:HOST#xcode; it builds the test host",
        form="[:UDID]",
        open="edge_export.devices.xcode:open_xcode",
        found="edge_export.devices.xcode:found",
    ),
    "qemu": Kind(
        description="Arm code in an emulator on this machine: right results, no latency",
        form=":aarch64",
        open="edge_export.devices.qemu:open_qemu",
        found="edge_export.devices.qemu:found",
        setup="edge_export.devices.qemu_setup:set_up",
    ),
    "aar": Kind(
        description="Android's own TFLite library, out of its AAR, on this machine; arm64 in an emulator",
        form=":x86_64|arm64",
        open="edge_export.devices.aar:open_aar",
        found="edge_export.devices.aar:found",
        setup="edge_export.devices.aar_setup:set_up",
    ),
}


def kind_of(name: str) -> tuple[Kind, str]:
    """Returns the kind of the device `name`, such as "ssh:pi@board", and what follows the colon.

    Raises:
        RequestError: There is no such kind.
    """
    kind, _, rest = name.partition(":")
    if kind in KINDS:
        return KINDS[kind], rest
    close = difflib.get_close_matches(kind, KINDS, 1)
    hint = f"did you mean {close[0]}? " if close else ""
    forms = ", ".join(f"{each}{KINDS[each].form}" for each in KINDS)
    raise RequestError(f"there is no device {one_line(name, 80)!r}: {hint}devices are {forms}")


def open_device(name: str) -> Device:
    """Returns the device `name`. Raises RequestError if there is none, or the name is wrong."""
    kind, rest = kind_of(name)
    device: Device = resolve(kind.open)(rest)
    return device


def list_devices() -> list[Listed]:
    """Returns the devices of every kind that are there."""
    return [listed for kind in KINDS.values() for listed in resolve(kind.found)()]
