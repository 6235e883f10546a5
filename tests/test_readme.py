"""What the README shows is what is there."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_the_example_in_the_readme_is_the_tested_file():
    assert (ROOT / "examples" / "elastic_mlp.py").read_text().rstrip() in (ROOT / "README.md").read_text()


def test_the_two_commands_come_first():
    text = (ROOT / "README.md").read_text()
    assert text.index("make build") < text.index("make test") < text.index("##")
