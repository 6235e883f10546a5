"""`inspect`: shows the contents of a bundle, or of one compiled file."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edge_export.formats.contents import Contents

HELP = "show the contents of a bundle, or of one compiled file"
INTERRUPTED = "nothing was changed"
EXAMPLE = """\
examples:
  edge_export inspect dist/android
  edge_export inspect dist/android/members/w0.5/executorch-xnnpack-fp32.pte
  edge_export inspect model.mlpackage --json
"""

INSPECT_TIMEOUT_S = 300.0
PATH = "a bundle, .pte, .tflite, .mlpackage or .aimodel"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", type=Path, metavar="BUNDLE|FILE", help=PATH)
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(args: argparse.Namespace) -> int:
    from edge_export.errors import RequestError
    from edge_export.formats import FORMATS, format_of_file

    if format_of_file(args.path.suffix):
        return _file(args.path, args.json)
    if args.path.is_file():
        suffixes = ", ".join(each.suffix for each in FORMATS.values())
        raise RequestError(f"{args.path} is not a compiled file: give a bundle or one of {suffixes}")
    return _bundle(args.path, args.json)


def _bundle(root: Path, as_json: bool) -> int:
    from edge_export.bundle.folder import read_bundle
    from edge_export.cli import tables
    from edge_export.cli.family_table import as_json as members_as_json
    from edge_export.cli.family_table import print_artifacts, print_stages

    bundle = read_bundle(root)
    manifest = bundle.manifest
    if as_json:
        data = manifest.model_dump(mode="json", by_alias=True)
        print(json.dumps(data | {"members": members_as_json(manifest, bundle.numerics)}, allow_nan=False))
        return 0
    console = tables.console()
    weights = (manifest.mother.checkpoint_sha256 or "its factory's own")[:16]
    console.print(f"mother {tables.plain(manifest.mother.spec)}, weights {weights}, for {manifest.target}")
    console.print("made with " + ", ".join(f"{tool} {tables.plain(v)}" for tool, v in manifest.tools.items()))
    for member in manifest.members:
        for side, specs in (("input", member.io.inputs), ("output", member.io.outputs)):
            for spec in specs:
                line = _tensor(spec.name, spec.shape, spec.dtype, spec.layout, spec.unit)
                console.print(f"{tables.plain(member.name)} {side:6} {line}")
        if (stream := member.io.stream) is not None:
            console.print(
                f"{tables.plain(member.name)} streams {', '.join(stream.stems)} at {stream.sample_rate} Hz, "
                f"{stream.samples} samples a call, latency {stream.latency_ms:g} ms"
            )
    print_stages(console, manifest, bundle.numerics)
    print_artifacts(console, manifest, bundle.numerics)
    for member in manifest.members:
        for refusal in member.refused:
            reason = f"not folded: {refusal.layer}: {refusal.reason} (rule {refusal.rule})"
            console.print(tables.plain(f"{member.name}: {reason}"))
    return 0


def _file(path: Path, as_json: bool) -> int:
    from edge_export.cache import log_folder
    from edge_export.errors import RequestError
    from edge_export.formats import FORMATS, kind_for_file
    from edge_export.formats.installed import require_installed
    from edge_export.inspection.task import INSPECT, InspectRequest
    from edge_export.workers import Pool, WorkerError

    if not path.exists():
        raise RequestError(f"{path} does not exist: give a compiled file or a bundle")
    require_installed((name, "") for name, each in FORMATS.items() if each.suffix == path.suffix)
    with Pool(1) as pool:
        log = log_folder("inspect") / "inspect.log"
        request = InspectRequest(path=path)
        try:
            kind = kind_for_file(path, "inspect")
            found = pool.submit(INSPECT, request, kind=kind, timeout_s=INSPECT_TIMEOUT_S, log=log).result()
        except WorkerError as error:
            raise RequestError(f"{path} can't be read: {str(error).removeprefix('ValueError: ')}") from error
    if as_json:
        print(json.dumps(INSPECT.write_answer(found), allow_nan=False))
    else:
        _print_contents(path, found)
    return 0


def _print_contents(path: Path, found: Contents) -> None:
    from edge_export.cli import tables
    from edge_export.cli.fitted_table import Column, FittedTable, print_fitted

    console = tables.console()
    size, weights = tables.size(found.bytes), tables.size(found.weight_bytes)
    console.print(f"{tables.plain(path)}: {found.format}, {size}, of which weights {weights}")
    for side in ("input", "output"):
        for index, spec in enumerate(found.inputs if side == "input" else found.outputs):
            name = spec.name or f"#{index}"
            console.print(f"{side:6} {_tensor(name, spec.shape, spec.dtype, spec.layout, spec.unit)}")
    sections = []
    for delegate in found.delegates:
        where = f"{tables.plain(delegate.name)} × {delegate.count}, {tables.size(delegate.bytes)}"
        sections.append(_counted(where, dict(delegate.operators) or {"(not readable)": 0}))
    if found.operators:
        where = "not delegated" if found.delegates else "the runtime"
        sections.append(_counted(where, dict(found.operators)))
    columns = (Column("where"), Column("operator"), Column("count", right=True))
    print_fitted(console, FittedTable("operators", columns, tuple(sections)))
    if found.delegates and not found.operators:
        console.print("all operators are delegated")


def _counted(where: str, operators: dict[str, int]) -> tuple[tuple[str, ...], ...]:
    from edge_export.cli import tables

    return tuple(
        (where if index == 0 else "", tables.plain(operator), str(count or ""))
        for index, (operator, count) in enumerate(operators.items())
    )


def _tensor(name: str, shape: Any, dtype: str, layout: str, unit: str) -> str:
    from edge_export.cli import tables

    sizes = " × ".join(map(str, shape))
    return tables.plain(" ".join(part for part in (name, sizes, dtype, layout, unit) if part))
