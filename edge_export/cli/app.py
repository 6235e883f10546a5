"""`app`: puts a family into an app."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_export.bundle.app import AppFamily
    from edge_export.bundle.folder import Bundle

HELP = "put a family into an app, without goldens"
INTERRUPTED = "the folder was not changed"
EXAMPLE = """\
examples:
  edge_export app android dist/android --out my_app/src/main/assets/family
  edge_export app ios dist/ios --out MyApp/family
"""
ANDROID = """\
examples:
  edge_export app android dist/android --out my_app/src/main/assets/family
  edge_export app android dist/android --members d1w1,d4w4 --formats tflite \\
      --out my_app/src/main/assets/family

Files that passed go there, with a manifest.json that says that goldens were
left out, and with the times of perf.json for the picker. Store them in the
APK, so that they can be mapped: in Gradle's android block,
  androidResources { noCompress += listOf("tflite", "pte") }
"""


IOS = """\
examples:
  edge_export app ios dist/ios --out MyApp/family
  edge_export app ios dist/ios --members d1w1,d4w4 --formats coreml \\
      --out MyApp/family
  edge_export app ios dist/ios --out ios_demo/App/families/separator

Files that passed go there, with a manifest.json that says that goldens were
left out, and with the times of perf.json for the picker. In Xcode, add the
folder as a folder reference, which keeps it as it is. As a group, packages
would be compiled, and put beside each other under equal names.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    systems = parser.add_subparsers(dest="system", metavar="android|ios", required=True)
    _add_system(systems, "android", "for the assets of an Android app", "executorch, tflite", ANDROID)
    _add_system(systems, "ios", "for an iOS app, as a folder reference", "coreml, coreai, executorch", IOS)


def _add_system(
    systems: argparse._SubParsersAction[argparse.ArgumentParser], name: str, about: str, formats: str, example: str
) -> None:
    system = systems.add_parser(name, help=about, epilog=example, formatter_class=argparse.RawDescriptionHelpFormatter)
    system.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder that build wrote")
    system.add_argument("--members", metavar="A,…", help="only these members (default: all)")
    system.add_argument("--formats", metavar="A,…", help=f"only these of {formats} (default: all)")
    system.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="a new folder, or one that this verb wrote"
    )
    system.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(args: argparse.Namespace) -> int:
    from edge_export.bundle.app import choose_for_app, goldens_bytes, write_app_family
    from edge_export.bundle.folder import read_bundle

    bundle = read_bundle(args.bundle)
    family = choose_for_app(bundle, args.system, _names("--members", args.members), _names("--formats", args.formats))
    total = write_app_family(bundle, family, args.out)
    goldens = goldens_bytes(bundle.manifest)
    if args.json:
        files = [{"member": m.name, "artifact": a.label, "path": f.path, "bytes": f.bytes} for m, a, f in family.files]
        result = {"bundle": str(bundle.root), "out": str(args.out), "passed": True, "bytes": total, "files": files}
        left_out = [asdict(each) for each in family.left_out]
        print(json.dumps(result | {"goldens_bytes": goldens, "left_out": left_out}, allow_nan=False))
        return 0
    _print(bundle, family, args.out, total, goldens)
    return 0


def _names(option: str, text: str | None) -> tuple[str, ...]:
    """Returns the names of an option in their order, each once."""
    from edge_export.errors import RequestError

    if text is None:
        return ()
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise RequestError(f"{option} {text!r:.60} has an empty name: give names with commas between them")
    return tuple(dict.fromkeys(names))


def _print(bundle: Bundle, family: AppFamily, out: Path, total: int, goldens: int) -> None:
    from edge_export.cli import tables
    from edge_export.cli.fitted_table import Column, FittedTable, print_fitted

    console = tables.console()
    sections: dict[str, list[tuple[str, ...]]] = {}
    for member, artifact, file in family.files:
        rows = sections.setdefault(member.name, [])
        name = "" if rows else tables.plain(member.name)
        rows.append((name, tables.plain(artifact.label), tables.size(file.bytes)))
    columns = (Column("member"), Column("artifact"), Column("bytes", right=True))
    print_fitted(console, FittedTable("", columns, tuple(tuple(rows) for rows in sections.values())))
    for each in family.left_out:
        name = f"{each.member}/{each.artifact}" if each.artifact else each.member
        console.print(tables.plain(f"left out: {name}: {each.reason}"))
    count = len(family.members)
    what = f"{tables.several(count, 'member')} of {bundle.root}, {tables.size(total)}"
    console.print(tables.plain(f"{out}: {what}; goldens of {tables.size(goldens)} were left out"))
