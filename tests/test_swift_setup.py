"""The Swift tests run by the Swift on PATH, and a machine without one is told what to install, in one line."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

DEMO = Path(__file__).resolve().parents[1] / "ios_demo"
NEEDED = ("sh", "env", "dirname", "id", "cat", "tr")


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the script with what stands in `folder` alone on PATH."""
    for name in NEEDED:
        (folder / name).symlink_to(shutil.which(name))
    environment = {
        "PATH": str(folder),
        "PYTHON": "/python",
        "HOME": str(folder),
        "EDGE_EXPORT_CACHE": str(folder / "c"),
    }
    command = [DEMO / "tools" / "swift.sh", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_swift_on_path_is_used_where_the_packages_are(tmp_path):
    swift = tmp_path / "swift"
    swift.write_text('#!/bin/sh\necho "$PWD"; echo "$EDGE_HOST_ENGINE"; for word; do echo "$word"; done\n')
    swift.chmod(0o755)
    done = run(tmp_path, "test", "two words")
    assert done.returncode == 0, done.stderr
    engine = f"/python {DEMO / 'tools' / 'host_engine.py'}"
    assert done.stdout.splitlines() == [str(DEMO), engine, "test", "two words"]


def test_a_machine_without_swift_is_told_what_to_do_in_one_line(tmp_path):
    done = run(tmp_path, "--version")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("swift")
    assert "install Swift 5.9 or newer and put swift on PATH" in done.stderr
    assert done.stderr.count("\n") == 1
    if os.geteuid() == 0 and Path("/etc/debian_version").exists():
        assert "apt-get install debootstrap" in done.stderr
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("name", ["swift.sh", "chroot.sh"])
def test_the_scripts_are_valid(name):
    path = DEMO / "tools" / name
    assert os.access(path, os.X_OK)
    assert subprocess.run(["sh", "-n", path], check=False).returncode == 0
