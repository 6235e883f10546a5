#!/usr/bin/env python3
"""Builds the C library of Android, as far as TFLite's own library needs it, on top of that of Linux.

    build_shim.py LIBRARY OUT [--machine x86_64|arm64] [--cc COMMAND]

LIBRARY is `libtensorflowlite_jni.so` of an AAR for that machine. OUT receives it, with the shim beside it under the
names that it asks for: libc.so, libm.so, libdl.so and liblog.so. With LD_LIBRARY_PATH=OUT it then runs on Linux.

Most functions are glibc's own, reached by a jump. `shim.c` has those that differ in the two C libraries. A library that
needs a function which neither list names is refused: whether the two agree on it is not known.

Exit codes: 0; 2 the library or the compiler does not do, with one line that says why.
"""

from __future__ import annotations

import argparse
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
JUMPS = {
    "x86_64": " jmp *{0}@GOTPCREL(%rip)",
    "arm64": " adrp x16, :got:{0}\n ldr x16, [x16, :got_lo12:{0}]\n br x16",
}
SONAMES = ("libm.so", "libdl.so")
COMPILERS = {"x86_64": "gcc", "arm64": "aarch64-linux-gnu-gcc"}


class Refused(Exception):
    """The library or the compiler does not do. The message is one line."""


def run(*command: str) -> str:
    """Raises Refused if the command is missing or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        raise Refused(f"{command[0]} is missing: install gcc and binutils") from None
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise Refused(f"{command[0]} failed: {lines[0] if lines else f'exit code {done.returncode}'}")
    return done.stdout


def needed(library: Path) -> set[str]:
    """The functions of Android's C library that `library` needs."""
    symbols = [line.split()[-1] for line in run("nm", "-D", "--undefined-only", str(library)).splitlines()]
    versioned = (symbol.partition("@") for symbol in symbols)
    return {name for name, _, version in versioned if version == "LIBC"}


def forwarders(library: Path, machine: str) -> str:
    """Returns the assembly that jumps to glibc. Raises Refused for a function that is not known."""
    own = set(re.findall(r"^EXPORT\((\w+)\)", (HERE / "shim.c").read_text(), re.MULTILINE))
    same = set((HERE / "same_in_both.txt").read_text().split())
    names = needed(library)
    if not names:
        raise Refused(f"{library} needs nothing of Android's C library: it is not from an AAR")
    if unknown := sorted(names - own - same):
        raise Refused(f"{library.name} needs what the shim does not know: {', '.join(unknown)}")
    lines = [".text"]
    for name in sorted(names - own):
        lines += [f".globl b_{name}", f".type b_{name},@function", f"b_{name}:", JUMPS[machine].format(name)]
        lines += [f".symver b_{name},{name}@LIBC"]
    return "\n".join([*lines, '.section .note.GNU-stack,"",@progbits', ""])


def build(library: Path, out: Path, machine: str, compiler: str) -> None:
    """Builds the shim in a folder of its own and moves it to `out`. Raises Refused, OSError."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as name:
        staged = Path(name) / "shim"
        staged.mkdir()
        (Path(name) / "forwarders.s").write_text(forwarders(library, machine))
        (Path(name) / "empty.c").write_text("int shim;\n")
        (Path(name) / "versions.map").write_text("LIBC { global: *; };\n")
        shared = [*shlex.split(compiler), "-O1", "-w", "-fPIC", "-shared"]
        script = f"-Wl,--version-script={name}/versions.map"
        sources = [str(HERE / "shim.c"), f"{name}/forwarders.s"]
        libraries = ["-lm", "-ldl", "-lpthread"]
        run(*shared, "-o", str(staged / "libc.so"), "-Wl,-soname,libc.so", script, *sources, *libraries)
        for soname in SONAMES:
            run(*shared, "-o", str(staged / soname), f"-Wl,-soname,{soname}", script, f"{name}/empty.c")
        run(*shared, "-o", str(staged / "liblog.so"), "-Wl,-soname,liblog.so", str(HERE / "log.c"))
        shutil.copyfile(library, staged / library.name)
        shutil.rmtree(out, ignore_errors=True)
        staged.replace(out)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", type=Path, metavar="LIBRARY")
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--machine", choices=sorted(JUMPS), default="x86_64")
    parser.add_argument("--cc", metavar="COMMAND", help="the C compiler (default: gcc, for arm64 its cross compiler)")
    given = parser.parse_args()
    try:
        build(given.library, given.out, given.machine, given.cc or COMPILERS[given.machine])
    except (Refused, OSError) as error:
        print(f"build_shim.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
