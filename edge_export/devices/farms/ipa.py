"""An `.ipa`, the archive of an iOS app, and the `.xctestrun` that Xcode leaves beside it: what both must hold.

Payload/EdgeFamilyDemo.app/Info.plist
Payload/EdgeFamilyDemo.app/PlugIns/EdgeFamilyDemoTests.xctest/Info.plist
"""

from __future__ import annotations

import plistlib
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError

from pydantic import ValidationError

from edge_export.bundle.folder import Bundle
from edge_export.bundle.manifest import FILE_NAME, Manifest
from edge_export.bundle.perf import manifest_sha256
from edge_export.devices.farms.extra_data import EXTRA_DATA
from edge_export.devices.farms.zip_checks import checked_names, checked_zip, read_entry
from edge_export.errors import RequestError, one_line

MAKE = "make both by `make -C ios_demo ipa` on a Mac"
TESTS = "EdgeFamilyDemoTests"
_SYSTEM = "iPhoneOS"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_IDENTIFIER = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_HOST = re.compile(r"__TESTROOT__/(?P<products>[A-Za-z0-9]+-iphoneos)/(?P<app>[^/]+)\.app")
_PLIST_BYTES = 4 << 20
_MANIFEST_BYTES = 64 << 20
_FAMILIES = 20
"""The most manifests that are read."""
_NO_PLIST = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError, ExpatError)


@dataclass(frozen=True)
class App:
    """An app for iPhones.

    Attributes:
        name: That of its folder, without ".app".
        identifier: Its bundle identifier.
    """

    name: str
    identifier: str


def read_ipa(path: Path, bundle: Bundle | None) -> App:
    """Returns the app in the archive at `path`.

    Args:
        bundle: What a family in it must be of; None: anything.

    Raises:
        RequestError: There is none, or it is no archive of an app for iPhones with our tests in it; or all families in
            it are of other bundles.
    """
    if not path.is_file():
        raise RequestError(f"{path}: there is no such file: {MAKE}")
    with checked_zip(path, str(path)) as archive:
        files = _files(archive)
        apps = {parts[1] for parts in files if len(parts) > 2 and parts[0] == "Payload"}
        if len(apps) != 1 or not (folder := apps.pop()).endswith(".app"):
            raise ValueError(f"it is no .ipa with one app below Payload: {MAKE}")
        name = folder.removesuffix(".app")
        info = _plist(archive, files, ("Payload", folder, "Info.plist"))
        systems = info.get("CFBundleSupportedPlatforms", [_SYSTEM])
        if not isinstance(systems, list) or _SYSTEM not in systems:
            raise ValueError("its app is for a simulator, or for no phone: build it for generic/platform=iOS")
        tests = f"{TESTS}.xctest"
        if ("Payload", folder, "PlugIns", tests, "Info.plist") not in files:
            raise ValueError(f"its app has no PlugIns/{tests}: build it by build-for-testing, or {MAKE}")
        if any(parts[2:3] == (EXTRA_DATA,) for parts in files):
            raise ValueError(f"its app has a request already: {MAKE}")
        app = App(name, str(info.get("CFBundleIdentifier", "")))
        if not _NAME.fullmatch(name) or not _IDENTIFIER.fullmatch(app.identifier):
            raise ValueError(f"its app is called {one_line(name, 60)!r}, {one_line(app.identifier, 60)!r}")
        if bundle is not None:
            _check_families(archive, files, bundle)
    return app


def products_of(path: Path, app: App) -> str:
    """Returns the folder beside the .xctestrun file at `path` that its tests look for the app in.

    Raises:
        RequestError: There is no such file, or its tests are those of another app.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_PLIST_BYTES)
        plan = plistlib.loads(content)
        found = [_HOST.fullmatch(str(each.get("TestHostPath"))) for each in _targets(plan)]
    except OSError as error:
        raise RequestError(f"{path} can't be read ({one_line(error.strerror)}): {MAKE}") from error
    except _NO_PLIST as error:
        raise RequestError(f"{path} is no .xctestrun file: {MAKE}") from error
    hosts = [host for host in found if host is not None and host["app"] == app.name]
    if not hosts:
        raise RequestError(f"{path} has no tests {TESTS} in an app {app.name} for iPhones: {MAKE}")
    return str(hosts[0]["products"])


def _targets(plan: Any) -> Iterator[dict[str, Any]]:
    """Gives our test target, in an .xctestrun file of format 1 or 2."""
    whole = [target for each in plan.get("TestConfigurations", ()) for target in each.get("TestTargets", ())]
    for target in whole or plan.values():
        if isinstance(target, dict) and str(target.get("TestBundlePath")).endswith(f"/{TESTS}.xctest"):
            yield target


def _files(archive: zipfile.ZipFile) -> dict[tuple[str, ...], zipfile.ZipInfo]:
    found: dict[tuple[str, ...], zipfile.ZipInfo] = {}
    for parts, info in checked_names(archive):
        if parts in found:
            raise ValueError(f"it has {one_line(info.filename, 100)} twice")
        found[parts] = info
    return found


def _plist(
    archive: zipfile.ZipFile, files: dict[tuple[str, ...], zipfile.ZipInfo], parts: tuple[str, ...]
) -> dict[str, Any]:
    try:
        info = plistlib.loads(read_entry(archive, files[parts], _PLIST_BYTES))
        if not isinstance(info, dict):
            raise ValueError("it is no dictionary")
    except _NO_PLIST as error:
        raise ValueError(f"its app has no {parts[-1]} that can be read: {MAKE}") from error
    return info


def _check_families(archive: zipfile.ZipFile, files: dict[tuple[str, ...], zipfile.ZipInfo], bundle: Bundle) -> None:
    """Raises ValueError if there are families in the app, and none of this bundle."""
    named = [parts for parts in files if parts[-1] == FILE_NAME][:_FAMILIES]
    others = []
    for parts in named:
        try:
            manifest = Manifest.model_validate_json(read_entry(archive, files[parts], _MANIFEST_BYTES))
        except ValidationError:
            continue
        if manifest.taken_from == manifest_sha256(bundle.root):
            return
        others.append("/".join(parts[2:-1]))
    if others:
        raise ValueError(
            f"its app has {one_line(', '.join(others), 100)}, and no family of {bundle.root}: put that into it by "
            f"`edge_export app ios`, or leave it without a family, and {MAKE}"
        )
