"""What the README and the documentation show is what is there."""

from __future__ import annotations

import re
from pathlib import Path

from edge_export.formats import FORMATS

ROOT = Path(__file__).resolve().parents[1]


def test_the_mother_in_the_documentation_is_the_tested_file():
    assert (ROOT / "examples" / "elastic_mlp.py").read_text().rstrip() in (ROOT / "docs" / "own_mother.md").read_text()


def test_the_readme_leads_to_every_page_for_users():
    text = (ROOT / "README.md").read_text()
    for page in (ROOT / "docs").glob("*.md"):
        assert f"(docs/{page.name})" in text, page.name


def test_the_schemes_in_the_documentation_are_those_of_the_formats():
    rows = re.findall(
        r"^\| `(\w+)` \| (.*?) \| ?(.*?) ?\|$", (ROOT / "docs" / "precisions.md").read_text(), re.MULTILINE
    )
    shown = {name: (re.findall(r"\w+", tried), re.findall(r"\w+", asked)) for name, tried, asked in rows}
    assert shown == {name: (list(each.schemes("int8")), list(each.on_request)) for name, each in FORMATS.items()}


def test_the_two_commands_come_first():
    text = (ROOT / "README.md").read_text()
    assert text.index("make build") < text.index("make test") < text.index("##")
