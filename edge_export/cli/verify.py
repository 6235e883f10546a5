"""`verify`: prove a bundle again, wherever it lies; or one compiled file alone."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from edge_export.cli import verify_alone, verify_bisect

if TYPE_CHECKING:
    from edge_export.bundle.folder import Bundle
    from edge_export.pipeline.mother_source import MotherSource

HELP = "run every artifact of a bundle, or one compiled file, and compare it with where it came from"
EXAMPLE = """\
examples:
  python -m edge_export verify dist/android
  python -m edge_export verify dist/mine --mother my_package.my_module:factory --json
  python -m edge_export verify dist/android --bisect --member d2w2 --artifact tflite-builtin-fp32
  python -m edge_export verify model.mlpackage --against my_package.my_module:network --inputs x.safetensors

A file is compared with what its factory gives, an nn.Module. The inputs hold an array (count, …) for each parameter of
the module's forward, by its name.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, metavar="BUNDLE|FILE", help="folder that build wrote, or a file")
    parser.add_argument("--mother", metavar="M", help="package.module:factory, if the bundle's is not in the catalog")
    parser.add_argument("--checkpoint", type=Path, metavar="F", help="the file that the bundle was built from")
    parser.add_argument("--goldens", type=Path, metavar="DIR", help="the recordings that the bundle was built with")
    parser.add_argument("--against", metavar="M", help="of a file: package.module:factory of the nn.Module it is from")
    parser.add_argument("--inputs", type=Path, metavar="F", help="of a file: .safetensors of inputs to compare it on")
    parser.add_argument(
        "--snr-db", type=float, default=40.0, metavar="N", help="of a file: least SNR (40 suits float16, 90 float32)"
    )
    parser.add_argument("--bisect", action="store_true", help="name the first operator or layer that diverges")
    parser.add_argument("--member", metavar="NAME", help="with --bisect: look into this member alone")
    parser.add_argument("--artifact", metavar="LABEL", help="with --bisect: look into this artifact alone")
    parser.add_argument("--strict", action="store_true", help="count what could not be verified here as a failure")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(args: argparse.Namespace) -> int:
    from edge_export.bundle.folder import read_bundle
    from edge_export.cache import log_folder
    from edge_export.cli.progress import shown_progress
    from edge_export.errors import RequestError
    from edge_export.inspection import INSPECTORS
    from edge_export.pipeline.prove import prove_bundle
    from edge_export.workers import cpu_count

    if args.bundle.suffix in INSPECTORS and args.bisect:
        raise RequestError(f"{args.bundle} is one file: --bisect needs the bundle that it stands in")
    if args.bundle.suffix in INSPECTORS:
        return verify_alone.run(args)
    if not args.bisect and (args.member or args.artifact):
        raise RequestError("--member and --artifact say where --bisect looks: give it too, or leave them out")
    bundle = read_bundle(args.bundle)
    mother, note = _mother(args, bundle)
    if args.bisect:
        return verify_bisect.run(args, bundle, mother, note)
    members = bundle.manifest.members
    labels = list(dict.fromkeys(artifact.label for member in members for artifact in member.artifacts))
    with shown_progress(labels) as progress:
        logs = log_folder(f"verify-{bundle.root.absolute().name}")
        numerics = prove_bundle(bundle, mother, cpu_count(), logs, progress)
    bad = {"failed", "error", "unverified"} if args.strict else {"failed", "error"}
    failures = sum(run.verdict in bad for member in numerics.members for run in member.runs)
    failures += sum(bool(stage.reason) for member in numerics.members for stage in member.stages)
    failures += bool(note) and args.strict
    if args.json:
        result = {"bundle": str(args.bundle), "passed": not failures, "stages": note or "repeated"}
        print(json.dumps(result | {"members": numerics.model_dump(mode="json")["members"]}, allow_nan=False))
    else:
        from edge_export.cli import tables
        from edge_export.cli.family_table import print_artifacts, print_stages

        console = tables.console()
        if not note:
            print_stages(console, bundle.manifest, numerics)
        print_artifacts(console, bundle.manifest, numerics)
        console.print(f"{args.bundle}: {'everything passed' if not failures else f'{failures} checks did not pass'}")
        if note:
            console.print(f"stages before the artifacts were not repeated: {tables.plain(note)}", soft_wrap=True)
    return 1 if failures else 0


def _mother(args: argparse.Namespace, bundle: Bundle) -> tuple[MotherSource | None, str]:
    """The bundle's mother and its data, or why it is not here.

    A manifest may name any module: only the catalog's mothers are opened by its word, others by the user's.
    """
    from edge_export.errors import RequestError
    from edge_export.files.hashing import file_sha256
    from edge_export.mothers.catalog import CATALOG
    from edge_export.pipeline.mother_source import MotherSource

    entry = bundle.manifest.mother
    if args.mother is None and entry.spec not in CATALOG:
        return None, f"the mother is not in the catalog: give it as --mother {entry.spec}"
    source = MotherSource(args.mother or entry.spec, args.checkpoint, args.goldens, Path.cwd())
    if entry.checkpoint_sha256 is not None:
        if source.weights is None:
            return None, "the mother's weights came from a file: give it as --checkpoint"
        if source.weights.is_file() and file_sha256(source.weights) != entry.checkpoint_sha256:
            if args.checkpoint is not None:
                raise RequestError(f"--checkpoint {source.weights} is not the file that the bundle was built from")
            return None, "the bundle was built from another checkpoint: give it as --checkpoint"
    return source, ""
