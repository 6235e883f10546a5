"""An `.ipa` is hostile until checked: one app for iPhones, with our tests, and no family of another bundle."""

from __future__ import annotations

import json
import plistlib
import struct
import warnings
import zipfile

import pytest

from edge_export.__main__ import main
from edge_export.bundle.folder import read_bundle
from edge_export.devices.farms.ios import check_app, plan_beside
from edge_export.devices.farms.ipa import App, products_of, read_ipa
from edge_export.errors import RequestError

APP = "Payload/EdgeFamilyDemo.app"
INFO = {"CFBundleIdentifier": "edge.family.demo", "CFBundleSupportedPlatforms": ["iPhoneOS"]}
TESTS = f"{APP}/PlugIns/EdgeFamilyDemoTests.xctest/Info.plist"
FILES = {f"{APP}/Info.plist": plistlib.dumps(INFO, fmt=plistlib.FMT_BINARY), TESTS: plistlib.dumps({})}
TARGET = {
    "TestBundlePath": "__TESTHOST__/PlugIns/EdgeFamilyDemoTests.xctest",
    "TestHostPath": "__TESTROOT__/Release-iphoneos/EdgeFamilyDemo.app",
}


@pytest.fixture
def ipa(tmp_path):
    """A function that writes an archive of files, and returns its path."""

    def write(files: dict[str, bytes], *more: tuple[str, bytes]):
        path = tmp_path / "App.ipa"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a name that is there twice
            for name, content in (*files.items(), *more):
                archive.writestr(name, content)
        return path

    return write


@pytest.fixture
def plan(tmp_path):
    """A function that writes an .xctestrun file, and returns its path."""

    def write(content: object):
        path = tmp_path / "App.xctestrun"
        path.write_bytes(content if isinstance(content, bytes) else plistlib.dumps(content))
        return path

    return write


def test_an_app_and_its_tests_of_both_formats_are_found(ipa, plan, tmp_path):
    app = read_ipa(ipa(FILES), None)
    assert app == App("EdgeFamilyDemo", "edge.family.demo")
    metadata = {"__xctestrun_metadata__": {"FormatVersion": 1}}
    assert products_of(plan({"EdgeFamilyDemoTests": TARGET, **metadata}), app) == "Release-iphoneos"
    format_2 = {"TestConfigurations": [{"Name": "x", "TestTargets": [TARGET]}], "TestPlan": {"Name": "y"}}
    path = plan(format_2 | metadata)
    assert products_of(path, app) == "Release-iphoneos"
    assert plan_beside(tmp_path / "App.ipa") == path
    with pytest.raises(RequestError, match=r"has 0 \.xctestrun files: give one by --tests"):
        plan_beside(tmp_path / "none" / "App.ipa")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "it is no .ipa with one app below Payload"),
        ({"AndroidManifest.xml": b""}, "it is no .ipa with one app"),
        (FILES | {"Payload/Other.app/Info.plist": b""}, "it is no .ipa with one app"),
        ({TESTS: b""}, "its app has no Info.plist that can be read"),
        (FILES | {f"{APP}/Info.plist": b"bplist00" + b"\xff" * 64}, "no Info.plist that can be read"),
        (FILES | {f"{APP}/Info.plist": plistlib.dumps([])}, "no Info.plist that can be read"),
        (FILES | {f"{APP}/Info.plist": bytes(64 << 20)}, "no Info.plist that can be read"),
        (
            FILES | {f"{APP}/Info.plist": plistlib.dumps(INFO | {"CFBundleSupportedPlatforms": ["iPhoneSimulator"]})},
            "its app is for a simulator",
        ),
        (
            FILES | {f"{APP}/Info.plist": plistlib.dumps(INFO | {"CFBundleSupportedPlatforms": 1})},
            "its app is for a simulator, or for no phone",
        ),
        (FILES | {f"{APP}/Info.plist": plistlib.dumps({"CFBundleIdentifier": "a;b"})}, "its app is called"),
        ({f"{APP}/Info.plist": FILES[f"{APP}/Info.plist"]}, "its app has no PlugIns/EdgeFamilyDemoTests.xctest"),
        (FILES | {f"{APP}/edge_export_request/request.json": b""}, "its app has a request already"),
        (FILES | {"../escaped": b""}, "is not a path inside of a folder"),
        (FILES | {"/tmp/escaped": b""}, "is not a path inside of a folder"),
        ({name.replace("EdgeFamilyDemo.app", "$(x).app"): content for name, content in FILES.items()}, "is called"),
    ],
    ids=range(15),
)
def test_what_is_no_app_for_iphones_is_one_line(ipa, files, message):
    with pytest.raises(RequestError) as caught:
        read_ipa(ipa(files), None)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_missing_doubled_encrypted_or_no_archive_is_one_line(ipa, tmp_path):
    with pytest.raises(RequestError, match="there is no such file: make both by `make -C ios_demo ipa`"):
        read_ipa(tmp_path / "none.ipa", None)
    with pytest.raises(RequestError, match=r"it has Payload/.*Info\.plist twice"):
        read_ipa(ipa(FILES, (f"{APP}/Info.plist", b"")), None)
    (tmp_path / "text.ipa").write_text("x" * 100)
    with pytest.raises(RequestError, match="File is not a zip file"):
        read_ipa(tmp_path / "text.ipa", None)
    path = ipa(FILES)
    content = bytearray(path.read_bytes())
    at = content.index(b"PK\x01\x02")  # the first entry of the table of contents
    struct.pack_into("<H", content, at + 8, 1)
    path.write_bytes(content)
    with pytest.raises(RequestError, match=r"no Info\.plist that can be read"):
        read_ipa(path, None)


@pytest.mark.parametrize(
    "content",
    [
        b"no plist",
        {"EdgeFamilyDemoTests": TARGET | {"TestHostPath": "__TESTROOT__/Release-iphoneos/Other.app"}},
        {"EdgeFamilyDemoTests": TARGET | {"TestHostPath": "__TESTROOT__/Release-iphonesimulator/EdgeFamilyDemo.app"}},
        {"EdgeFamilyDemoTests": TARGET | {"TestHostPath": "__TESTROOT__/../../EdgeFamilyDemo.app"}},
        {"OtherTests": TARGET | {"TestBundlePath": "__TESTHOST__/PlugIns/OtherTests.xctest"}},
        {"TestConfigurations": [1, {"TestTargets": 2}]},
        [],
    ],
    ids=range(7),
)
def test_tests_of_another_app_are_one_line(plan, content):
    with pytest.raises(RequestError, match=r"App\.xctestrun (is no \.xctestrun file|has no tests Edge)"):
        products_of(plan(content), App("EdgeFamilyDemo", "edge.family.demo"))


def test_a_family_in_the_app_is_of_the_bundle(small_bundle, ipa, plan, tmp_path, capsys):
    bundle, tests = read_bundle(small_bundle), plan({"EdgeFamilyDemoTests": TARGET})
    out = tmp_path / "family"
    assert main(["app", "ios", str(small_bundle), "--formats", "executorch", "--out", str(out)]) == 0
    capsys.readouterr()
    own = (out / "manifest.json").read_bytes()
    other = json.dumps(json.loads(own) | {"taken_from": "0" * 64}).encode()
    place = f"{APP}/families"
    check_app(ipa(FILES | {f"{place}/a/manifest.json": own, f"{place}/b/manifest.json": b"{}"}), tests, bundle)
    with_both = FILES | {f"{place}/a/manifest.json": other, f"{place}/b/manifest.json": own}
    check_app(ipa(with_both), tests, bundle)
    with pytest.raises(RequestError, match=r"its app has families/a, and no family of .*: put that into it by"):
        check_app(ipa(FILES | {f"{place}/a/manifest.json": other}), tests, bundle)
