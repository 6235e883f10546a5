"""Opens a mother and its recordings in a worker process, and keeps them for the next worker task of the family."""

from __future__ import annotations

import functools
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from edge_export.errors import RequestError
from edge_export.files.arrays import load_arrays
from edge_export.pipeline.mother_source import MotherSource
from edge_export.spec.recorded import TARGETS
from edge_export.spec.tensors import check_io

if TYPE_CHECKING:
    from edge_export.mothers.protocol import Mother, Recordings


ONE_BY_ONE = (
    "the mother runs on one sample at a time, as a file does: in a batch it fails, or gives other outputs, as by "
    "statistics of the batch"
)


class Opened(NamedTuple):
    """A mother, its recordings, both in the form of `members/border.py`, and notes on how they were read."""

    mother: Mother
    recordings: Recordings
    notes: tuple[str, ...]


@functools.lru_cache(maxsize=1)
def opened(source: MotherSource) -> Opened:
    """Returns the mother and its recordings.

    Raises:
        RequestError: The mother, its checkpoint or its recordings are not valid.
    """
    from edge_export.members.border import at_border, io_at_border
    from edge_export.mothers.catalog import open_noted
    from edge_export.pipeline.recordings import recordings_of

    folder = str(source.folder)
    if folder not in sys.path:
        sys.path.append(folder)
    mother, notes = open_noted(source.spec, source.checkpoint)
    if mother.io.stream is None:
        try:
            check_io(io_at_border(mother.io))
        except ValueError as error:
            raise RequestError(f"mother {source.spec}: its {error}") from error
    recordings = recordings_of(source.spec, mother, source.goldens)
    if mother.io.stream is None:
        mother, recordings = at_border(mother, recordings)
    if getattr(mother, "alone", False):
        notes = (*notes, ONE_BY_ONE)
    return Opened(mother, recordings, notes)


def as_recorded(mother: Mother, recordings: Recordings, inputs: Path, held_out: Path | None) -> Recordings:
    """Returns `recordings` with the goldens and the held-out set of the bundle, on which a member must be proven."""
    import torch

    goldens = load_arrays(inputs)
    own = replace(recordings, goldens=tuple(torch.from_numpy(goldens[spec.name]) for spec in mother.io.inputs))
    if held_out is None:
        return replace(own, held_out=(), targets=None)
    arrays = load_arrays(held_out)
    return replace(
        own,
        held_out=tuple(torch.from_numpy(arrays[spec.name]) for spec in mother.io.inputs),
        targets=torch.from_numpy(arrays[TARGETS]),
    )
