"""An iPhone, by a Mac's Xcode. The demo's test host runs the request; one run of the tests has items of one member."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from itertools import groupby
from pathlib import Path

from pydantic import ValidationError

from edge_export.cache import cache_folder
from edge_export.devices.adb_client import Silence
from edge_export.devices.device import LinkLost, Listed, Report
from edge_export.devices.folder import parts_of, write_folder
from edge_export.devices.request import DEVICE, STATUS, Item, Request
from edge_export.devices.results import agreed_limits, is_whole, keep_failure, keep_result
from edge_export.devices.run import held
from edge_export.devices.ssh_link import Address
from edge_export.devices.xcode_build import TestHost, build, run_tests
from edge_export.devices.xcode_faults import crash_in, fault_in, last_error, link_lost_in, tests_started
from edge_export.devices.xcode_mac import Mac
from edge_export.devices.xcode_phones import Phone, choose_phone, devicectl, known_phones, problem_of, require_unlocked
from edge_export.devices.xcode_results import OWN, Brought, attached, copied
from edge_export.errors import RequestError
from edge_export.files.atomic import write_atomically
from edge_export.files.owned import scratch_folder
from edge_export.spec.device import DeviceFacts
from edge_export.spec.fields import all_problems

RUNS = ("coreml",)
"""The formats of the test host's engines."""
_DOCUMENTS = "Documents"
_REQUESTS = "edge_export"
_COPY_S = 3600.0
_START_S = 300.0
"""How long Xcode may say nothing beyond an item's time limit, in seconds: it waits for the phone."""


def open_xcode(udid: str) -> XcodePhone:
    """Returns the phone with this udid; the only one that can be used if `udid` is empty.

    Raises:
        RequestError: There is no Xcode, no such phone, more than one, or it can't be used.
    """
    return open_on(None, udid)


def open_on(address: Address | None, udid: str) -> XcodePhone:
    """As `open_xcode`, for the Mac at an address."""
    mac = Mac(address)
    return XcodePhone(mac, choose_phone(mac, udid))


def found() -> list[Listed]:
    """Returns the phones that this machine's Xcode knows; none if it has no Xcode."""
    import shutil

    return listed_on(None) if shutil.which("xcrun") else []


def listed_on(address: Address | None) -> list[Listed]:
    """Returns the phones that a Mac knows, with what each can run or why it can't be used."""
    mac = Mac(address)
    try:
        phones = known_phones(mac)
    except RequestError as error:
        return [Listed(mac.name, "", problem=str(error))]
    listed = []
    for phone in phones:
        name, problem = f"{mac.name}:{phone.udid}", problem_of(phone)
        about = f"{phone.model}, {phone.os}"
        listed.append(Listed(name, about, problem=f"{name} {problem}") if problem else Listed(name, about, RUNS))
    return listed


class XcodePhone:
    """One phone of a Mac."""

    def __init__(self, mac: Mac, phone: Phone) -> None:
        self._mac, self._phone = mac, phone
        self.name = f"{mac.name}:{phone.udid}"
        self._work = f"{mac.folder}/phone-{phone.udid}"

    def facts(self) -> DeviceFacts:
        """Returns the phone's facts, as the test host tells them, which is built and installed if needed."""
        with self._held():
            require_unlocked(self._mac, self._phone)
            brought = self._invoke("", {}, _START_S, lambda *_: None)
            return self._facts_in(brought.files[OWN][DEVICE])

    def run(self, folder: Path, request: Request, report: Report, *, resume: bool) -> None:
        """See `Device.run`. Items of one member that follow each other share one run of the tests."""
        with self._held():
            limits = agreed_limits(folder, request)
            left = [item for item in request.items if not is_whole(folder, request, item)]
            for _, items in groupby(left, key=lambda item: item.member):
                self._run_items(folder, request, list(items), limits, report)
            if not (folder / DEVICE).is_file():  # each run of the tests crashed
                require_unlocked(self._mac, self._phone)
                self._keep_facts(folder, self._invoke("", {}, _START_S, report))
            self._mac.remove(self._work)

    @cached_property
    def _host(self) -> TestHost:
        return build(self._mac)

    def _held(self) -> AbstractContextManager[None]:
        """Keeps other processes away from the Mac's folder, and from the phone."""
        key = hashlib.sha256(self._mac.name.encode()).hexdigest()[:16]
        taken = f"{self._mac.name} is in use: wait until that has ended"
        return held(cache_folder() / "devices" / f"xcode-{key}", taken)

    def _run_items(
        self,
        folder: Path,
        request: Request,
        items: Sequence[Item],
        limits: Mapping[str, Mapping[str, int]],
        report: Report,
    ) -> None:
        """Runs the tests until each item has a result. A crash costs the item that it comes back in."""
        left, place = list(items), f"{_REQUESTS}/{request.run_id}.{items[0].id}"
        while left:
            require_unlocked(self._mac, self._phone)
            self._send(folder, request.model_copy(update={"items": tuple(left)}), place, report)
            silence_s = max(item.timeout_s for item in left) + _START_S
            brought = self._invoke(place, {item.id: limits[item.id] for item in items}, silence_s, report)
            for name, files in brought.files.items():
                if name != OWN and STATUS in files:
                    keep_result(folder, name, files)
            self._keep_facts(folder, brought)
            missing = [item for item in left if not is_whole(folder, request, item)]
            if missing == left:  # it comes to its first item, and no further
                reason = "; ".join(brought.refused) or "the tests left no result"
                keep_failure(folder, request, missing.pop(0), reason)
            for item in left:
                if item not in missing:
                    report(item.id, "came back")
            left = missing

    def _send(self, folder: Path, request: Request, place: str, report: Report) -> None:
        """Installs the app, and copies a request into its folder."""
        report(request.items[0].id, "copying")
        there, phone = f"{self._work}/{request.run_id}", ("--device", self._phone.udid)
        with scratch_folder() as scratch:
            write_folder(scratch, request, {path: folder / path for path in parts_of(request)})
            self._mac.put(scratch, there)
        devicectl(self._mac, "device", "install", "app", *phone, self._host.app, silence_s=_COPY_S)
        app = ("--domain-type", "appDataContainer", "--domain-identifier", self._host.identifier)
        to = ("--source", there, "--destination", f"{_DOCUMENTS}/{place}")
        devicectl(self._mac, "device", "copy", "to", *phone, *app, *to, silence_s=_COPY_S)

    def _invoke(self, place: str, limits: Mapping[str, Mapping[str, int]], silence_s: float, report: Report) -> Brought:
        """Runs the tests once, and brings what they left. It has device.json, or says why items have no result.

        Raises:
            LinkLost: The Mac or the phone is gone.
            RequestError: The tests did not run. The message says what to do.
        """
        mac, host = self._mac, self._host
        bundle, scratch = f"{self._work}/tests.xcresult", f"{self._work}/attachments"
        mac.remove(bundle, scratch, f"{self._work}/copied")
        mac.require(["mkdir", "-p", self._work], "the phone has no folder")
        output, late = "", ""
        try:
            answer = run_tests(mac, self._phone, host, place, bundle, silence_s, report)
            output = answer.text + answer.errors
        except Silence as error:
            late = str(error)
        brought = attached(mac, bundle, scratch, limits)
        if not limits.keys() <= brought.files.keys() and place:
            second = copied(mac, self._phone, host.identifier, f"{_DOCUMENTS}/{place}", f"{self._work}/copied", limits)
            brought = Brought(
                second.files | brought.files,
                brought.refused + second.refused,
                brought.complaints + second.complaints,
            )
        if brought.files.keys() >= {OWN, *limits}:
            return brought
        if link_lost_in(output):
            raise LinkLost(f"the link to {self.name} was lost: connect it again, then go on with --resume")
        if fault := fault_in(output):
            raise RequestError(f"{self.name}: {fault}")
        if not late and not tests_started(output):
            raise RequestError(f"{self.name}: the tests did not start ({last_error(output)})")
        if place and (late or crash_in(output)):
            brought.refused.insert(0, late or f"the tests crashed: {crash_in(output)}")
        elif not brought.files.keys() & (limits.keys() or {OWN}) and not (place and brought.refused):
            reasons = (late or crash_in(output), *brought.refused, *brought.complaints)
            why = "; ".join(filter(None, reasons)) or "nothing was attached"
            raise RequestError(f"{self.name}: the tests brought no result ({why}): look at {bundle}")
        return brought

    def _keep_facts(self, folder: Path, brought: Brought) -> None:
        """Writes device.json, if it came."""
        if OWN in brought.files:
            facts = self._facts_in(brought.files[OWN][DEVICE])
            write_atomically(folder / DEVICE, facts.model_dump_json(by_alias=True).encode())

    def _facts_in(self, content: bytes) -> DeviceFacts:
        """Returns what the test host told, with the phone's name and system as the Mac knows them."""
        try:
            told = DeviceFacts.model_validate_json(content)
        except ValidationError as error:
            raise all_problems(Path(f"{self.name}: the runner's {DEVICE}"), error) from None
        return told.model_copy(update={"model": self._phone.model, "os": self._phone.os})
