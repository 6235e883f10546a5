"""What the phone is like, in a file beside its file system: the daemon, its commands and tests read and change it."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

PIXEL = {
    "ro.product.manufacturer": "Google",
    "ro.product.model": "Pixel 8",
    "ro.product.name": "shiba",
    "ro.product.device": "shiba",
    "ro.product.cpu.abi": "arm64-v8a",
    "ro.soc.manufacturer": "Google",
    "ro.soc.model": "Tensor G3",
    "ro.build.version.release": "15",
    "ro.build.version.sdk": "35",
    "ro.build.fingerprint": "google/shiba/shiba:15/AP4A.250105.002/12701944:user/release-keys",
}

RUNNER = "edge.runner"
APP = f"/data/app/~~x1==/{RUNNER}-y2==/base.apk"
"""Where the phone keeps the runner app."""
APP_CONTENT = b"the runner app that is there from the start"

PLUGGED_IN = {"ac": 0, "usb": 1, "wireless": 0, "status": 2, "level": 85, "temp": 284}


@dataclass
class Phone:
    """The phone's state and its faults.

    Attributes:
        props: Those of `getprop`.
        battery: The true values of `dumpsys battery`, temperature in tenths of a degree.
        reported: What `dumpsys battery` says while its updates are stopped; None: the true values. As in Android,
            `unplug` and `set` freeze all values, the temperature included, until `reset`.
        thermal_status: That of `dumpsys thermalservice`; None: the service does not exist, as before Android 10.
        cools_by: How much the battery's temperature falls with each look at it, in tenths of a degree.
        wakefulness: "Awake" or "Asleep".
        free_bytes: The free storage.
        filled_after: Something else takes all of it, once so many bytes have arrived; -1: never.
        runner: The package of the runner app; empty: it is not installed.
        other_key: The runner app on it was signed by another machine.
        refuses_apps: Its user allows no installation by adb.
        jvm: The command that runs `am instrument` of the real runner app, on this machine's Java; empty: the runner app
            is the Python runner.
        executorch: Whether the runner has ExecuTorch beside TFLite.
        unauthorized: The user has not allowed this computer.
        offline: All connections are cut, and new ones are not answered.
        crash_after, hang_after: The runner crashes, or hangs, once, in the item after so many others; -1: never.
        offline_after: The link is lost once, after so many items; -1: never.
        spoil: What the runner app leaves behind wrongly: see `spoil.py`.
        runner_group: The process group of the runner that was started last; 0: none.
        log: The commands of the shell, in order.
        received: The files that were pushed, in order.
    """

    props: dict[str, str] = field(default_factory=PIXEL.copy)
    battery: dict[str, int] = field(default_factory=PLUGGED_IN.copy)
    reported: dict[str, int] | None = None
    thermal_status: int | None = 0
    cools_by: int = 0
    wakefulness: str = "Awake"
    free_bytes: int = 1 << 30
    filled_after: int = -1
    runner: str = RUNNER
    other_key: bool = False
    refuses_apps: bool = False
    jvm: list[str] = field(default_factory=list)
    executorch: bool = False
    unauthorized: bool = False
    offline: bool = False
    crash_after: int = -1
    hang_after: int = -1
    offline_after: int = -1
    spoil: str = ""
    runner_group: int = 0
    log: list[str] = field(default_factory=list)
    received: list[str] = field(default_factory=list)


class State:
    """The state of one phone, for many processes at once.

    Attributes:
        path: The file that holds it.
        root: The folder that is the phone's file system.
        commands: The folder of the phone's own commands.
        started: The process groups of the shell's commands.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.root = path.parent / "root"
        self.commands = path.parent / "commands"
        self.started: list[int] = []

    @classmethod
    def create(cls, folder: Path, phone: Phone) -> State:
        state = cls(folder / "phone.json")
        state.root.mkdir(parents=True)
        state.path.write_text(json.dumps(asdict(phone)))
        return state

    def read(self) -> Phone:
        with self.changed() as phone:
            return phone

    @contextmanager
    def changed(self) -> Iterator[Phone]:
        """Gives the state to the block, alone among all processes, and stores what the block makes of it."""
        with self.path.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            phone = Phone(**json.loads(file.read()))
            yield phone
            file.seek(0)
            file.write(json.dumps(asdict(phone)))
            file.truncate()

    def used(self, size: int) -> None:
        with self.changed() as phone:
            phone.free_bytes -= size
            if 0 <= phone.filled_after <= size:
                phone.free_bytes, phone.filled_after = 0, -1
            phone.filled_after -= size if phone.filled_after > 0 else 0

    def inside(self, path: str) -> Path:
        """The file of this machine that stands for the phone's `path`."""
        found = (self.root / path.lstrip("/")).resolve()
        if not found.is_relative_to(self.root.resolve()):
            raise ValueError(f"{path} is outside of the phone")
        return found


def this_phone() -> State:
    """The phone on which this command runs."""
    return State(Path(os.environ["EMULATED_PHONE"]))
