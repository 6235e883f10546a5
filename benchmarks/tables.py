"""A run as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.results import CaseResult, Goal, Result, Run, goals_of

_HEAD = (
    "",
    "µs a call",
    "lowest … highest",
    "times ours",
    "GFLOP/s",
    "of peak",
    "weights GB/s",
    "convert s",
    "file kB",
)


def text_of(run: Run) -> str:
    """Everything that was measured, and which goals are met."""
    m = run.machine
    lines = [
        f"{run.date}, {m.cpu}, {m.system}, one core, one thread; {run.sittings} sittings of {run.rounds} rounds, "
        f"{run.seconds} s each in turn",
        f"a core's best: {m.gflops:.0f} GFLOP/s (matrix product, float32), {m.memory_gb_s:.0f} GB/s from memory, "
        f"{m.cache_gb_s:.0f} GB/s from cache",
        ", ".join(f"{name} {version}" for name, version in run.versions.items()),
    ]
    for case in run.cases:
        lines += ["", *_case(case, run)]
    return "\n".join([*lines, "", *_goals([goal for case in run.cases for goal in goals_of(case)])])


def _case(case: CaseResult, run: Run) -> Iterator[str]:
    sound = f", {case.call_ms:.0f} ms of sound a call" if case.streams else ""
    yield f"{case.name}: {case.macs / 1e6:.2f} M MACs{sound}, {case.params / 1e3:.0f} k weights"
    rows: list[tuple[str, ...]] = [_HEAD]
    for result in case.contestants.values():
        if result.failed:
            rows.append((result.label, result.failed))
        else:
            rows.append(_row(result, case, run))
    widths = [max(len(row[i]) for row in rows if len(row) > 2) for i in range(len(_HEAD))]
    widths[0] = max(len(row[0]) for row in rows)
    for row in rows:
        yield "  " + "  ".join(
            cell.ljust(widths[i]) if i == 0 or len(row) == 2 else cell.rjust(widths[i]) for i, cell in enumerate(row)
        )


def _row(result: Result, case: CaseResult, run: Run) -> tuple[str, ...]:
    gflops = 2e-3 * case.macs / result.median_us
    # Weights are read at least once a call.
    weights = 4e-3 * case.params / result.median_us
    return (
        result.label,
        f"{result.median_us:.1f}",
        f"{min(result.us):.1f} … {max(result.us):.1f}",
        _times_ours(result, case),
        f"{gflops:.1f}",
        f"{100 * gflops / run.machine.gflops:.0f} %",
        f"{weights:.1f}",
        f"{result.convert_seconds:.0f} s" if result.file_bytes else "",
        f"{result.file_bytes / 1e3:.0f}" if result.file_bytes else "",
    )


def _times_ours(result: Result, case: CaseResult) -> str:
    """How much slower than our file in the same runtime; PyTorch is held against the faster of ours."""
    mine = [r for r in case.contestants.values() if r.ours and not r.failed]
    same = [r for r in mine if r.runtime == result.runtime] or mine
    if result.ours or not same:
        return ""
    return f"{result.median_us / min(r.median_us for r in same):.2f}"


def _goals(goals: Sequence[Goal]) -> Iterator[str]:
    yield "goals (ratio of times: median, lowest … highest round)"
    for goal in goals:
        measured = "-" if goal.measured is None else "{:.3f} ({:.3f} … {:.3f})".format(*goal.measured)
        yield f"  {goal.case:22} {_verdict(goal):13} {measured:24} limit {goal.limit:<5g} {goal.text}"


def _verdict(goal: Goal) -> str:
    if goal.measured is None:
        return "nothing there"
    _, lowest, highest = goal.measured
    if goal.met:
        return "met"
    return "in the spread" if lowest <= goal.limit <= highest else "not met"
