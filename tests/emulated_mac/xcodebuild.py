"""`xcodebuild build-for-testing` and `xcodebuild test-without-building`, for the test that runs request folders."""

from __future__ import annotations

import json
import os
import plistlib
import shutil
import subprocess
import sys
import uuid
from pathlib import Path

from emulated_mac.mac import TESTS, options_of, this_mac

WITHOUT = {"PYTHONPATH": str(TESTS / "emulated_phone" / "without_executorch")}  # it takes seconds to import
RUNNER = [sys.executable, str(TESTS.parent / "runner" / "edge_runner.py")]
TEST = "EdgeFamilyDemoTests/RequestTests"
mac = this_mac()
state = mac.state
options = options_of(sys.argv[1:])


def build() -> None:
    project = Path(options["-project"])
    assert (project / "xcshareddata" / "xcschemes" / f"{options['-scheme']}.xcscheme").is_file()
    assert (project.parent / f"{TEST}.swift").is_file()
    assert (project.parent / "families").is_dir()
    settings = dict(word.split("=", 1) for word in sys.argv[1:] if "=" in word and not word.startswith("generic"))
    if not settings.get("DEVELOPMENT_TEAM"):
        fail('error: Signing for "EdgeFamilyDemo" requires a development team.', 65)
    products = Path(options["-derivedDataPath"]) / "Build" / "Products"
    app = products / "Release-iphoneos" / f"{options['-scheme']}.app"
    app.mkdir(parents=True, exist_ok=True)
    (app / "Info.plist").write_bytes(plistlib.dumps({"CFBundleIdentifier": settings["EDGE_FAMILY_IDENTIFIER"]}))
    tests = {"EdgeFamilyDemoTests": {"TestHostBundleIdentifier": settings["EDGE_FAMILY_IDENTIFIER"]}}
    (products / f"{options['-scheme']}_iphoneos18.0-arm64.xctestrun").write_bytes(plistlib.dumps(tests))


def test() -> None:
    udid = options["-destination"].partition("id=")[2]
    if udid not in [phone.udid for phone in state.phones]:
        fail("xcodebuild: error: Unable to find a device matching the provided destination specifier:", 70)
    assert f"-only-testing:{TEST}" in sys.argv
    tests = plistlib.loads(Path(options["-xctestrun"]).read_bytes())
    app = tests["EdgeFamilyDemoTests"]["TestHostBundleIdentifier"]
    documents = mac.container(udid, app) / "Documents"
    documents.mkdir(parents=True, exist_ok=True)
    bundle = Path(options["-resultBundlePath"])
    bundle.mkdir()  # as Xcode, it refuses one that is there
    print("Test Suite 'RequestTests' started at 2026-01-01 12:00:00.000.", flush=True)
    request = os.environ.get("TEST_RUNNER_EDGE_EXPORT_REQUEST")
    files = run(documents / request) if request else facts()
    attach(bundle / "Data", files if state.attaches else [])
    if request and not state.keeps:
        shutil.rmtree(documents / request)
    print("** TEST EXECUTE SUCCEEDED **")


def facts() -> list[tuple[str, dict[str, bytes]]]:
    told = subprocess.run([*RUNNER, "--facts"], stdout=subprocess.PIPE, check=True, env=os.environ | WITHOUT)
    return [("", {"device.json": told.stdout})]


def run(folder: Path) -> list[tuple[str, dict[str, bytes]]]:
    """Runs a request folder. Returns the files of each item, and those of the device."""
    with subprocess.Popen(
        [*RUNNER, str(folder)], stdout=subprocess.PIPE, text=True, env=os.environ | WITHOUT
    ) as runner:
        for line in runner.stdout:
            print(f"edge_export: {line}", end="", flush=True)
            event = json.loads(line)
            if event == {"item": state.crash_in, "outcome": "started"}:
                runner.kill()
                crash(folder)
    assert runner.returncode == 0
    places = [(place.name, place) for place in (folder / "results").iterdir() if not place.name.startswith(".")]
    found = [(item, {path.name: path.read_bytes() for path in sorted(place.iterdir())}) for item, place in places]
    return [*found, ("", {"device.json": (folder / "device.json").read_bytes()})]


def crash(folder: Path) -> None:
    attach(Path(options["-resultBundlePath"]) / "Data", [])
    if not state.keeps:
        shutil.rmtree(folder)
    print("EdgeFamilyDemo encountered an error (Crash: EdgeFamilyDemo (612): EXC_BAD_ACCESS in MLModel.load)")
    print("Restarting after unexpected exit, crash, or test timeout in RequestTests.testTheRequestRuns()")
    fail("** TEST EXECUTE FAILED **", 65)


def attach(folder: Path, files: list[tuple[str, dict[str, bytes]]]) -> None:
    """Leaves what `xcresulttool export attachments` gives."""
    folder.mkdir()
    attachments = []
    for item, contents in files:
        header = json.dumps({"item": item, "sizes": {name: len(content) for name, content in contents.items()}})
        name = f"{uuid.uuid4()}".upper()
        content = header.encode() + b"\n" + b"".join(contents.values())
        (folder / name).write_bytes(content)
        suggested = f"edge_export_0_{name}.data"
        attachments.append({"exportedFileName": name, "suggestedHumanReadableName": suggested})
    test = {"testIdentifier": "RequestTests/testTheRequestRuns()", "attachments": attachments}
    (folder / "manifest.json").write_text(json.dumps([test] if files else []))


def fail(text: str, status: int) -> None:
    print(text, flush=True)
    sys.exit(status)


match sys.argv[1]:
    case "build-for-testing":
        fail(state.build_says, 65) if state.build_says else build()
    case "test-without-building":
        fail(state.test_says, 65) if state.test_says else test()
