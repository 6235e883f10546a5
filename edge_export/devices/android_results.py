"""Brings the results of items from a phone into the request folder of this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from edge_export.devices.adb_client import Adb, TooMuch, quoted
from edge_export.devices.request import STATUS, Item, ItemStatus, Request
from edge_export.devices.results import RESULTS, agreed_files, is_whole, keep_failure, keep_result
from edge_export.files.arrays import Array
from edge_export.spec.device import DeviceState

_FROM_HERE = ("temperature_c", "thermal_status", "battery_percent", "charging", "screen_on", "cooled")
"""What this machine knows better than the runner: to an app, an unplugged battery repeats old values."""


@dataclass(frozen=True)
class Results:
    """The results of a run on a phone.

    Attributes:
        remote: The folder of the phone that the runner writes into.
        folder: The request folder of this machine.
        inputs: The recorded inputs by their path in the request.
    """

    adb: Adb
    remote: str
    folder: Path
    request: Request
    inputs: Mapping[str, Mapping[str, Array]]

    def forget(self) -> None:
        """Removes the results from the phone.

        Raises:
            RequestError: The phone is gone.
        """
        self.adb.require(f"rm -rf {quoted(f'{self.remote}/{RESULTS}')}", "old results can't be removed")

    def has(self, item: Item) -> bool:
        """Returns whether the result of an item is here already, whatever it says."""
        return is_whole(self.folder, self.request, item)

    def bring(self, item: Item, before: DeviceState | None = None, after: DeviceState | None = None) -> bool:
        """Brings the result of an item here. One that is larger than agreed becomes a failure.

        Args:
            before, after: The phone's state around the item, as this machine read it.

        Returns:
            False if the phone has no result.

        Raises:
            LinkLost: The phone is gone.
        """
        limits = agreed_files(item, self.inputs[item.inputs.path])
        contents = {}
        for name, limit in limits.items():
            try:
                contents[name] = self.adb.read(f"{self.remote}/{RESULTS}/{item.id}/{name}", limit)
            except TooMuch:
                self.fail(item, f"its {name} has more than the {limit} bytes that were agreed")
                return True
        status = contents[STATUS]
        if status is None:
            return False
        contents[STATUS] = _with_states(status, before, after)
        kept = {name: content for name, content in contents.items() if content is not None}
        keep_result(self.folder, item.id, kept)
        return True

    def fail(self, item: Item, reason: str) -> None:
        """Records that an item failed."""
        keep_failure(self.folder, self.request, item, reason)


def _with_states(status: bytes, before: DeviceState | None, after: DeviceState | None) -> bytes:
    """Returns a status with what this machine knows of the phone's state. One that is not valid stays as it is."""
    try:
        told = ItemStatus.model_validate_json(status)
    except ValidationError:
        return status
    states = {"before": _merged(told.before, before), "after": _merged(told.after, after)}
    return told.model_copy(update=states).model_dump_json(by_alias=True).encode()


def _merged(told: DeviceState | None, read: DeviceState | None) -> DeviceState | None:
    """Returns what the runner told of a moment, with what this machine read."""
    if told is None or read is None:
        return told or read
    return told.model_copy(update={name: getattr(read, name) for name in _FROM_HERE})
