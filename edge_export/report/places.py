"""Where a family was proven and timed: this machine, phones, farms."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from edge_export.bundle.folder import Bundle
from edge_export.bundle.numerics import LOCAL, ArtifactRun
from edge_export.bundle.perf import DevicePerf, Perf
from edge_export.devices.table import KINDS
from edge_export.report.facts import tally


@dataclass(frozen=True)
class Place:
    """A device, and what was proven and timed there.

    Attributes:
        kind: What kind of device it is.
        facts: What it says of itself. Empty: nothing is known.
        tally: The number of runs with each verdict.
        worst_snr_db: The lowest SNR of its runs that passed.
        timed: How many artifacts were timed there.
        remarks: What to know about its times.
    """

    name: str
    kind: str
    facts: str
    runtimes: tuple[str, ...]
    tally: dict[str, int]
    worst_snr_db: float | None
    timed: int
    remarks: tuple[str, ...]


def places(bundle: Bundle, perf: Perf) -> tuple[Place, ...]:
    """Returns the devices that something was proven or timed on, this machine first."""
    runs = [run for member in bundle.numerics.members for run in member.runs]
    names = dict.fromkeys([LOCAL, *(run.device for run in runs), *(each.device for each in perf.devices)])
    return tuple(_place(name, [run for run in runs if run.device == name], perf.on(name)) for name in names)


def device_commands(bundle: Bundle, perf: Perf) -> tuple[str, ...]:
    """Returns the commands that prove and time on the devices of the bundle. Those of a farm need more than a name."""
    found = []
    for place in places(bundle, perf):
        if _kind(place.name) not in KINDS:
            continue
        if place.tally and place.name != LOCAL:
            found.append(shlex.join(["edge_export", "verify", bundle.root.name, "--device", place.name]))
        if place.timed:
            found.append(shlex.join(["edge_export", "bench", bundle.root.name, "--device", place.name]))
    return tuple(found)


def _kind(device: str) -> str:
    return device.partition(":")[0]


def _place(name: str, runs: list[ArtifactRun], measured: DevicePerf | None) -> Place:
    kind = _kind(name)
    described = KINDS[kind].description if kind in KINDS else "a phone of a farm" if kind == "farm" else "a device"
    facts, remarks, timed = "", [], 0
    if measured is not None:
        about = measured.facts
        facts = ", ".join(filter(None, (about.model, about.soc, about.os)))
        timed = sum(each.latency is not None for each in measured.artifacts)
        if about.emulated:
            remarks.append("emulated: its times are no latency")
        if measured.indicative:
            remarks.append("its times are a hint: nobody waited until it was cool and idle")
    passed = [run.agreement.snr_db for run in runs if run.agreement and run.verdict == "passed"]
    return Place(
        name=name,
        kind=described,
        facts=facts,
        runtimes=tuple(dict.fromkeys(run.runtime for run in runs if run.runtime not in ("", "none"))),
        tally=tally(run.verdict for run in runs),
        worst_snr_db=min(passed, default=None),
        timed=timed,
        remarks=tuple(remarks),
    )
