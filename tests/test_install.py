"""`make` tells what it installs, keeps the installer's noise in a log, and shows the log's end when something fails."""

from __future__ import annotations

import importlib.util
import os
import pty
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
INSTALL = ROOT / "tools" / "install.py"


def write_wheel(folder: Path, name: str) -> None:
    """The smallest wheel that pip installs."""
    info = f"{name}-1.0.dist-info"
    content = {
        f"{name}.py": "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n",
    }
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        for path, text in content.items():
            wheel.writestr(path, text)


@pytest.fixture
def project(tmp_path):
    """A lock file of two packages, and an environment in which pip finds them in a folder and asks nobody else."""
    for name in ("first", "second"):
        write_wheel(tmp_path, name)
    (tmp_path / "requirements.lock").write_text("# made by hand\nfirst==1.0\n\nsecond==1.0  # the other\n")
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))}
    return tmp_path, {**plain, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path), "PIP_CONFIG_FILE": os.devnull}


def module():
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("install", INSTALL)
    install = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(install)
    return install


def command(folder: Path) -> list[str]:
    return [sys.executable, "-I", "-S", str(INSTALL), str(folder / "env"), str(folder / "requirements.lock")]


def test_it_says_what_happens_and_keeps_what_pip_says_in_the_log(project):
    folder, environment = project
    (folder / "env").mkdir()
    (folder / "env" / "left").touch()
    done = subprocess.run(command(folder), env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    first, *_, last = done.stdout.splitlines()
    assert first.startswith(f"setting up {folder / 'env'}: 2 packages of {folder / 'requirements.lock'} (")
    assert last.startswith(f"{folder / 'env'} is ready (2 packages, ")
    assert done.stderr == ""
    assert "\r" not in done.stdout
    assert "install.log" not in done.stdout
    log = (folder / "env" / "install.log").read_text()
    assert "Looking in links" in log
    assert "Looking in links" not in done.stdout
    assert not (folder / "env" / "left").exists()
    imports = [str(folder / "env" / "bin" / "python"), "-c", "import first, second"]
    subprocess.run(imports, check=True)


def test_the_log_s_end_is_shown_when_a_package_is_missing(project):
    folder, environment = project
    with (folder / "requirements.lock").open("a") as lock:
        lock.write("absent==1.0\n")
    done = subprocess.run(command(folder), env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "    ERROR: No matching distribution found for absent==1.0" in done.stdout.splitlines()
    assert done.stderr.splitlines() == [
        f"pip failed: mend that, then try again; the whole log is {folder / 'env' / 'install.log'}"
    ]
    assert "is ready" not in done.stdout


def test_a_terminal_gets_one_line_that_is_rewritten(project):
    folder, environment = project
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command(folder), env=environment, stdout=theirs, stderr=theirs, stdin=theirs)
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 4096):
            shown += chunk
    except OSError:  # Linux's way to say that the terminal was closed
        pass
    os.close(ours)
    assert process.wait() == 0
    text = shown.decode().replace("\r\n", "\n")
    assert any(state.startswith("fetching 2 of 2: second") for state in text.split("\r"))
    stays = [line.rpartition("\r")[2] for line in text.split("\n")]
    assert [line.partition(" ")[0] for line in stays if line] == ["setting", "2", str(folder / "env")]


def test_sizes_are_summed_from_what_pip_says(tmp_path, capsys):
    install = module()
    progress = install.Progress(install.Status(), 2, tmp_path)
    for line in (
        "Collecting torch==2.13.0",
        "  Downloading torch-2.13.0-cp312-cp312-manylinux_2_28_x86_64.whl (1.5 GB)",
        "Collecting six==1.17.0",
        "  Using cached six-1.17.0-py2.py3-none-any.whl (500.0 MB)",
        "Installing collected packages: six, torch",
    ):
        progress.saw(line)
    assert capsys.readouterr().out.splitlines()[-1] == "2 packages are here (2.0 GB), unpacking them"


def test_what_is_unpacked_is_counted_when_it_is_finished(tmp_path, capsys, monkeypatch):
    install = module()
    monkeypatch.setattr(install, "PLAIN_EVERY_S", -1.0)
    packages = tmp_path / "lib" / "python3.12" / "site-packages"
    (packages / "pip-25.0.dist-info").mkdir(parents=True)
    (packages / "pip-25.0.dist-info" / "INSTALLER").touch()
    progress = install.Progress(install.Status(), 2, tmp_path)
    progress.saw("Installing collected packages: six, torch")
    for name in ("six-1.17.0", "torch-2.13.0"):
        (packages / f"{name}.dist-info").mkdir()
        progress.saw("")
        (packages / f"{name}.dist-info" / "INSTALLER").touch()
    progress.saw("")
    assert capsys.readouterr().out.splitlines()[1:] == [
        "unpacked 0 of 2 packages",
        "unpacked 0 of 2 packages, now six",
        "unpacked 1 of 2 packages, now torch",
        "unpacked 2 of 2 packages",
    ]


def test_it_needs_nothing_but_the_standard_library():
    text = INSTALL.read_text()
    imported = {line.split()[1].partition(".")[0] for line in text.splitlines() if re.match(r"(import|from) ", line)}
    assert imported <= set(sys.stdlib_module_names)
    assert "://" not in text
