"""An Android phone, by the user's own `adb`. The runner app runs the request; it is installed if that is needed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from edge_export.cache import cache_folder
from edge_export.devices.adb_attached import attached_phones, choose_phone, find_adb, ready
from edge_export.devices.adb_client import Adb
from edge_export.devices.android_facts import read_facts, read_state
from edge_export.devices.android_files import stage, store_request
from edge_export.devices.android_install import install_app, needed_app, require_app
from edge_export.devices.android_rest import COOL_DOWN, CoolDown, restore_battery, unplugged, wait_until_cool
from edge_export.devices.android_results import Results
from edge_export.devices.android_runner import FACTS, RESULTS, RUN, start_runner
from edge_export.devices.device import Listed, Report
from edge_export.devices.folder import parts_of
from edge_export.devices.request import DEVICE, Item, Request
from edge_export.devices.results import load_inputs
from edge_export.devices.run import held
from edge_export.errors import RequestError
from edge_export.files.atomic import write_atomically
from edge_export.spec.device import DeviceFacts, DeviceState
from edge_export.spec.fields import all_problems

_FACTS_BYTES = 1 << 16
_FACTS_S = 120.0


def open_adb(serial: str) -> AdbPhone:
    """Returns the phone with this serial number; the only one that is attached if `serial` is empty.

    Raises:
        RequestError: There is no adb, no such phone, more than one, or it can't be used.
    """
    program = find_adb()
    return AdbPhone(Adb(program, choose_phone(program, serial).serial))


def found() -> list[Listed]:
    """Returns the phones that adb knows, with what each can run or why it can't be used; none if there is no adb."""
    try:
        program = find_adb()
    except RequestError:
        return []
    listed = []
    for phone in attached_phones(program):
        device = AdbPhone(Adb(program, phone.serial))
        try:
            ready(phone)
            facts = device.facts_as_it_is()
            listed.append(Listed(device.name, f"{facts.model}, {facts.os}", tuple(facts.runtimes)))
        except RequestError as error:
            listed.append(Listed(device.name, phone.model, problem=str(error)))
    return listed


@dataclass(frozen=True)
class AdbPhone:
    """One phone.

    Attributes:
        cool_down: When it is cool enough for a round of a bench.
        grace_s: How long the runner may say nothing beyond an item's time limit, in seconds.
    """

    adb: Adb
    cool_down: CoolDown = COOL_DOWN
    grace_s: float = 60.0

    @property
    def name(self) -> str:
        return self.adb.name

    def facts(self) -> DeviceFacts:
        """Returns the phone's facts, with the runtimes of its runner, which is installed if needed.

        Raises:
            RequestError: The phone is gone, there is no runner, or it does not work.
        """
        with self._held():
            if app := needed_app(self.adb):
                install_app(self.adb, app)
            return self._ask_facts()

    def facts_as_it_is(self) -> DeviceFacts:
        """As `facts`, but a phone without the runner app is an error."""
        with self._held():
            require_app(self.adb)
            return self._ask_facts()

    def _ask_facts(self) -> DeviceFacts:
        restore_battery(self.adb)
        self._write_facts()
        return self._told_facts()

    def run(self, folder: Path, request: Request, report: Report, *, resume: bool) -> None:
        """See `Device.run`. The app is installed if needed. Before each round of a bench the phone may cool down."""
        with self._held():
            self._run(folder, request, report, resume=resume)

    def _held(self) -> AbstractContextManager[None]:
        """Keeps other processes away: a second start of the app ends the first one."""
        key = hashlib.sha256(self.name.encode()).hexdigest()[:16]
        return held(cache_folder() / "devices" / f"phone-{key}", f"{self.name} is in use: wait until that has ended")

    def _run(self, folder: Path, request: Request, report: Report, *, resume: bool) -> None:
        restore_battery(self.adb)
        if app := needed_app(self.adb):
            report(request.items[0].id, "installing the runner app")
            install_app(self.adb, app)
        results = Results(self.adb, RESULTS, folder, request, load_inputs(folder, request))
        if not resume:
            results.forget()
        left = [item for item in request.items if not results.has(item)]
        if resume:
            left = [item for item in left if not results.bring(item)]
        for item in left:
            report(item.id, "copying")
        stage(self.adb, folder, parts_of(request))
        before = read_state(self.adb)
        if not left:
            self._write_facts()
        for items in rounds(left):
            self._round(results, items, report)
        facts = self._told_facts().model_copy(update={"before": before, "after": read_state(self.adb)})
        write_atomically(folder / DEVICE, facts.model_dump_json(by_alias=True).encode())
        results.forget()

    def _round(self, results: Results, items: Sequence[Item], report: Report) -> None:
        by_name = {item.id: item for item in items}
        timed = items[0].mode == "bench"

        def tell(name: str, outcome: str) -> None:
            if (item := by_name.get(name)) is None:
                return
            if outcome != "started" and not timed:  # a phone that sends while it is timed is timed wrongly
                results.bring(item)
            report(name, outcome)

        if not timed:
            self._run_items(results, items, tell, None)
            return
        before = wait_until_cool(self.adb, self.cool_down, lambda: report(items[0].id, "cooling down"))
        with unplugged(self.adb):
            self._run_items(results, items, tell, before)

    def _run_items(self, results: Results, items: Sequence[Item], report: Report, before: DeviceState | None) -> None:
        """Starts the runner until each item has a result. A crash costs the item that was running."""
        left = list(items)
        while left:
            store_request(self.adb, results.request.model_copy(update={"items": tuple(left)}))
            silence_s = max(item.timeout_s for item in left) + self.grace_s
            stop = start_runner(self.adb, RUN, silence_s, report)
            after = None if before is None else read_state(self.adb)
            missing = [item for item in left if not (results.has(item) or results.bring(item, before, after))]
            at_fault = missing if stop is None else [item for item in missing if item.id == stop.item]
            if missing == left and not at_fault:
                raise RequestError(f"{self.name}: the runner ended before its first item ({stop and stop.reason})")
            for item in at_fault:
                results.fail(item, "the runner left no result" if stop is None else f"the runner ended: {stop.reason}")
            left = [item for item in missing if item not in at_fault]

    def _write_facts(self) -> None:
        """Lets the runner write its device.json. Raises RequestError if it does not start."""
        stop = start_runner(self.adb, FACTS, _FACTS_S, lambda *_: None)
        if stop is not None:
            raise RequestError(f"{self.name}: the runner does not start ({stop.reason})")

    def _told_facts(self) -> DeviceFacts:
        """Returns what adb reads, with the runner and the runtimes that its device.json names."""
        content = self.adb.read(f"{RESULTS}/{DEVICE}", _FACTS_BYTES)
        try:
            told = DeviceFacts.model_validate_json(content or b"")
        except ValidationError as error:
            raise all_problems(Path(f"{self.name}: the runner's {DEVICE}"), error) from None
        facts = read_facts(self.adb, told.runner)
        return facts.model_copy(update={"runtimes": told.runtimes, "emulated": told.emulated or facts.emulated})


def rounds(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Splits items, in their order, where the mode changes or a bench comes to an artifact a second time."""
    current: list[Item] = []
    seen: set[tuple[str, str, int]] = set()
    for item in items:
        artifact = (item.member, item.label, item.threads)
        if current and (item.mode != current[0].mode or (item.mode == "bench" and artifact in seen)):
            yield current
            current, seen = [], set()
        current.append(item)
        seen.add(artifact)
    if current:
        yield current
