"""What was found, as tables in Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from benchmarks.operators.records import OUTCOMES, Record
from benchmarks.operators.ways import OURS, WAYS


def summary(records: Iterable[Record]) -> str:
    """Returns a table of each way's files, and of what plain converters get right, the share that ours gets right."""
    ways = [record for record in records if record.outcome in OUTCOMES]
    rows = [["format", "way", *OUTCOMES, "of what any plain one gets right"]]
    for format_name in dict.fromkeys(record.format for record in ways):
        peers = _right(ways, format_name, set(WAYS))
        for way in dict.fromkeys(r.way for r in ways if r.format == format_name):
            counts = Counter(r.outcome for r in ways if r.format == format_name and r.way == way)
            share = ""
            if way == OURS and peers:
                both = len(peers & _right(ways, format_name, {OURS}))
                share = f"{both} of {len(peers)}, {100 * both / len(peers):.1f} %"
            rows.append([f"`{format_name}`", way, *(str(counts[outcome]) for outcome in OUTCOMES), share])
    return markdown(rows)


def left_out(records: Iterable[Record]) -> str:
    """Returns a table of the entries: how many have cases, and why the others have none."""
    entries = [record for record in records if record.way == "entry"]
    reasons = Counter(_grouped(record.reason) for record in entries if record.outcome == "left out")
    cases = [record for record in entries if record.outcome == "cases"]
    return markdown(
        [["entries", "number"], ["with cases", str(len(cases))], *([r, str(n)] for r, n in reasons.most_common())]
    )


def missed(records: Iterable[Record]) -> str:
    """Returns a line for each case that a plain converter gets right and ours does not."""
    ways = [record for record in records if record.outcome in OUTCOMES]
    ours = {(r.case, r.format): r for r in ways if r.way == OURS}
    lines = []
    for format_name in dict.fromkeys(record.format for record in ways):
        for case in sorted(_right(ways, format_name, set(WAYS))):
            own = ours.get((case, format_name))
            if own is not None and own.outcome != "right":
                peers = [r.way for r in ways if (r.case, r.format, r.outcome) == (case, format_name, "right")]
                lines.append(f"- `{format_name}` {case} ({', '.join(peers)}): {own.outcome}, {own.reason}")
    return "\n".join(lines)


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Returns a table; the first row is its head."""
    head, *body = rows
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *body))


def _right(ways: Iterable[Record], format_name: str, names: set[str]) -> set[str]:
    return {r.case for r in ways if r.format == format_name and r.way in names and r.outcome == "right"}


def _grouped(reason: str) -> str:
    return reason.partition(" (")[0].partition(":")[0]
