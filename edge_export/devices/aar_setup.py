"""Sets up `aar:x86_64` and `aar:arm64`: Android's TFLite library out of an AAR, and the shim that it needs.

Nothing is installed on this machine. The AAR comes by Maven, with the user's own settings, or is a file.
"""

from __future__ import annotations

import functools
import re
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from edge_export.devices.aar import (
    ABIS,
    LIBRARY,
    READY,
    SHIM,
    SHIM_SOURCES,
    is_emulated,
    known_abi,
    library_folder,
    python_for,
)
from edge_export.devices.elf import read_library
from edge_export.devices.qemu_setup import set_up as set_up_userland
from edge_export.devices.runner_process import ask_facts, command
from edge_export.devices.setup_step import run_step
from edge_export.errors import RequestError, one_line
from edge_export.files.alone import alone
from edge_export.files.atomic import whole_folder
from edge_export.files.hashing import file_sha256

AAR = "org.tensorflow:tensorflow-lite:2.16.1:aar"
AAR_SHA256 = "34b065817e294e7dd3569504e8b9454938ceae453b6a459da54d5f6e45d3c94e"
ZIGLANG = "ziglang==0.17.1"
LIBRARY_BYTES = 64 << 20
_JUMPS = {
    "x86_64": "jmp *{0}@GOTPCREL(%rip)",
    "arm64": "adrp x16, :got:{0}\n ldr x16, [x16, :got_lo12:{0}]\n br x16",
}
"""A jump to a function of glibc, whose arguments stay where they are."""
_FORWARDER = """\
.globl b_{name}
.type b_{name},%function
b_{name}:
 {jump}
.symver b_{name},{name}@LIBC
"""
_COMPILERS = {"x86_64": ("x86_64-linux-gnu-gcc",), "arm64": ("aarch64-linux-gnu-gcc",)}
_ZIG_TARGETS = {"x86_64": "x86_64-linux-gnu.2.36", "arm64": "aarch64-linux-gnu.2.36"}
_UNFIT = set(" :;,\t\n")
"""Characters that the dynamic linker or QEMU take for the end of a path."""
_TRIAL = """\
import ctypes, sys
shim, library = sys.argv[1:]
if not ctypes.CDLL(shim).canary_is_constant():
    sys.exit("the stack protector's canary is not the shim's")
ctypes.CDLL(library)
"""


def set_up(rest: str, say: Callable[[str], None], file: Path | None = None) -> None:
    """Sets up one ABI, or all that this machine can run, unless they are there.

    Args:
        rest: The ABI. Empty: each.
        say: Called with a line of text for each step.
        file: An AAR. It replaces what is set up. None: Maven fetches one.

    Raises:
        RequestError: A program is missing, something can't be fetched, the AAR's library needs what the shim does not
            know, or it does not load.
    """
    abis = [known_abi(rest)] if rest else [abi for abi in ABIS if _runs_here(abi)]
    with tempfile.TemporaryDirectory(prefix="edge-export-aar-") as scratch:
        aar = file
        for abi in abis:
            folder = library_folder(abi)
            try:
                folder.parent.mkdir(parents=True, exist_ok=True)
                with alone(folder.parent, say):
                    if file is None and (folder / READY).is_file():
                        say(f"aar:{abi} is set up in {folder}")
                        continue
                    aar = aar or _fetch_aar(Path(scratch), say)
                    _set_up_abi(abi, aar, folder, say)
            except OSError as error:
                raise RequestError(
                    f"cannot write {folder} ({one_line(error)}): fix the cause or set EDGE_EXPORT_CACHE"
                ) from error


def _runs_here(abi: str) -> bool:
    try:
        known_abi(abi)
    except RequestError:
        return False
    return True


def _set_up_abi(abi: str, aar: Path, folder: Path, say: Callable[[str], None]) -> None:
    if unfit := _UNFIT & set(str(folder)):
        raise RequestError(f"{folder} has {unfit.pop()!r} in its name, which ends a path: set EDGE_EXPORT_CACHE")
    library = checked_library(aar, abi)
    if is_emulated(abi):
        set_up_userland(ABIS[abi].architecture, say)
    shutil.rmtree(folder, ignore_errors=True)
    with whole_folder(folder) as staged:
        (staged / LIBRARY).write_bytes(library)
        with tempfile.TemporaryDirectory(prefix="edge-export-shim-") as scratch:
            build_shim(abi, staged, Path(scratch), say)
        say("trying it")
        python = python_for(abi, staged)
        trial = [*python, "-c", _TRIAL, str(staged / SHIM), str(staged / LIBRARY)]
        run_step(trial, f"the library for {abi} does not load", "it is needed to load the library")
        facts = ask_facts(command(python, library=staged / LIBRARY), f"aar:{abi}")
        (staged / READY).touch()
    say(f"aar:{abi} is set up in {folder}: {', '.join(facts.runtimes.values())}")


def _fetch_aar(scratch: Path, say: Callable[[str], None]) -> Path:
    """Returns the AAR that Maven fetches, or has fetched before."""
    say(f"fetching {AAR} by Maven")
    fetch = ["mvn", "-q", "-B", "dependency:copy", f"-Dartifact={AAR}", f"-DoutputDirectory={scratch}"]
    else_give = "apt-get install maven, or give the AAR by --file"
    run_step(fetch, "Maven can't fetch the AAR", else_give, cwd=scratch)
    (aar,) = scratch.glob("*.aar")
    if (digest := file_sha256(aar)) != AAR_SHA256:
        raise RequestError(f"Maven gave an AAR with the sha256 {digest}, not {AAR_SHA256}: check its mirror")
    return aar


def checked_library(aar: Path, abi: str) -> bytes:
    """Returns the library of an ABI in an AAR.

    Raises:
        RequestError: There is none, it is for another processor, or it needs a symbol that the shim does not know.
    """
    name = f"{ABIS[abi].folder}/{LIBRARY}"
    try:
        with zipfile.ZipFile(aar) as archive:
            size = archive.getinfo(name).file_size
            if size > LIBRARY_BYTES:
                raise RequestError(f"{aar}: {name} has {size} bytes, more than {LIBRARY_BYTES}: give a TFLite AAR")
            content = archive.read(name)
    except (OSError, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise RequestError(f"{aar} can't be read as an AAR ({one_line(error)}): give another file") from error
    except KeyError as error:
        raise RequestError(f"{aar} has no {name}: give the AAR of org.tensorflow:tensorflow-lite") from error
    try:
        library = read_library(content)
    except ValueError as error:
        raise RequestError(f"{aar}: {name} can't be used: {one_line(error)}") from error
    if library.machine != ABIS[abi].elf_machine:
        raise RequestError(f"{aar}: {name} is for processor {library.machine}, not {ABIS[abi].elf_machine}")
    if unknown := sorted(library.needs - known_symbols()):
        names = one_line(", ".join(unknown), 300)
        raise RequestError(f"{aar}: {name} needs what the shim does not know: {names}; use {AAR}")
    return content


@functools.cache
def known_symbols() -> frozenset[str]:
    """Returns the names that the shim has: those that it forwards, and its own."""
    sources = "".join((SHIM_SOURCES / name).read_text("utf-8") for name in ("shim.c", "log.c"))
    own = re.findall(r"^EXPORT\((\w+)\);", sources, re.MULTILINE) + re.findall(r"^int (__android\w+)\(", sources, re.M)
    return frozenset([*_forwarded(), *own])


def _forwarded() -> list[str]:
    return (SHIM_SOURCES / "forwarded.txt").read_text("utf-8").split()


def build_shim(abi: str, folder: Path, scratch: Path, say: Callable[[str], None]) -> None:
    """Compiles libc.so, libm.so, libdl.so and liblog.so into `folder`. Raises RequestError."""
    jumps = "".join(_FORWARDER.format(name=name, jump=_JUMPS[abi].format(name)) for name in _forwarded())
    forwarders = scratch / "forwarders.s"
    forwarders.write_text(f'.text\n{jumps}.section .note.GNU-stack,"",%progbits\n', "utf-8")
    compiler = _compiler(abi, scratch, say)
    say(f"building the shim with {Path(compiler[0]).name}")
    script = f"-Wl,--version-script={SHIM_SOURCES / 'versions.map'}"
    shim = [script, "-Wl,--no-undefined", str(SHIM_SOURCES / "shim.c"), str(forwarders), "-lm", "-ldl", "-lpthread"]
    libraries = {SHIM: shim, "liblog.so": [str(SHIM_SOURCES / "log.c")]}
    libraries |= {name: [str(SHIM_SOURCES / "needed.c")] for name in ("libm.so", "libdl.so")}
    for name, words in libraries.items():
        build = [*compiler, "-O1", "-fPIC", "-shared", f"-Wl,-soname,{name}", "-o", str(folder / name), *words]
        caches = {each: str(scratch / "zig-cache") for each in ("ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR")}
        run_step(build, f"the shim's {name} can't be built", "it was there before", cwd=scratch, variables=caches)


def _compiler(abi: str, scratch: Path, say: Callable[[str], None]) -> list[str]:
    """Returns the command of a C compiler for an ABI: gcc, or Zig's, which is fetched for this one use."""
    own = () if is_emulated(abi) else ("gcc", "cc")
    for name in (*own, *_COMPILERS[abi]):
        if path := shutil.which(name):
            return [path]
    say(f"fetching a C compiler for {abi}: {ZIGLANG}, 100 MB, kept only while it is used")
    pip = [sys.executable, "-I", "-m", "pip", "install", "--quiet", "--no-input", "--no-deps", "--only-binary", ":all:"]
    pip += ["--disable-pip-version-check", "--target", str(scratch / "zig"), ZIGLANG]
    wanted = " or ".join((*own[:1], *_COMPILERS[abi]))
    run_step(pip, f"there is no {wanted}, and {ZIGLANG} can't be fetched", "it runs this program")
    return [str(scratch / "zig" / "ziglang" / "zig"), "cc", "-target", _ZIG_TARGETS[abi]]
