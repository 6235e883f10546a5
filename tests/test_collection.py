"""A test that is not collected guards nothing: pytest must find every test file that is there."""

from __future__ import annotations

import collections
import fnmatch
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PATTERNS = ("test_*.py", "*_test.py")
"""What pytest takes for a test file where nothing else is configured."""
COLLECTED = re.compile(r"(?P<file>\S.*?\.py)(::.+|: [1-9]\d*)")
"""A line of `pytest --collect-only`: with one -q a test's name, with two a file and its count."""


def python_files(root: Path) -> list[str]:
    """Every Python file of the project at `root`: what git would commit, or without git what lies there."""
    git = ["git", "-C", str(root), "ls-files", "--cached", "--others", "--exclude-standard"]
    inside = root.joinpath(".git").exists()
    listed = subprocess.run(git, capture_output=True, text=True, check=True).stdout.splitlines() if inside else None
    if listed is None:
        found = (path.relative_to(root) for path in root.rglob("*.py"))
        listed = [p.as_posix() for p in found if not any(part.startswith(".") or part == "venv" for part in p.parts)]
    return sorted(name for name in listed if name.endswith(".py") and (root / name).is_file())


def collected(root: Path) -> set[str]:
    """The files in which pytest finds at least one test when it is run in `root` as the project configures it."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "--color=no"]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(command, cwd=root, env=plain, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    return {match["file"] for line in done.stdout.splitlines() if (match := COLLECTED.fullmatch(line))}


def problems(root: Path) -> list[str]:
    """Everything that keeps a test of the project at `root` from being run, a line each."""
    files, found = python_files(root), collected(root)
    tests = {name for name in files if any(fnmatch.fnmatch(Path(name).name, pattern) for pattern in PATTERNS)}
    missed = [f"{name} is not collected" for name in sorted(tests - found)]
    # Without packages, pytest imports each file by its name alone: of two with the same one, only one is imported.
    beside_tests = {Path(name).parent for name in tests}
    paths: dict[str, list[str]] = collections.defaultdict(list)
    for name in files:
        if Path(name).parent in beside_tests and Path(name).name not in ("conftest.py", "__init__.py"):
            paths[Path(name).name].append(name)
    doubled = [f"{' and '.join(same)} have the same name" for same in paths.values() if len(same) > 1]
    folders = [Path(name).parent.as_posix() for name in files if Path(name).name == "conftest.py"]
    alone = [f"{folder}/conftest.py has no tests" for folder in folders if not any(_is_below(f, folder) for f in found)]
    return missed + doubled + alone


def _is_below(name: str, folder: str) -> bool:
    return folder == "." or name.startswith(f"{folder}/")


def test_every_test_file_is_collected():
    assert problems(ROOT) == []


@pytest.fixture
def project(tmp_path):
    """A function that makes a project of files, by their names and contents."""

    def make(files: dict[str, str], configured: str) -> Path:
        for name, content in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content)
        (tmp_path / "pyproject.toml").write_text(f'[tool.pytest.ini_options]\ntestpaths = ["tests"]\n{configured}\n')
        return tmp_path

    return make


TEST = "def test_one():\n    assert True\n"


def test_a_skipped_folder_is_noticed(project):
    files = {"tests/build/test_build.py": TEST, "tests/test_other.py": TEST}
    root = project(files, 'norecursedirs = ["build"]')
    assert problems(root) == ["tests/build/test_build.py is not collected"]
    assert problems(project(files, "norecursedirs = []")) == []


def test_a_folder_outside_of_testpaths_is_noticed(project):
    root = project({"more/test_more.py": TEST, "tests/test_other.py": TEST}, "")
    assert problems(root) == ["more/test_more.py is not collected"]


def test_a_file_without_a_test_is_noticed(project):
    files = {"tests/test_empty.py": "def check_one():\n    assert True\n", "tests/test_other.py": TEST}
    assert problems(project(files, "")) == ["tests/test_empty.py is not collected"]


def test_a_conftest_without_tests_is_noticed(project):
    files = {"tests/left/conftest.py": "", "tests/test_other.py": TEST}
    assert problems(project(files, "")) == ["tests/left/conftest.py has no tests"]


def test_two_helpers_of_one_name_are_noticed(project):
    files = {f"tests/{folder}/test_{folder}.py": TEST for folder in "ab"}
    files |= {f"tests/{folder}/cases.py": "" for folder in "ab"}
    assert problems(project(files, "")) == ["tests/a/cases.py and tests/b/cases.py have the same name"]


def test_what_git_ignores_is_no_test_of_the_project(project):
    root = project({".gitignore": "made/\n", "made/test_made.py": TEST, "tests/test_other.py": TEST}, "")
    assert problems(root) == ["made/test_made.py is not collected"]
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    assert problems(root) == []
