"""The programs of this machine that build and test what runs on Android, reach a phone, and emulate Arm."""

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
        known_by: For a program that tells no version: what it prints when it ends with an error.
    """

    name: str
    command: tuple[str, ...]
    package: str
    purpose: str
    known_by: str = ""


@dataclass(frozen=True)
class Found:
    """What became of a program's command. `detail` says what it is for, or what is wrong.

    Attributes:
        version: Empty if it tells none, or does not work.
        works: None if it is not installed, False if it does not answer.
    """

    tool: HostTool
    version: str
    works: bool | None
    detail: str

    @property
    def remedy(self) -> str:
        return "" if self.works else f"apt-get install {self.tool.package}"


_KOTLIN = "the Kotlin tests: make -C android_demo test"
_APK = "apps for Android: make -C android_demo apk"
_GOOGLE = "Android Open Source Project"
_SHIM = "device aar:{}; without it, pip fetches ziglang"
TOOLS: Final = (
    HostTool("Java", ("javac", "-version"), "default-jdk-headless", _KOTLIN),
    HostTool("Maven", ("mvn", "--version"), "maven", _KOTLIN),
    HostTool("aapt2", ("aapt2", "version"), "aapt", f"the Kotlin tests, and {_APK}"),
    HostTool("zip", ("zip", "-v"), "zip", _APK),
    HostTool("unzip", ("unzip", "-v"), "unzip", _APK),
    HostTool("zipalign", ("zipalign",), "zipalign", _APK, known_by=_GOOGLE),
    HostTool("apksigner", ("apksigner", "--version"), "apksigner", _APK),
    HostTool("dexdump", ("dexdump",), "dexdump", _APK, known_by=_GOOGLE),
    HostTool("adb", ("adb", "--version"), "adb", "device adb; that of ANDROID_HOME is found, too"),
    HostTool("gcc", ("gcc", "--version"), "gcc", _SHIM.format("x86_64")),
    HostTool("gcc for arm64", ("aarch64-linux-gnu-gcc", "--version"), "gcc-aarch64-linux-gnu", _SHIM.format("arm64")),
    HostTool("QEMU", ("qemu-aarch64-static", "--version"), "qemu-user-static", "devices qemu:aarch64 and aar:arm64"),
)


def look_for(tool: HostTool) -> Found:
    """Asks a program for its version."""
    try:
        done = subprocess.run(tool.command, capture_output=True, text=True, timeout=SECONDS, stdin=subprocess.DEVNULL)
    except FileNotFoundError:
        return Found(tool, "", None, f"not installed; it is for {tool.purpose}")
    except (OSError, subprocess.TimeoutExpired) as error:
        return Found(tool, "", False, one_line(error))
    answer = done.stdout + done.stderr
    if tool.known_by and tool.known_by in answer:
        return Found(tool, "", True, f"for {tool.purpose}")
    version = re.search(r"\d+(\.\d+)+", answer)
    if done.returncode or version is None:
        return Found(tool, "", False, one_line(answer) or f"exit code {done.returncode}")
    return Found(tool, version[0], True, f"for {tool.purpose}")
