"""Finds the mother that a bundle was built from. Adds the options that name it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_export.bundle.folder import Bundle
    from edge_export.pipeline.mother_source import MotherSource


def add_mother_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--mother", metavar="M", help="package.module:factory, if the bundle's is not in the catalog")
    parser.add_argument("--checkpoint", type=Path, metavar="F", help="the file that the bundle was built from")
    parser.add_argument("--goldens", type=Path, metavar="DIR", help="the recordings that the bundle was built with")


def given_options(args: argparse.Namespace) -> list[str]:
    """Returns the names of the mother's options that were given."""
    return [f"--{name}" for name in ("mother", "checkpoint", "goldens") if getattr(args, name) is not None]


def find_mother(args: argparse.Namespace, bundle: Bundle) -> tuple[MotherSource | None, str]:
    """Returns the bundle's mother and an empty text, or None and the reason why the mother is not available.

    A manifest is not trusted and may name any module. Only mothers of the catalog are opened because a manifest names
    them. Others are opened only if the user names them with --mother.

    Raises:
        RequestError: The file given as --checkpoint is not the one that the bundle was built from.
    """
    from edge_export.errors import RequestError
    from edge_export.files.hashing import file_sha256
    from edge_export.mothers.catalog import CATALOG
    from edge_export.pipeline.mother_source import MotherSource

    entry = bundle.manifest.mother
    if args.mother is None and entry.spec not in CATALOG:
        return None, f"the mother is not in the catalog: give it as --mother {entry.spec}"
    source = MotherSource(
        spec=args.mother or entry.spec, checkpoint=args.checkpoint, goldens=args.goldens, folder=Path.cwd()
    )
    if entry.checkpoint_sha256 is not None:
        if source.weights is None:
            return None, "the mother's weights came from a file: give it as --checkpoint"
        if source.weights.is_file() and file_sha256(source.weights) != entry.checkpoint_sha256:
            if args.checkpoint is not None:
                raise RequestError(f"--checkpoint {source.weights} is not the file that the bundle was built from")
            return None, "the bundle was built from another checkpoint: give it as --checkpoint"
    return source, ""
