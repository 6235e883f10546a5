"""The worker task that prepares the cases of an entry: the network's program, ours, inputs and what is right."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_export.files.arrays import save_arrays
from edge_export.spec.tensors import IOSpec
from edge_export.workers.task import FolderPath, Message, WorkerTask

if TYPE_CHECKING:
    from benchmarks.operators.chosen import Case

PLAIN, OURS, INPUTS, OUTPUTS, WIDE, FACTS = (
    *("plain.pt2", "ours.pt2", "inputs.safetensors", "outputs.safetensors", "wide.safetensors", "facts.json"),
)


class PrepareRequest(Message):
    """The request: an entry, the most cases of it, and the folder of all cases."""

    entry: str
    most: int
    folder: FolderPath


class PrepareAnswer(Message):
    """The names of the cases that lie in the folder, or why there are none."""

    cases: tuple[str, ...]
    left_out: str


class ListRequest(Message):
    """The request for the names of all entries."""


@dataclass(frozen=True)
class Facts:
    """What is known of a prepared case.

    Attributes:
        io: Inputs and outputs of `ours.pt2`; None: it could not be made.
        failed: Why not.
    """

    io: dict[str, Any] | None
    failed: str


def folder_of(folder: Path, case: str) -> Path:
    """Returns the folder of a case."""
    return folder / re.sub(r"[^\w.-]", "_", case)


def prepare(request: PrepareRequest) -> PrepareAnswer:
    """Writes each case of an entry into a folder of its own."""
    import torch

    from benchmarks.operators.chosen import LeftOut, cases_of

    torch.set_num_threads(1)
    names, left_out = [], ""
    for case in cases_of(request.entry, request.most):
        if isinstance(case, LeftOut):
            left_out = str(case)
        else:
            write(case, folder_of(request.folder, case.name))
            names.append(case.name)
    return PrepareAnswer(cases=tuple(names), left_out=left_out)


def list_entries(_request: ListRequest) -> tuple[str, ...]:
    """Returns the names of all entries."""
    from benchmarks.operators.chosen import entries

    return tuple(entries())


def write(case: Case, folder: Path) -> None:
    """Writes what all ways of a case begin with, and what is right."""
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    torch.export.save(case.program, folder / PLAIN)
    for name, rows in ((INPUTS, case.inputs), (OUTPUTS, case.outputs), (WIDE, case.wide)):
        save_arrays(
            folder / name, {f"{row}.{i}": t.numpy() for row, each in enumerate(rows) for i, t in enumerate(each)}
        )
    try:
        program, io = ours(case)
        torch.export.save(program, folder / OURS)
        facts = Facts(asdict(io), "")
    except Exception as error:  # an operator may fail wherever it likes
        from edge_export.errors import raised

        facts = Facts(None, raised(error))
    (folder / FACTS).write_text(json.dumps(asdict(facts)))


def ours(case: Case) -> tuple[Any, IOSpec]:
    """Returns the program that our formats get, and its inputs and outputs: the package's own way, from a mother on."""
    from benchmarks.operators.mother import ONLY, OneMember
    from edge_export.baking.bake import bake
    from edge_export.baking.export import export_program
    from edge_export.members.border import at_border
    from edge_export.members.extract import extract
    from edge_export.mothers.protocol import Recordings

    given = case.inputs[0]
    bordered, _ = at_border(OneMember(case), Recordings([given], given))
    member = extract(bordered, ONLY)
    inputs = bordered.example_inputs(ONLY)
    baked = bake(member, inputs)
    return export_program(baked.module, inputs), bordered.io


PREPARE = WorkerTask("prepare_cases", PrepareRequest, PrepareAnswer, prepare)
LIST = WorkerTask("list_entries", ListRequest, tuple[str, ...], list_entries)
