"""What the phones of a farm gave, as a table or as JSON."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from edge_export.cli.tables import several

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edge_export.bundle.folder import Bundle
    from edge_export.pipeline.farm_merge import Outcome

_BAD = ("failed", "error")


def tell_outcomes(
    bundle: Bundle, outcomes: Sequence[Outcome], extra: Mapping[str, Any], *, strict: bool, as_json: bool
) -> int:
    """Prints what came out on each phone. Returns the exit code: 1 if an artifact or a phone did not pass.

    Args:
        extra: What the JSON object holds besides.
        strict: Whether artifacts that can't run there are failures.
    """
    bad = (*_BAD, "unverified") if strict else _BAD
    failures = [
        *(f"{each.name}: {each.problem}" for each in outcomes if each.problem),
        *(
            f"{member}/{run.artifact} on {each.name}: {run.verdict}: {run.reason}"
            for each in outcomes
            for member, runs in each.runs.items()
            for run in runs
            if run.verdict in bad
        ),
    ]
    left_out = _left_out(bundle, outcomes)
    code = 1 if failures or (strict and left_out) else 0
    if as_json:
        result = {"bundle": str(bundle.root), **extra, "passed": not code, "failed": failures, "left_out": left_out}
        print(json.dumps(result | {"devices": [_as_json(each) for each in outcomes]}, allow_nan=False))
        return code
    _print(outcomes, failures)
    for name, count in left_out.items():
        print(f"not sent, as the runner app has no runtime for it: {several(count, f'{name} artifact')}")
    return code


def _left_out(bundle: Bundle, outcomes: Sequence[Outcome]) -> dict[str, int]:
    """Returns the number of artifacts by format that no phone was asked for. Nothing came back: nobody knows."""
    sent = {run.artifact for each in outcomes for runs in each.runs.values() for run in runs}
    every = [artifact for member in bundle.manifest.members for artifact in member.artifacts]
    return dict(Counter(artifact.format for artifact in every if sent and artifact.label not in sent))


def _as_json(outcome: Outcome) -> dict[str, Any]:
    runs = [
        {"member": member, **run.model_dump(mode="json", include={"artifact", "verdict", "reason", "runtime"})}
        for member, runs in outcome.runs.items()
        for run in runs
    ]
    timed = [] if outcome.perf is None else outcome.perf.artifacts
    times = [
        {"member": each.member, "artifact": each.artifact, "outcome": each.outcome, "reason": each.reason}
        | {"median_ms": each.latency and each.latency.median_ms, "indicative": True}
        for each in timed
    ]
    return {"device": outcome.name, "about": outcome.about, "problem": outcome.problem, "runs": runs, "times": times}


def _shown(verdict: str) -> str:
    return "failed" if verdict in _BAD else verdict


def _print(outcomes: Sequence[Outcome], failures: Sequence[str]) -> None:
    from edge_export.cli import tables
    from edge_export.cli.fitted_table import Column, FittedTable, print_fitted

    console = tables.console()
    verdicts = ("passed", "failed", "unverified")
    columns = (
        Column("phone"),
        *(Column(verdict, right=True) for verdict in verdicts),
        Column("timed", right=True),
        Column("what it is", drop=1),
    )
    rows = []
    for each in outcomes:
        found = Counter(_shown(run.verdict) for runs in each.runs.values() for run in runs)
        timed = 0 if each.perf is None else sum(artifact.latency is not None for artifact in each.perf.artifacts)
        counts = ("-",) * 4 if each.problem else (*(str(found[verdict]) for verdict in verdicts), str(timed))
        rows.append((tables.plain(each.name), *counts, tables.plain(each.about)))
    print_fitted(console, FittedTable("", columns, (tuple(rows),)))
    for failure in failures:
        console.print(tables.plain(failure))
    for each in outcomes:
        for artifact in () if each.perf is None else each.perf.artifacts:
            if artifact.outcome != "done":
                what = f"{artifact.member}/{artifact.artifact} on {each.name}"
                console.print(tables.plain(f"{what} was not timed: {artifact.reason}"))
    if any(each.perf for each in outcomes):
        console.print("the times are a hint: these phones are shared, and nobody waited until they were cool")
