"""A run as a picture: a bar for each contestant, in times of our file's time in the same runtime."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from benchmarks.results import CaseResult, Run

_ROW, _LEFT, _WIDTH, _GAP, _MOST = 17, 230, 420, 30, 5.0
_OURS, _THEIRS = "#1a7f64", "#9aa5b1"


def svg_of(run: Run) -> str:
    """One group of bars for each case; longer is slower, and bars beyond five times ours are cut off."""
    rows, y = [], 50
    for case in run.cases:
        rows.append(f'<text x="10" y="{y}" font-weight="bold">{escape(case.name)}</text>')
        for line in _bars(case, y + 8):
            rows.append(line)
        y += _ROW * sum(not r.failed for r in case.contestants.values()) + _GAP
    scale = _WIDTH / _MOST
    marks = "".join(
        f'<line x1="{_LEFT + scale * n:.0f}" x2="{_LEFT + scale * n:.0f}" y1="30" y2="{y - 20}" stroke="#dde2e7"/>'
        f'<text x="{_LEFT + scale * n:.0f}" y="24" text-anchor="middle" fill="#667">{n}×</text>'
        for n in range(1, int(_MOST) + 1)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LEFT + _WIDTH + 130}" height="{y}" '
        f'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>'
        f"{marks}{''.join(rows)}</svg>\n"
    )


def _bars(case: CaseResult, y: int) -> Iterator[str]:
    ran = [r for r in case.contestants.values() if not r.failed]
    ours = {r.runtime: r.median_us for r in ran if r.ours}
    for index, result in enumerate(ran):
        if not ours:
            return
        times = result.median_us / ours.get(result.runtime, min(ours.values()))
        top, width = y + index * _ROW, _WIDTH / _MOST * min(times, _MOST)
        color = _OURS if result.ours else _THEIRS
        yield (
            f'<text x="{_LEFT - 8}" y="{top + 11}" text-anchor="end">{escape(result.label)}</text>'
            f'<rect x="{_LEFT}" y="{top}" width="{width:.1f}" height="{_ROW - 4}" fill="{color}"/>'
            f'<text x="{_LEFT + width + 5:.1f}" y="{top + 11}">{result.median_us / 1000:.3g} ms</text>'
        )
