"""Two builds in Markdown, as pull requests show it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from edge_export.cli import tables
from edge_export.cli.changes_table import (
    artifact_columns,
    changed_artifacts,
    changed_members,
    member_cells,
    member_columns,
    summary,
)
from edge_export.cli.perf_table import CHANGE_COLUMNS, change_rows
from edge_export.errors import one_line

if TYPE_CHECKING:
    from edge_export.changes import Changes
    from edge_export.cli.fitted_table import Column


def as_markdown(then: Path, now: Path, found: Changes) -> str:
    """Returns a heading, what is beyond the limits, and the tables of `changes_table`.

    Text from the bundles stands in code spans: there it can be no link, no mention and no markup.
    """
    parts = [f"### {code(then)} to {code(now)}", f"**{summary(found)}**"]
    parts.append("\n".join(f"- {code(line)}" for line in found.beyond))
    parts.append("\n".join(f"- {fact.name}: {code(fact.then)}, now {code(fact.now)}" for fact in found.facts))
    if members := changed_members(found):
        parts.append(_table(member_columns(found.metric), map(member_cells, members)))
    if sections := changed_artifacts(found):
        parts.append(_table(artifact_columns(found.metric), (row for rows in sections for row in rows)))
    for device in found.devices:
        if device.comparison is None:
            parts.append(f"Times on {code(device.device)} can't be compared: {code(device.reason)}")
        else:
            parts.append(f"Times on {code(device.device)}, relative to {code(device.comparison.yardstick)}:")
            parts.append(_table(CHANGE_COLUMNS, change_rows(device.comparison)))
    return "\n\n".join(filter(None, parts))


def _table(columns: Iterable[Column], rows: Iterable[tuple[str, ...]]) -> str:
    """Returns a table. Its cells are names, numbers and verdicts, in which nothing is markup."""
    columns = tuple(columns)
    lines = (
        tuple(column.header for column in columns),
        tuple("---:" if column.right else "---" for column in columns),
        *rows,
    )
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def code(text: object) -> str:
    """Returns a text as a code span that nothing in it can end."""
    return f"`{one_line(text, tables.MAX_TEXT).replace('`', "'").replace('|', '\\|')}`"
