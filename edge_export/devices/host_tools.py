"""The programs of this machine that build and test the Kotlin library, and that emulate Arm."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from typing import Final

from edge_export.errors import one_line

SECONDS = 60.0


@dataclass(frozen=True)
class HostTool:
    """A program.

    Attributes:
        command: What tells its version.
        package: Debian's package that has it.
        purpose: What it is for here.
    """

    name: str
    command: tuple[str, ...]
    package: str
    purpose: str


@dataclass(frozen=True)
class Found:
    """What became of a program's command: its version and None, or no version and what is wrong."""

    tool: HostTool
    version: str
    works: bool | None
    detail: str

    @property
    def remedy(self) -> str:
        return "" if self.works else f"apt-get install {self.tool.package}"


_KOTLIN = "the Kotlin tests: make -C android_demo test"
_SHIM = "device aar:{}; without it, pip fetches ziglang"
TOOLS: Final = (
    HostTool("Java", ("javac", "-version"), "default-jdk-headless", _KOTLIN),
    HostTool("Maven", ("mvn", "--version"), "maven", _KOTLIN),
    HostTool("gcc", ("gcc", "--version"), "gcc", _SHIM.format("x86_64")),
    HostTool("gcc for arm64", ("aarch64-linux-gnu-gcc", "--version"), "gcc-aarch64-linux-gnu", _SHIM.format("arm64")),
    HostTool("QEMU", ("qemu-aarch64-static", "--version"), "qemu-user-static", "devices qemu:aarch64 and aar:arm64"),
)


def look_for(tool: HostTool) -> Found:
    """Asks a program for its version. `works` is None if it is not installed, False if it does not answer."""
    try:
        done = subprocess.run(tool.command, capture_output=True, text=True, timeout=SECONDS, stdin=subprocess.DEVNULL)
    except FileNotFoundError:
        return Found(tool, "", None, f"not installed; it is for {tool.purpose}")
    except (OSError, subprocess.TimeoutExpired) as error:
        return Found(tool, "", False, one_line(error))
    answer = done.stdout + done.stderr
    version = re.search(r"\d+(\.\d+)+", answer)
    if done.returncode or version is None:
        return Found(tool, "", False, one_line(answer) or f"exit code {done.returncode}")
    return Found(tool, version[0], True, f"for {tool.purpose}")
