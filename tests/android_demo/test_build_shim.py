"""The shim forwards what is known to agree in both C libraries, and refuses a library that needs anything else."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SHIM = Path(__file__).resolve().parents[2] / "android_demo" / "tflite-android" / "shim" / "build_shim.py"
MISSING = [name for name in ("gcc", "nm") if shutil.which(name) is None]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"apt-get install gcc binutils: no {MISSING}")


def library_that_calls(function: str, folder: Path) -> Path:
    """A library that needs `function` at the version LIBC, as those of an AAR do."""
    (folder / "versions.map").write_text("LIBC { global: *; };\n")
    (folder / "bionic.c").write_text(f"double {function}(double x) {{ return x; }}\n")
    (folder / "user.c").write_text(f"double {function}(double);\ndouble use(double x) {{ return {function}(x); }}\n")
    flags = ["gcc", "-shared", "-fPIC", "-fno-builtin", "-nostdlib"]
    bionic = [*flags, "-o", "libc.so", "-Wl,-soname,libc.so", "-Wl,--version-script=versions.map", "bionic.c"]
    user = [*flags, "-o", "libuser.so", "user.c", "libc.so"]
    for command in (bionic, user):
        subprocess.run(command, cwd=folder, check=True)
    return folder / "libuser.so"


def build(library: Path, out: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(SHIM), str(library), str(out)], capture_output=True, text=True)


CALL = """
import ctypes, sys
use = ctypes.CDLL(sys.argv[1]).use
use.restype, use.argtypes = ctypes.c_double, [ctypes.c_double]
print(use(0.0))
"""


def test_a_library_runs_on_the_functions_of_this_machine(tmp_path):
    library = library_that_calls("cos", tmp_path)
    done = build(library, tmp_path / "out")
    assert (done.returncode, done.stderr) == (0, "")
    command = [sys.executable, "-c", CALL, str(tmp_path / "out" / "libuser.so")]
    environment = {"LD_LIBRARY_PATH": str(tmp_path / "out")}
    called = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert called.stdout.strip() == "1.0", called.stderr


def test_a_function_that_is_not_known_is_refused_by_name(tmp_path):
    done = build(library_that_calls("android_fancy_new_call", tmp_path), tmp_path / "out")
    assert done.returncode == 2
    assert done.stderr == "build_shim.py: libuser.so needs what the shim does not know: android_fancy_new_call\n"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", [b"", b"no library"])
def test_a_file_that_is_no_library_is_refused_in_one_line(tmp_path, content):
    (tmp_path / "library.so").write_bytes(content)
    done = build(tmp_path / "library.so", tmp_path / "out")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_a_library_of_this_machine_is_none_of_an_aar(tmp_path):
    (tmp_path / "user.c").write_text("int use(void) { return 0; }\n")
    subprocess.run(["gcc", "-shared", "-o", "libuser.so", "user.c"], cwd=tmp_path, check=True)
    done = build(tmp_path / "libuser.so", tmp_path / "out")
    assert done.returncode == 2
    assert "is not from an AAR" in done.stderr
