"""`bisect`: the first operator or layer that diverges, inside each stage and each file."""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_export.cli.bundle_mother import add_mother_arguments, find_mother

if TYPE_CHECKING:
    from rich.console import Console

    from edge_export.bisect.artifact import FileRequest
    from edge_export.bisect.values import Bisection, Row
    from edge_export.bundle.folder import Bundle
    from edge_export.bundle.manifest import Artifact, Member
    from edge_export.pipeline.bisect_stages import MemberRequest

HELP = "name the first operator or layer that diverges, inside every stage and every file"
INTERRUPTED = "the bundle was not changed"
EXAMPLE = """\
examples:
  edge_export bisect dist/android
  edge_export bisect dist/android --member d2w2 --artifact tflite-builtin-fp32
  edge_export bisect dist/mine --mother my_package.my_module:factory --json

A row is the value of one operator, beside the one of the mother that it comes
from; the first that diverges is where to look.
"""
AROUND = 4
"""Rows that are shown before and behind the first that diverges; `--json` has all."""
VERDICTS = {True: "diverges", False: "agrees", None: "not seen"}
STATES = {True: "failed", False: "passed", None: "unverified"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", type=Path, metavar="BUNDLE|FILE", help="folder that build wrote, or a compiled file")
    parser.add_argument("--member", metavar="NAME", help="look into this member alone")
    parser.add_argument("--artifact", metavar="LABEL", help="look into artifacts of this label alone")
    add_mother_arguments(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(args: argparse.Namespace) -> int:
    from edge_export.inspection import INSPECTORS

    if args.path.suffix in INSPECTORS or args.path.is_file():
        return bisect_file_alone(args)
    return _bisect_bundle(args)


def bisect_file_alone(args: argparse.Namespace) -> int:
    """Look inside of one compiled file."""
    from edge_export.errors import RequestError

    raise RequestError(f"{args.path} is one file: give a bundle, which says what the file is from")


def _bisect_bundle(args: argparse.Namespace) -> int:
    """Look inside the members and artifacts that `args` choose; 1 if anything diverges, or can't be run."""
    from edge_export.bisect.artifact import bisect_artifact
    from edge_export.bundle.folder import read_bundle
    from edge_export.cache import log_folder
    from edge_export.cli.progress import shown_progress
    from edge_export.errors import RequestError
    from edge_export.files.owned import scratch_folder
    from edge_export.pipeline.bisect_stages import bisect_member
    from edge_export.workers import Pool

    bundle = read_bundle(args.path)
    mother, note = find_mother(args, bundle)
    if mother is None:
        raise RequestError(f"{args.path}: to look inside, the mother is needed: {note}")
    if damage := bundle.why_changed(bundle.manifest.recorded.inputs):
        raise RequestError(f"{bundle.root}: {damage}; build it again")
    chosen = _chosen(bundle, args.member, args.artifact)
    logs = log_folder(f"bisect-{bundle.root.absolute().name}")
    found: dict[str, list[Bisection]] = {}
    labels = list(dict.fromkeys(artifact.label for _, artifacts in chosen for artifact in artifacts))
    with (
        scratch_folder() as work,
        Pool(os.cpu_count() or 1) as pool,
        shown_progress(labels, "bisecting") as progress,
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
        print(json.dumps({"bundle": str(args.path), "passed": passed, "members": members}, allow_nan=False))
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
    chosen = [
        (each, [a for a in each.artifacts if a.file is not None and label in (None, a.label)])
        for each in bundle.manifest.members
        if member in (None, each.name)
    ]
    if label is not None and not any(artifacts for _, artifacts in chosen):
        whose = member or "any member"
        raise RequestError(f"--artifact {label} did not compile for {whose}: take another, or leave it out")
    return chosen


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
    console.print(tables.plain(f"{head}; {found.note}" if found.note else head))
    if found.first:
        first = names.index(found.first)
        _print_rows(console, found.rows[max(0, first - AROUND) : first + AROUND + 1], found.first)


def _print_rows(console: Console, rows: tuple[Row, ...], first: str) -> None:
    from edge_export.cli import tables
    from edge_export.cli.fitted_table import Column, FittedTable, print_fitted

    columns = (
        Column(""),
        Column("operator", leaves=5),
        Column("name"),
        Column("source", leaves=2),
        Column("layer", leaves=3),
        Column("SNR dB", leaves=6, right=True),
        Column("max error", leaves=1, right=True),
        Column("state"),
    )
    cells = []
    for row in rows:
        error = "-" if row.max_abs is None else f"{row.max_abs:.1e}"
        texts = (row.operator, row.name, row.source, row.layer, _decibels(row), error, row.state)
        cells.append(("first" if row.name == first else "", *map(tables.plain, texts)))
    print_fitted(console, FittedTable("", columns, (tuple(cells),)))


def _named(row: Row) -> str:
    layer = f", layer {row.layer}" if row.layer and row.layer != row.source else ""
    source = f" (from {row.source}{layer})" if row.source not in ("", row.name) else layer
    return f"{row.operator} {row.name}{source}"


def _decibels(row: Row) -> str:
    if row.snr_db is None:
        return "-"
    return "equal" if row.snr_db >= 200 else f"{row.snr_db:.1f}"
