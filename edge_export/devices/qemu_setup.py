"""Sets up the userland of `qemu:aarch64`: Debian's Python for Arm, and the wheels of numpy and LiteRT for Arm.

Nothing is installed on this machine: apt-get works on package lists of its own, and the packages are only unpacked.

ExecuTorch is left out. Its wheel for Arm links to libtorch_python.so, libtorch_cpu.so and libc10.so: it does not load
without torch's wheel, which asks for CUDA's libraries on Arm, too.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from edge_export.devices.qemu import (
    ARCHITECTURES,
    PYTHON,
    READY,
    WHEELS,
    find_emulator,
    known_architecture,
    python_in,
    userland_folder,
)
from edge_export.errors import RequestError, one_line
from edge_export.files.atomic import whole_folder
from edge_export.formats import FORMATS

DEBIAN = ("python3-minimal", "libpython3-stdlib", "libstdc++6")
_LIMIT_S = 900.0
_GLIBC = range(17, 37)
"""The minor versions of glibc 2 whose wheels Debian 12 can load."""


def set_up(rest: str, say: Callable[[str], None]) -> None:
    """Sets up the userland unless it is there: about 45 MB are fetched, and 160 MB kept.

    Args:
        rest: The architecture.
        say: Called with a line of text for each step.

    Raises:
        RequestError: A program is missing, something can't be fetched, or the result does not run.
    """
    architecture = known_architecture(rest)
    emulator = find_emulator(architecture)
    folder = userland_folder(architecture)
    if (folder / READY).is_file():
        say(f"qemu:{architecture} is set up in {folder}")
        return
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        with whole_folder(folder) as staged:
            with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetched-") as scratch:
                say(f"fetching Debian's Python for {ARCHITECTURES[architecture]}")
                _unpack_debian(ARCHITECTURES[architecture], Path(scratch), staged)
                say("fetching wheels: numpy and LiteRT")
                _unpack_wheels(architecture, Path(scratch), staged)
            say("trying it")
            trial = "import numpy; from ai_edge_litert.interpreter import Interpreter"
            _run([*python_in(emulator, staged), "-c", trial], f"Python for {architecture} does not run")
            (staged / READY).touch()
    except OSError as error:
        raise RequestError(
            f"cannot write {folder} ({one_line(error)}): fix the cause or set EDGE_EXPORT_CACHE"
        ) from error
    say(f"qemu:{architecture} is set up in {folder}")


def _unpack_debian(architecture: str, scratch: Path, target: Path) -> None:
    """Unpacks Debian packages of another architecture, and what they need, into `target`."""
    for name in ("lists/partial", "archives/partial"):
        (scratch / name).mkdir(parents=True)
    (scratch / "status").touch()  # nothing is installed, so everything is fetched
    settings = {
        "Dir::State": scratch,
        "Dir::State::lists": scratch / "lists",
        "Dir::State::status": scratch / "status",
        "Dir::Cache": scratch,
        "Dir::Cache::archives": scratch / "archives",
        "APT::Architecture": architecture,
        "APT::Architectures": architecture,
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
    }
    options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    # Some of the machine's sources may lack this architecture: only what is fetched counts.
    _run(["apt-get", *options, "--quiet", "update"], "apt-get update failed", must=False)
    fetch = ["apt-get", *options, "--quiet", "--yes", "--download-only", "--no-install-recommends", "install", *DEBIAN]
    _run(fetch, f"Debian's packages for {architecture} can't be fetched")
    packages = sorted((scratch / "archives").glob("*.deb"))
    for package in packages:
        _run(["dpkg-deb", "-x", str(package), str(target)], f"{package.name} can't be unpacked")


def _unpack_wheels(architecture: str, scratch: Path, target: Path) -> None:
    """Unpacks the wheels that the runner needs, in the versions that are used here, into `target`."""
    python = (target / PYTHON).readlink().name.removeprefix("python")
    platforms = [f"manylinux_2_{minor}_{architecture}" for minor in _GLIBC] + [f"manylinux2014_{architecture}"]
    litert = next(each for each in FORMATS["tflite"].packages if each.startswith("ai-edge-litert"))
    pip = [
        sys.executable,
        "-I",
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary",
        ":all:",
        "--no-input",
    ]
    pip += ["--disable-pip-version-check", "--implementation", "cp", "--python-version", python]
    pip += [word for name in platforms for word in ("--platform", name)]
    wheels = scratch / "wheels"
    _run([*pip, "--dest", str(wheels), f"numpy=={version('numpy')}", litert], "the wheels can't be fetched")
    for wheel in sorted(wheels.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(target / WHEELS)


def _run(command: Sequence[str], failure: str, *, must: bool = True) -> None:
    """Raises RequestError with what `command` said last, if it is missing or fails, unless it need not succeed."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LIMIT_S,
            check=False,
            env={**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
        )
    except FileNotFoundError as error:
        raise RequestError(f"{command[0]} is missing: the userland is made of Debian's packages") from error
    except subprocess.TimeoutExpired as error:
        raise RequestError(f"{failure}: it took longer than {_LIMIT_S:.0f} s; try again") from error
    if must and done.returncode != 0:
        lines = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()
        raise RequestError(f"{failure} ({one_line(lines[-1], 300)}): fix the cause and try again")
