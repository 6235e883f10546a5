"""What a device is to the rest of the package: a transport. It brings a request folder there, and its results back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edge_export.devices.request import Request
from edge_export.errors import RequestError
from edge_export.spec.device import DeviceFacts

Report = Callable[[str, str], None]
"""Is called with (item, state): "copying", "started", or the outcome that the runner told. Nothing in it is checked."""


class LinkLost(RequestError):
    """The device is gone in the middle of a run. What was finished there is kept, and `--resume` goes on."""


class Device(Protocol):
    """One device.

    Attributes:
        name: The name that `--device` has, and that stands in numerics.json and perf.json.
    """

    @property
    def name(self) -> str: ...

    def facts(self) -> DeviceFacts:
        """Returns what the device says of itself.

        Raises:
            RequestError: It is not there, refuses us, or lacks what a runner needs.
        """

    def run(self, folder: Path, request: Request, report: Report, *, resume: bool) -> None:
        """Runs the items of a request that have no result yet, and brings the results back into `folder`.

        `folder` holds request.json and its parts. Afterwards it holds device.json and, for each item that is finished,
        `results/<item>/` with at most the three files of the contract, none larger than agreed. The caller checks their
        contents.

        Args:
            resume: Whether finished items of an earlier start may be there.

        Raises:
            LinkLost: The device is gone. What it has finished comes back when the same folder is run again.
            RequestError: The device can't run it: no space, no runner.
        """


@dataclass(frozen=True)
class Listed:
    """A device that was found, and what it can run; or why it can't be used."""

    name: str
    about: str
    runs: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class Kind:
    """One kind of device. Its functions are named "module:function", so that they are imported only when used.

    Attributes:
        description: One line for users.
        form: What follows the kind's name in `--device`.
        open: `(rest of the name after the colon) -> Device`. Raises RequestError.
        found: `() -> list[Listed]`: the devices of this kind that are there.
        setup: `(rest of the name, say) -> None`: prepares this machine for it. Empty: there is nothing to prepare.
    """

    description: str
    form: str
    open: str
    found: str
    setup: str = ""
