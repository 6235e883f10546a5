"""What a shared library asks of others: as the system's own tools read it; damaged files are refused."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from edge_export.devices.elf import read_library

SOURCE = "extern int needed(int); extern int perhaps(void) __attribute__((weak));\n"
SOURCE += "int own(int x) { return needed(x) + (perhaps ? perhaps() : 0); }\n"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    if shutil.which("gcc") is None:
        pytest.skip("gcc is missing: apt-get install gcc")
    folder = tmp_path_factory.mktemp("library")
    (folder / "a.c").write_text(SOURCE)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", "a.so", "a.c"], cwd=folder, check=True)
    return (folder / "a.so").read_bytes()


def test_functions_of_others_are_needed_and_weak_ones_are_not(library: bytes) -> None:
    found = read_library(library).needs
    assert "needed" in found
    assert not {"perhaps", "own"} & found


def test_a_file_that_is_cut_short_is_refused_at_every_length(library: bytes) -> None:
    for size in (0, 5, 6, 20, 63, 64, len(library) // 2, len(library) - 1):
        with pytest.raises(ValueError, match="it is not a"):
            read_library(library[:size])


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="it is not a 64-bit ELF file"):
        read_library(b"PK\3\4" + bytes(200))
