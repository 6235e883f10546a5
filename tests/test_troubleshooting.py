"""Each message in the documentation is one that the package still says."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "troubleshooting.md"
QUOTED = re.compile(r"^\| `(?P<message>(?:[^`\\]|\\.)+)` \|", re.MULTILINE)
ANYTHING = "…"


def quoted() -> list[str]:
    """The messages of the page, with "…" for what differs."""
    return [match["message"].replace("\\`", "`") for match in QUOTED.finditer(PAGE.read_text())]


def said() -> Iterator[str]:
    """Every text in the source, with "…" for what is put into it."""
    for path in [*(ROOT / "edge_export").rglob("*.py"), *(ROOT / "runner").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else ANYTHING for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
    yield (ROOT / "Makefile").read_text()


@pytest.fixture(scope="module")
def source() -> list[str]:
    return list(said())


def missing(messages: list[str], source: list[str]) -> list[str]:
    """The messages that no text of the source contains. A "…" at an end of a message may be anything at all."""
    ends = re.compile(rf"^[{ANYTHING} ]+|[{ANYTHING} ]+$")
    return [message for message in messages if not any(ends.sub("", message) in text for text in source)]


def test_each_quoted_message_is_in_the_source(source):
    assert len(quoted()) > 40
    assert missing(quoted(), source) == []


def test_a_message_that_nobody_says_is_found(source):
    assert missing(["… is not a bundle and not quite empty"], source) == ["… is not a bundle and not quite empty"]
    assert missing(["… is not a bundle and not empty, so it …"], source) == []


def test_every_row_quotes_its_message():
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| ") and not line.startswith("|---")]
    heads = [line for line in rows if line.startswith(("| it says", "| exit code", "| 0 ", "| 1 ", "| 2 "))]
    assert len(rows) - len(heads) == len(quoted())
