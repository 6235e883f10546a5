"""The table of the worker tasks of this benchmark, beside those of the package."""

from __future__ import annotations

import os
from pathlib import Path

from edge_export.workers import tasks

TASKS: dict[str, str] = {
    **tasks.TASKS,
    "list_entries": "benchmarks.operators.prepare:LIST",
    "prepare_cases": "benchmarks.operators.prepare:PREPARE",
    "convert_case": "benchmarks.operators.judge:CONVERT",
    "judge_case": "benchmarks.operators.judge:JUDGE",
}


def let_workers_import() -> None:
    """Lets workers, which begin in a folder of their own, import the benchmarks."""
    root = str(Path(__file__).parents[2])
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))
