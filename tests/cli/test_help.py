"""Help is quick, complete, fits 80 columns, and shows examples that parse."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from edge_export.__main__ import parser
from edge_export.cli import VERBS

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    *("README.md", "CONTRIBUTING.md", "edge_export/runtimes/mil/README.md", "benchmarks/README.md"),
    *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md")),
)
VERB_PAGE = "docs/verbs.md"


def examples(text: str, program: str) -> list[list[str]]:
    """The arguments of each line of `text` that runs `program`, indented or behind a prompt."""
    whole = text.replace("\\\n", " ")
    found = re.findall(rf"^(?: +|\$ ){program} (.*)$", whole, re.MULTILINE)
    return [shlex.split(line.partition(" > ")[0], comments=True) for line in found]


def test_help_names_every_verb(edge_export):
    done = edge_export("--help")
    assert done.returncode == 0
    assert all(f"    {verb}" in done.stdout for verb in VERBS)


@pytest.mark.parametrize("verb", [None, *VERBS])
def test_help_fits_80_columns(verb, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as done:
        parser().parse_args([verb, "--help"] if verb else ["--help"])
    text = capsys.readouterr().out
    assert done.value.code == 0
    assert [line for line in text.splitlines() if len(line) > 80] == []
    assert text.startswith(f"usage: edge_export {verb or '[-h]'}")
    assert "python -m" not in text


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_shows_examples_of_itself(verb):
    shown = examples(VERBS[verb].EXAMPLE, "edge_export")
    assert shown
    for arguments in shown:
        assert parser().parse_args(arguments).verb == verb


@pytest.mark.parametrize("page", PAGES)
def test_commands_in_the_documentation_parse(page):
    text = (ROOT / page).read_text()
    for arguments in examples(text, r"(?:(?:\.venv/bin/)?python -m )?edge_export"):
        parser().parse_args(arguments)
    for verb in re.findall(r"^\| `(\w+) ", text, re.MULTILINE):
        assert verb in VERBS or page != VERB_PAGE
    assert "verify --bisect" not in text
    assert "verify FILE" not in text


def test_commands_are_found_in_the_documentation():
    """A page whose commands are written in another way would be checked for nothing."""
    found = {verb for page in PAGES for verb, *_ in examples((ROOT / page).read_text(), r"(?:python -m )?edge_export")}
    assert {"build", "verify", "bench", "pick", "app", "farm", "devices", "search", "run", "bisect"} <= found


def test_the_documentation_has_a_row_for_each_verb():
    text = (ROOT / VERB_PAGE).read_text()
    for verb in VERBS:
        assert re.search(rf"^\| `{verb}[ `]", text, re.MULTILINE), verb


def test_help_imports_nothing_heavy():
    code = (
        "import sys, edge_export, edge_export.__main__ as m; m.parser(); "
        "print(*sorted({'torch', 'numpy', 'pydantic', 'rich', 'coremltools', 'onnx'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout.strip() == ""


def help_of(verb: str, capsys) -> str:
    with pytest.raises(SystemExit):
        parser().parse_args([verb, "--help"])
    return " ".join(capsys.readouterr().out.split())


def test_help_names_all_that_there_is(capsys):
    from edge_export.formats import FORMATS
    from edge_export.pipeline.target import target_names
    from edge_export.training.train import RECIPES
    from edge_export.workers.environments import ENVIRONMENTS

    def joined(names) -> str:
        *most, last = names
        return f"{', '.join(most)} or {last}"

    precisions = dict.fromkeys(p for known in FORMATS.values() for p in known.precisions)
    assert f"--format F {joined(FORMATS)} " in help_of("run", capsys)
    assert f"--precision P {joined(precisions)} " in help_of("run", capsys)
    assert f"such as {','.join(precisions)} " in help_of("build", capsys)
    assert f"{', '.join(target_names())} or a .toml file" in help_of("build", capsys)
    assert f"--mother M {joined(RECIPES)} " in help_of("train", capsys)
    assert all(name in help_of("doctor", capsys) for name in ENVIRONMENTS)
