"""`aar:x86_64` and `aar:arm64`: Android's own TFLite library, out of the AAR of apps, as a runtime of this machine.

The library asks for bionic, Android's C library. A shim hands its calls on to glibc (aar_shim/). arm64 code runs on an
Arm machine, or in QEMU's user mode with the userland of `qemu:aarch64`; those times are never called latency.
"""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

from edge_export.cache import cache_folder
from edge_export.devices.device import Listed, Report
from edge_export.devices.qemu import find_emulator, python_in, userland_folder
from edge_export.devices.request import Request
from edge_export.devices.runner_process import ask_facts, command, run_folder
from edge_export.errors import RequestError, one_line
from edge_export.files.hashing import sha256_of
from edge_export.spec.device import DeviceFacts


@dataclass(frozen=True)
class Abi:
    """One of Android's binary interfaces.

    Attributes:
        folder: Where an AAR has the libraries of it.
        architecture: As `uname -m` says it.
        elf_machine: The processor's number in ELF files.
    """

    folder: str
    architecture: str
    elf_machine: int


ABIS = {"x86_64": Abi("jni/x86_64", "x86_64", 62), "arm64": Abi("jni/arm64-v8a", "aarch64", 183)}
LIBRARY, SHIM, READY = "libtensorflowlite_jni.so", "libc.so", "ready"
SHIM_SOURCES = Path(__file__).with_name("aar_shim")


class Aar:
    """Android's library on this machine."""

    def __init__(self, abi: str, folder: Path) -> None:
        self.name = f"aar:{abi}"
        python = python_for(abi, folder)
        self._runner = command(python, library=folder / LIBRARY, emulated=is_emulated(abi))

    def facts(self) -> DeviceFacts:
        return ask_facts(self._runner, self.name)

    def run(self, folder: Path, request: Request, report: Report, *, resume: bool) -> None:
        run_folder(self._runner, folder, report, self.name)


def open_aar(rest: str) -> Aar:
    """Raises RequestError if the ABI is unknown, can't run here, or is not set up."""
    abi = known_abi(rest)
    folder = library_folder(abi)
    if not (folder / READY).is_file():
        raise RequestError(f"aar:{abi} is not set up: run `edge_export devices setup aar:{abi}`")
    return Aar(abi, folder)


def known_abi(name: str) -> str:
    """Raises RequestError if `name` is not one of ABIS, or this machine can't run it."""
    if name not in ABIS:
        forms = ", ".join(f"aar:{each}" for each in ABIS)
        raise RequestError(f"aar:{one_line(name, 40)} is not a device: give {forms}")
    if sys.platform != "linux" or (platform.machine() != "x86_64" and is_emulated(name)):
        here = f"{sys.platform} on {platform.machine()}"
        raise RequestError(f"aar:{name} does not run on {here}: use Linux on {ABIS[name].architecture}")
    return name


def is_emulated(abi: str) -> bool:
    """Returns whether an ABI is not that of this machine."""
    return ABIS[abi].architecture != platform.machine()


def python_for(abi: str, folder: Path) -> list[str]:
    """Returns the command that runs a Python which can load the library in `folder`.

    On Arm the shim is preloaded: the library's stack protector relies on it.
    """
    variables = {"LD_LIBRARY_PATH": str(folder)}
    if abi == "arm64":
        variables["LD_PRELOAD"] = str(folder / SHIM)
    if is_emulated(abi):
        architecture = ABIS[abi].architecture
        return python_in(find_emulator(architecture), userland_folder(architecture), variables)
    merged = {name: ":".join(filter(None, (value, os.environ.get(name)))) for name, value in variables.items()}
    return ["env", *(f"{name}={value}" for name, value in merged.items()), sys.executable]


def library_folder(abi: str) -> Path:
    """Returns where the library and the shim of an ABI are set up: another folder for another shim."""
    return cache_folder().absolute() / "aar" / f"{abi}-{sha256_of(SHIM_SOURCES)[:16]}"


def found() -> list[Listed]:
    return [_listed(abi) for abi in ABIS]


def _listed(abi: str) -> Listed:
    try:
        facts = open_aar(abi).facts()
    except RequestError as error:
        return Listed(f"aar:{abi}", "", problem=str(error))
    return Listed(f"aar:{abi}", facts.soc, tuple(facts.runtimes.values()))
