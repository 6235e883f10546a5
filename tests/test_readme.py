"""What the README and the documentation show is what is there."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_the_mother_in_the_documentation_is_the_tested_file():
    assert (ROOT / "examples" / "elastic_mlp.py").read_text().rstrip() in (ROOT / "docs" / "own_mother.md").read_text()


def test_the_readme_leads_to_every_page_for_users():
    text = (ROOT / "README.md").read_text()
    for page in (ROOT / "docs").glob("*.md"):
        assert f"(docs/{page.name})" in text, page.name


def test_the_two_commands_come_first():
    text = (ROOT / "README.md").read_text()
    assert text.index("make build") < text.index("make test") < text.index("##")
