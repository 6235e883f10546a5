"""`xcodebuild build-for-testing` and `xcodebuild test-without-building`, for the test that runs request folders."""

from __future__ import annotations

import json
import os
import plistlib
import shutil
import subprocess
import sys
import time
import uuid
from pathlib import Path

from emulated_mac import runners
from emulated_mac.mac import options_of, this_mac

TEST = "EdgeFamilyDemoTests/RequestTests"
mac = this_mac()
state = mac.state
options = options_of(sys.argv[1:])


def build() -> None:
    project = Path(options["-project"])
    scheme = options["-scheme"]
    assert (project / "xcshareddata" / "xcschemes" / f"{scheme}.xcscheme").is_file()
    assert (project.parent / f"{TEST}.swift").is_file()
    assert (project.parent / "families").is_dir()
    settings = dict(word.split("=", 1) for word in sys.argv[1:] if "=" in word and not word.startswith("generic"))
    if not settings.get("DEVELOPMENT_TEAM") and settings.get("CODE_SIGNING_ALLOWED") != "NO":
        fail('error: Signing for "EdgeFamilyDemo" requires a development team.', 65)
    products = Path(options["-derivedDataPath"]) / "Build" / "Products"
    app = products / "Release-iphoneos" / f"{scheme}.app"
    tests = app / "PlugIns" / "EdgeFamilyDemoTests.xctest"
    tests.mkdir(parents=True, exist_ok=True)
    shutil.copytree(project.parent / "families", app / "families", dirs_exist_ok=True)
    name = settings.get("EDGE_FAMILY_IDENTIFIER", "edge.family.demo")
    info = {"CFBundleIdentifier": name, "CFBundleExecutable": scheme, "CFBundlePackageType": "APPL"}
    info |= {"CFBundleSupportedPlatforms": ["iPhoneOS"], "MinimumOSVersion": "17.0"}
    (app / "Info.plist").write_bytes(plistlib.dumps(info, fmt=plistlib.FMT_BINARY))
    (app / scheme).write_bytes(b"\xcf\xfa\xed\xfe")
    info |= {"CFBundleIdentifier": f"{name}.tests", "CFBundlePackageType": "BNDL"}
    (tests / "Info.plist").write_bytes(plistlib.dumps(info, fmt=plistlib.FMT_BINARY))
    target = {
        "TestHostBundleIdentifier": name,
        "TestHostPath": f"__TESTROOT__/Release-iphoneos/{scheme}.app",
        "TestBundlePath": "__TESTHOST__/PlugIns/EdgeFamilyDemoTests.xctest",
        "IsAppHostedTestBundle": True,
    }
    run = {"EdgeFamilyDemoTests": target, "__xctestrun_metadata__": {"FormatVersion": 1}}
    (products / f"{scheme}_iphoneos18.0-arm64.xctestrun").write_bytes(plistlib.dumps(run))


def test() -> None:
    udid = options["-destination"].partition("id=")[2]
    if udid not in [phone.udid for phone in state.phones]:
        fail("xcodebuild: error: Unable to find a device matching the provided destination specifier:", 70)
    assert f"-only-testing:{TEST}" in sys.argv
    run = Path(options["-xctestrun"])
    target = plistlib.loads(run.read_bytes())["EdgeFamilyDemoTests"]
    app = run.parent / target["TestHostPath"].removeprefix("__TESTROOT__/")
    assert (app / target["TestBundlePath"].removeprefix("__TESTHOST__/")).is_dir()
    identifier = plistlib.loads((app / "Info.plist").read_bytes())["CFBundleIdentifier"]
    documents = mac.container(udid, identifier) / "Documents"
    documents.mkdir(parents=True, exist_ok=True)
    bundle = Path(options["-resultBundlePath"])
    bundle.mkdir()  # as Xcode, it refuses one that is there
    print("Test Suite 'RequestTests' started at 2026-01-01 12:00:00.000.", flush=True)
    pieces = work_through(app, documents, bundle)
    attach(bundle, pieces if state.attaches else [])
    print("** TEST EXECUTE SUCCEEDED **")


def work_through(app: Path, documents: Path, bundle: Path) -> list[bytes]:
    """What `RequestTests` does: the request that the variable names, or that of the app itself, or none."""
    name, own = os.environ.get("TEST_RUNNER_EDGE_EXPORT_REQUEST"), app / "edge_export_request"
    results = documents / (name or "edge_export/own")
    request = results if name else own if own.is_dir() else None
    results.mkdir(parents=True, exist_ok=True)
    starts = results / "results" / f".{state.crash_in}.starts"
    before = starts.read_text() if starts.exists() else ""

    def line(told: str, runner: subprocess.Popen[str]) -> None:
        print(told, end="", flush=True)
        event = json.loads(told.removeprefix("edge_export: "))
        begins = event == {"item": state.crash_in, "outcome": "started"} and state.crashes
        if begins and (not state.runner or starts_again(runner, starts, before)):
            mac.set(crashes=state.crashes - 1)
            runner.kill()
            crash(bundle, results)

    pieces = runners.run(state.runner, request, results, line)
    if request and not state.keeps:
        shutil.rmtree(results)
    return pieces


def starts_again(runner: subprocess.Popen[str], starts: Path, before: str) -> bool:
    """Whether the Swift runner, which counts its starts of an item in a file, loads the file of the item now."""
    while runner.poll() is None and (starts.exists() or not before):
        if starts.exists() and starts.read_text() != before:
            return True
        time.sleep(0.01)
    return False


def crash(bundle: Path, results: Path) -> None:
    attach(bundle, [])
    if not state.keeps:
        shutil.rmtree(results)
    print("EdgeFamilyDemo encountered an error (Crash: EdgeFamilyDemo (612): EXC_BAD_ACCESS in MLModel.load)")
    print("Restarting after unexpected exit, crash, or test timeout in RequestTests.testTheRequestRuns()")
    fail("** TEST EXECUTE FAILED **", 65)


def attach(bundle: Path, pieces: list[bytes]) -> None:
    """Leaves what `xcresulttool export attachments` gives."""
    folder = bundle / "Data"
    folder.mkdir()
    attachments = []
    for piece in pieces:
        name = f"{uuid.uuid4()}".upper()
        (folder / name).write_bytes(piece)
        suggested = f"edge_export_0_{name}.data"
        attachments.append({"exportedFileName": name, "suggestedHumanReadableName": suggested})
    test = {"testIdentifier": "RequestTests/testTheRequestRuns()", "attachments": attachments}
    (folder / "manifest.json").write_text(json.dumps([test] if pieces else []))


def fail(text: str, status: int) -> None:
    print(text, flush=True)
    sys.exit(status)


match sys.argv[1]:
    case "build-for-testing":
        fail(state.build_says, 65) if state.build_says else build()
    case "test-without-building":
        fail(state.test_says, 65) if state.test_says else test()
