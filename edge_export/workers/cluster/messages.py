"""A task as it is sent to another machine, and what comes back from there put where it belongs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_export.cache.keys import installed
from edge_export.workers.cluster.file_tree import Parcel, TooLarge, digest_of, pack, remove, unpack
from edge_export.workers.process import WorkerError
from edge_export.workers.tasks import PATHS


@dataclass(frozen=True)
class Order:
    """A task with its files.

    Attributes:
        text: The JSON that `cluster_worker.perform` takes.
        parcels: Digest and content of each input and folder; None for one that does not exist.
        paths: Where the arguments that are paths lie here.
    """

    text: str
    parcels: tuple[tuple[str, Parcel | None], ...]
    paths: Mapping[str, Path]


def require_declared(task: str, args: Mapping[str, Any]) -> None:
    """ValueError for a task, or for one of its arguments that is a path, of which `PATHS` knows nothing."""
    if task not in PATHS:
        raise ValueError(f"task {task} is not in PATHS: it can't be sent to another machine")
    names = PATHS[task]
    known = {*names.inputs, *names.folders, *names.outputs, *names.stays}
    paths = [name for name, value in args.items() if isinstance(value, str) and value.startswith("/")]
    if stray := [name for name in paths if name not in known]:
        raise ValueError(f"task {task}: PATHS does not say what to do with the paths {', '.join(stray)}")


def make_order(build: str, task: str, args: Mapping[str, Any], kind: str, timeout_s: float) -> Order:
    """The order for a task of `PATHS`; WorkerError when one of its files can't be read."""
    names = PATHS[task]
    inputs, folders, outputs = (
        {name: Path(args[name]) for name in each if args.get(name) is not None}
        for each in (names.inputs, names.folders, names.outputs)
    )
    try:
        contents = {name: pack(path) for name, path in (inputs | folders).items()}
    except (OSError, TooLarge) as error:
        raise WorkerError(f"{task}: {error}", "exception") from error
    digests = {name: "missing" if parcel is None else digest_of(parcel) for name, parcel in contents.items()}
    order = {
        "build": build,
        "installed": installed(),
        "task": task,
        "args": args,
        "kind": kind,
        "timeout_s": timeout_s,
        "inputs": [[name, path.name, digests[name]] for name, path in inputs.items()],
        "folders": [[name, path.name] for name, path in folders.items()],
        "outputs": [[name, path.name] for name, path in outputs.items()],
    }
    parcels = tuple((digests[name], parcel) for name, parcel in contents.items())
    return Order(json.dumps(order), parcels, inputs | folders | outputs)


def deliver(order: Order, outcome: Mapping[str, Any], log: Path) -> dict[str, Any]:
    """Write what a task has written and printed elsewhere, and return its answer in the paths of this machine.

    Args:
        outcome: What `cluster_worker.perform` returns.

    Raises:
        WorkerError: The task did not succeed.
        ValueError: A file would land outside of its folder.
    """
    with log.open("ab") as file:
        file.write(outcome["log"])
    here = {there: str(order.paths[name]) for name, there in outcome["paths"].items()}
    if failure := outcome.get("error"):
        raise WorkerError(**_translated(failure, here))
    for name, changes in outcome["folders"].items():
        unpack(changes["written"], order.paths[name])
        remove(changes["removed"], order.paths[name])
    for name, parcel in outcome["outputs"].items():
        if parcel is not None:
            unpack(parcel, order.paths[name])
    answer: dict[str, Any] = _translated(outcome["answer"], here)
    return answer


def _translated(value: Any, here: Mapping[str, str]) -> Any:
    """JSON with every path of the other machine as it is called here."""
    if isinstance(value, dict):
        return {key: _translated(each, here) for key, each in value.items()}
    if isinstance(value, list):
        return [_translated(each, here) for each in value]
    if isinstance(value, str):
        for there, path in here.items():
            value = value.replace(there, path)
    return value
