"""`verify BUNDLE --bisect`: the first operator or layer that diverges, inside each stage and each file."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from edge_export.bisect.artifact import FileRequest
    from edge_export.bisect.values import Bisection, Row
    from edge_export.bundle.folder import Bundle
    from edge_export.bundle.manifest import Artifact, Member
    from edge_export.pipeline.bisect_stages import MemberRequest
    from edge_export.pipeline.mother_source import MotherSource

AROUND = 4
"""Rows that are shown before and behind the first that diverges; `--json` has all."""
VERDICTS = {True: "diverges", False: "agrees", None: "not seen"}
STATES = {True: "failed", False: "passed", None: "unverified"}


def run(args: argparse.Namespace, bundle: Bundle, mother: MotherSource | None, note: str) -> int:
    """Look inside the members and artifacts that `args` choose; 1 if anything diverges, or can't be run."""
    from edge_export.bisect.artifact import bisect_artifact
    from edge_export.cache import log_folder
    from edge_export.cli.progress import shown_progress
    from edge_export.errors import RequestError
    from edge_export.files.owned import scratch_folder
    from edge_export.pipeline.bisect_stages import bisect_member
    from edge_export.workers import Pool, cpu_count

    if mother is None:
        raise RequestError(f"{args.bundle}: to look inside, the mother is needed: {note}")
    if damage := bundle.why_changed(bundle.manifest.recorded.inputs):
        raise RequestError(f"{bundle.root}: {damage}; build it again")
    chosen = _chosen(bundle, args.member, args.artifact)
    logs = log_folder(f"bisect-{bundle.root.absolute().name}")
    found: dict[str, list[Bisection]] = {}
    labels = list(dict.fromkeys(artifact.label for _, artifacts in chosen for artifact in artifacts))
    with (
        scratch_folder() as work,
        Pool(cpu_count()) as pool,
        shown_progress(labels) as progress,
    ):
        for member, artifacts in chosen:
            name, workdir, log = member.name, work / member.name, logs / f"{member.name}.log"
            progress(name, "member", "look inside its stages")
            found[name] = bisect_member(pool, mother, _member(bundle, member, artifacts), workdir, log)
            progress(name, "member", "failed" if any(each.diverges for each in found[name]) else "proven")
            for artifact in artifacts:
                told = partial(progress, name, artifact.label)
                told("look inside")
                inside = bisect_artifact(pool, _file(bundle, member, artifact), workdir, log, told)
                told(STATES[inside[-1].diverges])
                found[name] += inside
    passed = all(each.diverges is False for bisections in found.values() for each in bisections)
    if args.json:
        members: list[dict[str, Any]] = [
            {"name": name, "bisections": [asdict(each) for each in bisections]} for name, bisections in found.items()
        ]
        print(json.dumps({"bundle": str(args.bundle), "passed": passed, "members": members}, allow_nan=False))
    else:
        from edge_export.cli import tables

        for name, bisections in found.items():
            for each in bisections:
                _print(tables.console(), name, each)
    return 0 if passed else 1


def _chosen(bundle: Bundle, member: str | None, label: str | None) -> list[tuple[Member, list[Artifact]]]:
    """The members and their artifacts that compiled; those that are asked for, or all."""
    from edge_export.errors import RequestError

    names = [each.name for each in bundle.manifest.members]
    labels = list(dict.fromkeys(artifact.label for each in bundle.manifest.members for artifact in each.artifacts))
    if member not in (None, *names):
        raise RequestError(f"{bundle.root} has no member {member}: give one of {', '.join(names)}")
    if label not in (None, *labels):
        raise RequestError(f"{bundle.root} has no artifact {label}: give one of {', '.join(labels)}")
    return [
        (each, [a for a in each.artifacts if a.file is not None and label in (None, a.label)])
        for each in bundle.manifest.members
        if member in (None, each.name)
    ]


def _member(bundle: Bundle, member: Member, artifacts: list[Artifact]) -> MemberRequest:
    from edge_export.pipeline.bisect_stages import MemberRequest

    return MemberRequest(
        config=member.config,
        options=member.options,
        batches=member.calibration_batches or None,
        inputs=bundle.path(bundle.manifest.recorded.inputs),
        tolerance=member.tolerance,
        calibrate=any(artifact.precision == "int8" for artifact in artifacts),
    )


def _file(bundle: Bundle, member: Member, artifact: Artifact) -> FileRequest:
    from edge_export.bisect.artifact import FileRequest
    from edge_export.verify.artifact import File

    assert artifact.file is not None
    assert artifact.io is not None
    options = {"backend": artifact.backend} | ({"scheme": artifact.scheme} if artifact.scheme else {})
    path = bundle.path(artifact.file)
    return FileRequest(
        label=artifact.label,
        file=File(artifact.format, path, artifact.io, member.io),
        precision=artifact.precision,
        options=options,
        tolerance=artifact.tolerance,
    )


def _print(console: Console, member: str, found: Bisection) -> None:
    from edge_export.cli import tables

    names = [row.name for row in found.rows]
    head = f"{member} {found.what}: {VERDICTS[found.diverges]}"
    if found.worst:
        worst = found.rows[names.index(found.worst)]
        head += f"; {_named(worst)} adds most to the error, SNR {_decibels(worst)} dB"
    if found.first:
        head += f", first at {_named(found.rows[names.index(found.first)])}"
    console.print(tables.plain(f"{head}; {found.note}" if found.note else head), soft_wrap=True)
    if found.first:
        first = names.index(found.first)
        _print_rows(console, found.rows[max(0, first - AROUND) : first + AROUND + 1], found.first)


def _print_rows(console: Console, rows: tuple[Row, ...], first: str) -> None:
    from rich.table import Table

    from edge_export.cli import tables

    table = Table()
    for name in ("", "operator", "name", "source", "layer", "SNR dB", "max error", "state"):
        table.add_column(name, justify="right" if name in ("SNR dB", "max error") else "left")
    for row in rows:
        error = "-" if row.max_abs is None else f"{row.max_abs:.1e}"
        cells = (row.operator, row.name, row.source, row.layer, _decibels(row), error, row.state)
        table.add_row("first" if row.name == first else "", *map(tables.plain, cells))
    console.print(table)


def _named(row: Row) -> str:
    layer = f", layer {row.layer}" if row.layer and row.layer != row.source else ""
    source = f" (from {row.source}{layer})" if row.source not in ("", row.name) else layer
    return f"{row.operator} {row.name}{source}"


def _decibels(row: Row) -> str:
    if row.snr_db is None:
        return "-"
    return "equal" if row.snr_db >= 200 else f"{row.snr_db:.1f}"
