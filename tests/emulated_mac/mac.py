"""What the Mac and its phones are like, in a file that its programs and the tests read."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path

TESTS = Path(__file__).parents[1]
UDID = "00008120-000A1C2E3F40401E"
VARIABLE = "EMULATED_MAC"


@dataclass
class Phone:
    """A phone in `devicectl list devices`; each attribute has a value that stands there."""

    udid: str = UDID
    model: str = "iPhone 15 Pro"
    platform: str = "iOS"
    pairing: str = "paired"
    tunnel: str = "disconnected"
    developer_mode: str = "enabled"


@dataclass
class State:
    """The Mac's state and its faults.

    Attributes:
        locked: Whether the phone says that it is locked.
        build_says, test_says: What xcodebuild prints instead of building or testing; empty: it does its work.
        crash_in: The item in which the test crashes; empty: none.
        crashes: How often it still crashes there; below zero: always.
        runner: The command of the Swift runner, in words; empty: the Python runner takes its place.
        attaches, keeps: Whether the tests' attachments, and the app's folder, hold what they should.
    """

    phones: list[Phone] = field(default_factory=lambda: [Phone()])
    locked: bool = False
    build_says: str = ""
    test_says: str = ""
    crash_in: str = ""
    crashes: int = -1
    runner: list[str] = field(default_factory=list)
    attaches: bool = True
    keeps: bool = True


@dataclass(frozen=True)
class Mac:
    """The Mac in a folder."""

    folder: Path

    @property
    def state(self) -> State:
        told = json.loads((self.folder / "state.json").read_text())
        return State(**told | {"phones": [Phone(**each) for each in told["phones"]]})

    def set(self, **values: object) -> None:
        """Changes the state."""
        (self.folder / "state.json").write_text(json.dumps(asdict(self.state) | values))

    def container(self, udid: str, app: str) -> Path:
        """The folder of an app on a phone."""
        return self.folder / "phones" / udid / app

    @property
    def calls(self) -> list[list[str]]:
        """The commands that were run, in order."""
        log = self.folder / "log"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def new_mac(folder: Path, **state: object) -> Mac:
    """Makes a Mac. Its programs are in `folder/bin`."""
    programs = folder / "bin"
    programs.mkdir(parents=True)
    (folder / "state.json").write_text(json.dumps(asdict(State(**state))))  # type: ignore[arg-type]
    for name in ("xcrun", "xcodebuild"):
        path = f"{TESTS}${{PYTHONPATH:+:$PYTHONPATH}}"
        program = f'exec env {VARIABLE}={folder} PYTHONPATH={path} {sys.executable} -m emulated_mac.{name} "$@"'
        (programs / name).write_text(f"#!/bin/sh\n{program}\n")
        (programs / name).chmod(0o755)
    return Mac(folder)


def this_mac() -> Mac:
    """The Mac whose program runs. It notes the command."""
    mac = Mac(Path(os.environ[VARIABLE]))
    with (mac.folder / "log").open("a") as log:
        log.write(json.dumps([Path(sys.argv[0]).stem, *sys.argv[1:]]) + "\n")
    return mac


def options_of(words: list[str]) -> dict[str, str]:
    """The values behind words that begin with a hyphen."""
    return {name: value for name, value in pairwise(words) if name.startswith("-")}
