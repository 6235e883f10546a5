"""Reads what a device has sent back. Nothing in it is trusted: names, sizes, run ids, shapes, numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from edge_export.devices.request import DEVICE, OUTPUTS, SAMPLES, STATUS, Item, ItemStatus, Part, Request
from edge_export.errors import RequestError, one_line
from edge_export.files.arrays import Array, load_arrays
from edge_export.files.atomic import whole_folder
from edge_export.files.hashing import file_sha256
from edge_export.spec.device import DeviceFacts, Samples
from edge_export.spec.fields import Record, all_problems

RESULTS = "results"
STATUS_BYTES = DEVICE_BYTES = 1 << 20
SAMPLES_BYTES = 64 << 20
_HEADER_BYTES = 1 << 16


@dataclass(frozen=True)
class ItemResult:
    """The result of one item: its status, and what stands beside it."""

    status: ItemStatus
    outputs: Path | None = None
    samples: Samples | None = None

    def load_outputs(self) -> dict[str, Array]:
        """Returns the outputs of a verify item that is done."""
        assert self.outputs is not None
        return load_arrays(self.outputs)


@dataclass(frozen=True)
class Results:
    """What came back of a request: the facts of the device, and a result for each finished item."""

    facts: DeviceFacts
    items: dict[str, ItemResult]

    def timed(self) -> Mapping[str, tuple[ItemStatus, Samples | None]]:
        """Returns the status and the samples of each item."""
        return {name: (result.status, result.samples) for name, result in self.items.items()}


def expected_outputs(item: Item, inputs: Mapping[str, Array]) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Returns the dtype and the shape of each output of a verify item, from its inputs."""
    io = item.member_io
    count, *_, last = next(iter(inputs.values())).shape
    if io.stream is not None:
        stems = io.outputs[0]
        return {stems.name: (stems.dtype, (count, *stems.shape[1:-1], last))}
    return {spec.name: (spec.dtype, (count, *spec.shape[1:])) for spec in io.outputs}


def agreed_files(item: Item, inputs: Mapping[str, Array]) -> dict[str, int]:
    """Returns the largest size in bytes of each file that an item may leave in its folder, status.json last."""
    if item.mode == "verify":
        specs = expected_outputs(item, inputs).values()
        size = sum(np.dtype(dtype).itemsize * math.prod(shape) for dtype, shape in specs)
        return {OUTPUTS: size + _HEADER_BYTES, STATUS: STATUS_BYTES}
    if item.mode == "bench":
        return {SAMPLES: SAMPLES_BYTES, STATUS: STATUS_BYTES}
    return {STATUS: STATUS_BYTES}


def load_inputs(folder: Path, request: Request) -> dict[str, dict[str, Array]]:
    """Returns the recorded inputs of a request by their path in it."""
    return {path: load_arrays(folder / path) for path in {item.inputs.path for item in request.items}}


def agreed_limits(folder: Path, request: Request) -> dict[str, dict[str, int]]:
    """Returns `agreed_files` of each item of the request in `folder`."""
    inputs = load_inputs(folder, request)
    return {item.id: agreed_files(item, inputs[item.inputs.path]) for item in request.items}


def read_results(folder: Path, request: Request) -> Results:
    """Returns the results in a request folder. An item whose result can't be used has failed, with the reason.

    Raises:
        RequestError: device.json is missing or not valid.
    """
    inputs = load_inputs(folder, request)
    items = {}
    for item in request.items:
        place = folder / RESULTS / item.id
        if (place / STATUS).exists():
            try:
                items[item.id] = _read_item(place, request, item, inputs[item.inputs.path])
            except (RequestError, ValueError, OSError) as error:
                reason = f"the result that came back can't be used: {one_line(error, 600)}"
                items[item.id] = ItemResult(
                    ItemStatus(schema="1.0", run_id=request.run_id, item=item.id, outcome="failed", reason=reason)
                )
    return Results(_record(folder / DEVICE, DeviceFacts, DEVICE_BYTES), items)


def is_whole(folder: Path, request: Request, item: Item) -> bool:
    """Returns whether the result of `item` is in the folder already, whatever it says."""
    try:
        return _record(folder / RESULTS / item.id / STATUS, ItemStatus, STATUS_BYTES).run_id == request.run_id
    except RequestError:
        return False


def keep_result(folder: Path, item: str, contents: Mapping[str, bytes]) -> None:
    """Writes the files of an item's result by name, whole or not at all.

    Raises:
        RequestError: This machine's disk is full, or the folder can't be written.
    """
    try:
        (folder / RESULTS).mkdir(exist_ok=True)
        with whole_folder(folder / RESULTS / item) as staged:
            for name, content in contents.items():
                (staged / name).write_bytes(content)
    except OSError as error:
        reason = one_line(error.strerror)
        raise RequestError(f"{folder} can't be written ({reason}): make room, then go on with --resume") from error


def keep_failure(folder: Path, request: Request, item: Item, reason: str) -> None:
    """Writes that an item failed. Raises RequestError as `keep_result`."""
    status = ItemStatus(schema="1.0", run_id=request.run_id, item=item.id, outcome="failed", reason=one_line(reason))
    keep_result(folder, item.id, {STATUS: status.model_dump_json(by_alias=True).encode()})


def _read_item(place: Path, request: Request, item: Item, inputs: Mapping[str, Array]) -> ItemResult:
    """Raises ValueError or RequestError if the result does not fit the item."""
    status = _record(place / STATUS, ItemStatus, STATUS_BYTES)
    if (status.run_id, status.item) != (request.run_id, item.id):
        raise ValueError(f"it is of item {status.item} of run {status.run_id}")
    if status.outcome != "done":
        return ItemResult(status)
    limits = agreed_files(item, inputs)
    if item.mode == "verify":
        path = _part(place, status.outputs, OUTPUTS, limits[OUTPUTS])
        _check_outputs(load_arrays(path), expected_outputs(item, inputs))
        return ItemResult(status, outputs=path)
    if item.mode == "bench":
        path = _part(place, status.samples, SAMPLES, limits[SAMPLES])
        return ItemResult(status, samples=_record(path, Samples, SAMPLES_BYTES))
    if status.peak_memory_bytes is None:
        raise ValueError("it has no peak_memory_bytes")
    return ItemResult(status)


def _part(place: Path, part: Part | None, name: str, limit: int) -> Path:
    """Returns the path of the file `name` that `part` describes, after checking its size and its content."""
    path = place / name
    if part is None or part.path != name:
        raise ValueError(f"it names {None if part is None else part.path} instead of {name}")
    if path.is_symlink() or not path.is_file():
        raise ValueError(f"{name} is missing")
    if (size := path.stat().st_size) > limit:
        raise ValueError(f"{name} has {size} bytes, more than the {limit} that were agreed")
    if file_sha256(path) != part.sha256:
        raise ValueError(f"{name} does not match its sha256")
    return path


def _check_outputs(outputs: Mapping[str, Array], expected: Mapping[str, tuple[str, tuple[int, ...]]]) -> None:
    found = {name: (array.dtype.name, array.shape) for name, array in outputs.items()}
    if found != expected:
        raise ValueError(f"the outputs are {found}, not {dict(expected)}")


def _record[R: Record](path: Path, record: type[R], limit: int) -> R:
    """Raises RequestError if the file is missing, larger than `limit` bytes, or not valid."""
    try:
        if path.is_symlink() or path.stat().st_size > limit:
            raise RequestError(f"{path.name} has more than {limit} bytes, or is a link")
        return record.model_validate_json(path.read_bytes())
    except OSError as error:
        raise RequestError(f"{path.name} can't be read ({one_line(error.strerror)})") from error
    except ValidationError as error:
        raise all_problems(Path(path.name), error) from error
