"""Writes docs/rules.md: what is rewritten for each format, from the table of rules and the docstrings of their files.

python -m tools.rules_page
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

from edge_export.formats.legalize import complex_pairs, fourier, rules
from edge_export.formats.legalize.rule import Rule

PAGE = Path(__file__).resolve().parents[1] / "docs" / "rules.md"
FORMATS = {"executorch": "ExecuTorch", "coreml": "Core ML", "tflite": "TFLite", "coreai": "Core AI"}
INTRODUCTION = """\
# What is rewritten for each format

Converters lack some of PyTorch's operators, get others wrong, or compute them too coarsely. Before a converter gets a
member's program, rules rewrite such calls into operators that it takes and gets right. The first rule that matches a
call rewrites it, until none matches. Every rule has cases in the tests: as mathematics in float64, and as files of its
formats. What no rule matches is left as it is.

This page is made of the table of rules and of the text of each file in `edge_export/formats/legalize/`.
"""


def page() -> str:
    """Returns the text of the page."""
    of_file: dict[ModuleType, list[Rule]] = {}
    for rule in rules.RULES:
        of_file.setdefault(_file_of(rule), []).append(rule)
    sections = [*(_section(file, of_file[file]) for file in sorted(of_file, key=_name)), _complex()]
    return "\n".join([INTRODUCTION, *sections])


def _file_of(rule: Rule) -> ModuleType:
    return next(
        value
        for value in vars(rules).values()
        if isinstance(value, ModuleType) and any(rule is each for each in _rules_in(value))
    )


def _rules_in(file: ModuleType) -> Iterator[Rule]:
    for value in vars(file).values():
        yield from (each for each in (value if isinstance(value, tuple) else (value,)) if isinstance(each, Rule))


def _name(file: ModuleType) -> str:
    return file.__name__.rpartition(".")[2].replace("_", " ").capitalize()


def _section(file: ModuleType, of_file: Iterable[Rule]) -> str:
    rows = [f"| rule | {' | '.join(FORMATS.values())} | operators |", f"|---|{'---|' * len(FORMATS)}---|"]
    for rule in of_file:
        marks = " | ".join("×" if name in rule.formats else " " for name in FORMATS)
        rows.append(f"| {rule.name} | {marks} | {', '.join(f'`{name}`' for name in _operators(rule))} |")
    return "\n".join([f"## {_name(file)}", "", _text(file), "", *rows, ""])


def _operators(rule: Rule) -> list[str]:
    """Returns the names of the rule's operators, without their overloads."""
    return sorted({str(operator).split(".")[1] for operator in rule.rewrites})


def _complex() -> str:
    return "\n".join(["## Complex numbers and Fourier transforms", "", _text(complex_pairs), "", _text(fourier), ""])


def _text(file: ModuleType) -> str:
    """Returns a file's docstring as Markdown: its tables and formulas, which have wide gaps, as code."""
    paragraphs = (file.__doc__ or "").strip().split("\n\n")
    return "\n\n".join(_as_code(each) if re.search(r"^ {4}|\S {3}", each) else each for each in paragraphs)


def _as_code(paragraph: str) -> str:
    lines = paragraph.split("\n")
    return paragraph if lines[0].startswith("    ") else "\n".join(f"    {line}" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
