"""What an Android phone says of itself by getprop, /proc, /sys and dumpsys."""

from __future__ import annotations

import re
from dataclasses import dataclass

from edge_export.devices.adb_client import Adb, quoted
from edge_export.errors import one_line
from edge_export.spec.device import DeviceFacts, DeviceState

_CPU = "/sys/devices/system/cpu"
_FACTS = {
    "props": "getprop",
    "memory": "cat /proc/meminfo",
    "cores": f"cat {_CPU}/possible",
    "arch": "uname -m",
}
_STATE = {
    "battery": "dumpsys battery",
    "thermal": "dumpsys thermalservice",
    "power": "dumpsys power",
    "governors": f"cat {_CPU}/cpu[0-9]*/cpufreq/scaling_governor",
    "frequencies": f"cat {_CPU}/cpu[0-9]*/cpufreq/scaling_cur_freq",
    "load": "cat /proc/loadavg",
}
STOPPED = "UPDATES STOPPED"
"""What `dumpsys battery` says while the battery is unplugged in software."""
_BATTERY = 2
"""The type of a temperature that is a battery's, in `dumpsys thermalservice`."""
_EMULATORS = ("ranchu", "goldfish", "cutf_cvm")


@dataclass(frozen=True)
class Properties:
    """What `getprop` says. All texts are one line."""

    model: str
    soc: str
    system: str
    emulated: bool


def read_facts(adb: Adb, runner: str) -> DeviceFacts:
    """Returns the facts of a phone, without its runtimes.

    Raises:
        RequestError: The phone is gone.
    """
    found = _sections(adb, _FACTS)
    props = read_properties(found["props"])
    memory = re.search(r"^MemTotal:\s*(\d+) kB", found["memory"], re.MULTILINE)
    cores = re.match(r"0-(\d{1,3})\b", found["cores"])
    return DeviceFacts(
        schema="1.0",
        runner=runner,
        model=props.model,
        soc=props.soc,
        os=props.system,
        arch=one_line(found["arch"], 40),
        cores=int(cores[1]) + 1 if cores else None,
        memory_bytes=1024 * int(memory[1][:12]) if memory else None,
        emulated=props.emulated,
        before=read_state(adb),
    )


def read_properties(text: str) -> Properties:
    """Reads lines `[name]: [value]`."""
    props = dict(re.findall(r"^\[([\w.]+)\]: \[(.*)\]$", text, re.MULTILINE))

    def first(*names: str) -> str:
        return next((one_line(props[name], 100) for name in names if props.get(name)), "")

    version, level = first("ro.build.version.release"), first("ro.build.version.sdk")
    return Properties(
        model=first("ro.product.model") or "unknown",
        soc=first("ro.soc.model", "ro.board.platform", "ro.hardware"),
        system=f"Android {version} (API {level})",
        emulated=first("ro.kernel.qemu", "ro.boot.qemu") == "1" or first("ro.hardware") in _EMULATORS,
    )


def read_state(adb: Adb) -> DeviceState:
    """Returns what may slow the phone down now.

    Raises:
        RequestError: The phone is gone.
    """
    found = _sections(adb, _STATE)
    battery = dict(re.findall(r"^\s*([\w ]+): (\w+)$", found["battery"], re.MULTILINE))
    # While its updates are stopped, the service repeats old values, the temperature included.
    stopped = STOPPED in found["battery"]
    tenths = None if stopped else _number(battery.get("temperature"))
    status = re.search(r"^Thermal Status: (\d)$", found["thermal"], re.MULTILINE)
    wakefulness = re.search(r"\bmWakefulness=(\w+)", found["power"])
    load = re.match(r"(\d{1,6}\.\d+) ", found["load"])
    powered = [value for name, value in battery.items() if name.endswith(" powered")]
    return DeviceState(
        temperature_c=_thermal_battery(found["thermal"]) if tenths is None else tenths / 10,
        thermal_status=int(status[1]) if status else None,
        battery_percent=_number(battery.get("level")),
        charging=None if stopped or not powered else "true" in powered,
        governors=tuple(one_line(line, 40) for line in found["governors"].split()[:64]),
        frequencies_khz=tuple(map(int, re.findall(r"^\d{1,9}$", found["frequencies"], re.MULTILINE)[:64])),
        load=float(load[1]) if load else None,
        screen_on=wakefulness[1] == "Awake" if wakefulness else None,
    )


def _thermal_battery(text: str) -> float | None:
    """Returns the battery's temperature as the thermal service has it; phones without one there report 0."""
    found = re.findall(rf"Temperature\{{mValue=(\d{{1,3}}\.\d+), mType={_BATTERY},", text)
    return max(map(float, found), default=0.0) or None


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"-?\d{1,9}", text) else None


def _sections(adb: Adb, commands: dict[str, str]) -> dict[str, str]:
    """Returns the output of each command by name, all by one call. What a phone lacks or forbids is empty."""
    lines = (f"echo {quoted(f'#### {name}')}; {command} 2>/dev/null" for name, command in commands.items())
    text = adb.require("; ".join(lines) + "; true", "it does not say what it is").text
    parts = re.split(r"^#### (\w+)$\n", text, flags=re.MULTILINE)[1:]
    return dict.fromkeys(commands, "") | dict(zip(parts[::2], parts[1::2], strict=True))
