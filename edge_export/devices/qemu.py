"""`qemu:aarch64`: the runner's Python, numpy and LiteRT are Arm code, which QEMU's user mode runs on this machine.

XNNPACK takes its Arm kernels there. Results are those of Arm; times are those of an emulator, and never called latency.
"""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from edge_export.cache import cache_folder
from edge_export.devices.device import Listed, Report
from edge_export.devices.request import Request
from edge_export.devices.runner_process import ask_facts, command, run_folder
from edge_export.errors import RequestError, one_line
from edge_export.spec.device import DeviceFacts

ARCHITECTURES = {"aarch64": "arm64"}
"""Their names here, and in Debian."""
PYTHON, WHEELS, READY = "usr/bin/python3", "wheels", "ready"
PACKAGE = "qemu-user-static"
_SME_SINCE = (7, 1)


class Qemu:
    """An emulated processor on this machine, with a userland of its own."""

    def __init__(self, architecture: str, emulator: str, userland: Path) -> None:
        self.name = f"qemu:{architecture}"
        self._runner = command(python_in(emulator, userland), emulated=True)

    def facts(self) -> DeviceFacts:
        return ask_facts(self._runner, self.name)

    def run(self, folder: Path, request: Request, report: Report, *, resume: bool) -> None:
        run_folder(self._runner, folder, report, self.name)


def open_qemu(rest: str) -> Qemu:
    """Raises RequestError if the architecture is unknown, QEMU is missing, or the userland is not set up."""
    architecture = known_architecture(rest)
    emulator = find_emulator(architecture)
    userland = userland_folder(architecture)
    if not (userland / READY).is_file():
        raise RequestError(f"qemu:{architecture} is not set up: run `edge_export devices setup qemu:{architecture}`")
    return Qemu(architecture, emulator, userland)


def python_in(emulator: str, userland: Path, variables: Mapping[str, str] | None = None) -> list[str]:
    """Returns the command that runs the userland's Python with its wheels, and with more environment variables."""
    python = (userland / PYTHON).resolve()
    settings = {"PYTHONPATH": str(userland / WHEELS), **(variables or {})}
    options = [word for name, value in settings.items() for word in ("-E", f"{name}={value}")]
    return [emulator, *processor(emulator), "-L", str(userland), *options, str(python)]


@functools.cache
def processor(emulator: str) -> tuple[str, ...]:
    """Returns the options that choose the processor: all that the emulator knows but Arm's matrix extension, SME.

    QEMU 7.2, which Debian 12 has, computes SME wrong: LiteRT's int8 layers of several rows were noise, 0 dB instead of
    46. In QEMU 10 they are right. Dot products and i8mm, which most phones have, are there. Before 7.1 there is no SME.
    """
    try:
        said = subprocess.run([emulator, "--version"], capture_output=True, text=True, timeout=60, check=False).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RequestError(f"{emulator} does not run ({one_line(error)}): reinstall {PACKAGE}") from error
    version = re.search(r"version (\d+)\.(\d+)", said)
    if version and (int(version[1]), int(version[2])) < _SME_SINCE:
        return ()
    return ("-cpu", "max,sme=off")


def known_architecture(name: str) -> str:
    """Raises RequestError if `name` is not one of ARCHITECTURES."""
    if name not in ARCHITECTURES:
        forms = ", ".join(f"qemu:{each}" for each in ARCHITECTURES)
        raise RequestError(f"qemu:{one_line(name, 40)} is not a device: give {forms}")
    return name


def find_emulator(architecture: str) -> str:
    """Returns the path of QEMU's user mode emulator. Raises RequestError if it is not installed."""
    for name in (f"qemu-{architecture}-static", f"qemu-{architecture}"):
        if found := shutil.which(name):
            return found
    raise RequestError(f"qemu-{architecture} is not installed: apt-get install {PACKAGE}")


def userland_folder(architecture: str) -> Path:
    """Returns where the userland of an architecture is set up."""
    return cache_folder() / "userlands" / architecture


def found() -> list[Listed]:
    return [_listed(architecture) for architecture in ARCHITECTURES]


def _listed(architecture: str) -> Listed:
    try:
        facts = open_qemu(architecture).facts()
    except RequestError as error:
        return Listed(f"qemu:{architecture}", "", problem=str(error))
    return Listed(f"qemu:{architecture}", facts.soc, tuple(facts.runtimes.values()))
