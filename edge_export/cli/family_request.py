"""The arguments that say which family: of `build` and `search`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_export.pipeline import BuildRequest

JOBS = "number of steps that run at once (default: one per core, or per thread of the cluster)"


def add_family_arguments(parser: argparse.ArgumentParser, members: str) -> None:
    """Adds the arguments that `family_request` reads. `members` is the help of --members."""
    parser.add_argument("--target", required=True, metavar="T|FILE", help="android, ios, linux or a .toml file")
    parser.add_argument("--mother", metavar="M", help="catalog name or package.module:factory (default: the target's)")
    parser.add_argument("--checkpoint", type=Path, metavar="F", help=".safetensors or .pt (default: the mother's own)")
    parser.add_argument("--members", metavar="LIST", help=members)
    parser.add_argument("--precision", metavar="LIST", help="such as fp32,fp16,int8 (default: the target's)")
    parser.add_argument(
        "--goldens", type=Path, metavar="DIR", help="folder of recorded inputs: images, sound or .safetensors"
    )
    parser.add_argument("--jobs", type=int, metavar="N", help=JOBS)
    parser.add_argument("--cluster", metavar="ADDRESS", help="address of a Dask scheduler; its workers run the steps")
    cache = parser.add_mutually_exclusive_group()
    cache.add_argument("--cache", type=Path, metavar="DIR", help="folder of finished steps (default: the user's cache)")
    cache.add_argument("--no-cache", action="store_true", help="run every step and keep no results")


def family_request(args: argparse.Namespace, out: Path | None = None) -> BuildRequest:
    """Returns the request for a family, after all checks that need no work.

    Args:
        out: The bundle's folder. None: dist/TARGET.

    Raises:
        RequestError: An argument is wrong.
    """
    from edge_export.cache import cache_folder, log_folder
    from edge_export.cache.store import Store
    from edge_export.errors import RequestError
    from edge_export.mothers.catalog import CATALOG, check_spec
    from edge_export.pipeline import BuildRequest
    from edge_export.pipeline.mother_source import MotherSource
    from edge_export.pipeline.target import at_precisions, read_target

    if args.jobs is not None and not 1 <= args.jobs <= 1024:
        raise RequestError(f"--jobs {args.jobs} is out of range: give 1 to 1024")
    target = read_target(args.target)
    if args.precision is not None:
        target = at_precisions(target, [text.strip() for text in args.precision.split(",")])
    out = out or Path("dist") / target.name
    spec = args.mother or target.mother
    if spec not in CATALOG:
        check_spec(spec)
    return BuildRequest(
        target=target,
        mother=MotherSource(spec=spec, checkpoint=args.checkpoint, goldens=args.goldens, folder=Path.cwd()),
        members=target.members if args.members is None and spec == target.mother else args.members,
        out=out,
        jobs=args.jobs,
        logs=log_folder(out.absolute().name),
        store=None if args.no_cache else Store(args.cache or cache_folder() / "steps"),
        cluster=args.cluster,
    )
