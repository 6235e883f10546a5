"""The table of the worker tasks of this benchmark, beside those of the package."""

from __future__ import annotations

from edge_export.workers import tasks

TASKS: dict[str, str] = {
    **tasks.TASKS,
    "list_entries": "benchmarks.operators.prepare:LIST",
    "prepare_cases": "benchmarks.operators.prepare:PREPARE",
    "convert_case": "benchmarks.operators.judge:CONVERT",
    "judge_case": "benchmarks.operators.judge:JUDGE",
}
