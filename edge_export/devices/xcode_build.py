"""The test host: the demo's project is built on the Mac, and its tests run on a phone."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from edge_export.devices.adb_client import Answer
from edge_export.devices.device import Report
from edge_export.devices.runner_process import hear
from edge_export.devices.xcode_faults import fault_in, last_error
from edge_export.devices.xcode_mac import Mac
from edge_export.devices.xcode_phones import Phone
from edge_export.errors import RequestError, one_line

TEAM = "EDGE_EXPORT_XCODE_TEAM"
"""The variable with the ID of the development team that signs the app."""
PROJECT = Path(__file__).parents[2] / "ios_demo"
_STAYS_HERE = frozenset({"build", "families", "xcuserdata"})
_SCHEME = "EdgeFamilyDemo"
_TESTS = "EdgeFamilyDemoTests/RequestTests"
_BUILD_S = 1800.0
_EVENT = b"edge_export: "
_LINE_BYTES = 1 << 16


@dataclass(frozen=True)
class TestHost:
    """What was built on a Mac.

    Attributes:
        identifier: The app's bundle identifier.
        app: The folder of the app there.
        tests: The .xctestrun file there.
    """

    identifier: str
    app: str
    tests: str


def build(mac: Mac) -> TestHost:
    """Builds the app and its tests; what has not changed since the last time is not built again.

    Raises:
        LinkLost: The Mac is not reached.
        RequestError: There is no team, no project, or it does not build. The message says what to do.
    """
    team = os.environ.get(TEAM, "")
    if re.fullmatch(r"[A-Za-z0-9]{1,32}", team) is None:
        raise RequestError(f"{TEAM} is {one_line(team, 40)!r}: set it to your team's ID, of ten letters and digits")
    if not PROJECT.is_dir():
        raise RequestError(f"{mac.name}: {PROJECT} is missing: use a checkout of the repository, which has it")
    identifier = f"edge.family.demo.{team.lower()}"
    sources, derived = f"{mac.folder}/ios_demo", f"{mac.folder}/derived"
    products = f"{derived}/Build/Products"
    mac.put(PROJECT, sources, leave_out=_STAYS_HERE)
    mac.require(["mkdir", "-p", f"{sources}/App/families", products], "the build has no folder")
    mac.require(["find", products, "-name", "*.xctestrun", "-delete"], "old builds can't be removed")
    command = ["xcodebuild", "build-for-testing", "-quiet", "-project", f"{sources}/App/{_SCHEME}.xcodeproj"]
    command += ["-scheme", _SCHEME, "-destination", "generic/platform=iOS", "-derivedDataPath", derived]
    command += ["-allowProvisioningUpdates", f"DEVELOPMENT_TEAM={team}", f"EDGE_FAMILY_IDENTIFIER={identifier}"]
    answer = mac.run(command, silence_s=_BUILD_S)
    output = answer.text + answer.errors
    if answer.status:
        raise RequestError(f"{mac.name}: {fault_in(output) or f'the app does not build ({last_error(output)})'}")
    found = mac.require(["find", products, "-name", "*.xctestrun"], "what was built is not found").text.split("\n")
    tests = sorted(filter(None, found))
    if len(tests) != 1:
        raise RequestError(f"{mac.name}: the build left {len(tests)} .xctestrun files in {products}: remove {derived}")
    return TestHost(identifier, f"{products}/Release-iphoneos/{_SCHEME}.app", tests[0])


def run_tests(
    mac: Mac, phone: Phone, host: TestHost, request: str, bundle: str, silence_s: float, report: Report
) -> Answer:
    """Runs the test that runs a request folder of the app.

    Args:
        request: The folder, relative to the app's Documents. Empty: it only tells what the phone is.
        bundle: The .xcresult there, which must not exist.
        silence_s: How long nothing may be printed, in seconds.
        report: Is told what the test prints of items. Nothing in it is checked.

    Raises:
        LinkLost: The Mac is not reached.
        Silence: The test hangs.
    """
    rest = b""

    def heard(chunk: bytes) -> None:
        nonlocal rest
        *lines, rest = (rest + chunk).split(b"\n")
        rest = rest[:_LINE_BYTES]
        for line in lines:
            if line.startswith(_EVENT):
                hear(line.removeprefix(_EVENT), report)

    command = ["xcodebuild", "test-without-building", "-xctestrun", host.tests]
    command += ["-destination", f"platform=iOS,id={phone.udid}", f"-only-testing:{_TESTS}"]
    command += ["-resultBundlePath", bundle]
    variables = {"TEST_RUNNER_EDGE_EXPORT_REQUEST": request}
    return mac.run(command, variables=variables, silence_s=silence_s, heard=heard)
