"""What a farm needs to know of a platform. A new platform is a module and a line here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Goods:
    """The files that go to a farm. `data`: extra data, which the farm puts on the phone; None: there is none."""

    app: Path
    tests: Path
    spec: Path
    data: Path | None


@dataclass(frozen=True)
class Platform:
    """One platform. What stands in a module is named "module:NAME", and imported only when used.

    Attributes:
        name: What AWS calls it in rules and devices.
        title: Its name in results.
        app, tests, spec, test: AWS's types of the uploads, and of the test.
        formats: What its runner app has a runtime for.
        app_file: Path where the runner app is, once it was made in a checkout of this project.
        find_tests: `(app) -> Path`: the test package of an app for which none is given.
        check: `(app, tests, bundle) -> None`: raises RequestError if they are no app of this platform and its tests.
        pack: `(app, tests, request, request folder, minutes, scratch folder) -> Goods`: what goes to the farm.
        reader: `(read, limits) -> read`: reads results by their names in a request folder.
    """

    name: str
    title: str
    app: str
    tests: str
    spec: str
    test: str
    formats: tuple[str, ...]
    app_file: str
    find_tests: str
    check: str
    pack: str
    reader: str


_ANDROID, _IOS = "edge_export.devices.farms.android", "edge_export.devices.farms.ios"
PLATFORMS: dict[str, Platform] = {
    "android": Platform(
        name="ANDROID",
        title="Android",
        app="ANDROID_APP",
        tests="INSTRUMENTATION_TEST_PACKAGE",
        spec="INSTRUMENTATION_TEST_SPEC",
        test="INSTRUMENTATION",
        formats=("tflite",),
        app_file="edge_export.devices.android_install:BUILT",
        find_tests=f"{_ANDROID}:tests_in",
        check=f"{_ANDROID}:check_apks",
        pack=f"{_ANDROID}:pack",
        reader=f"{_ANDROID}:reader",
    ),
    "ios": Platform(
        name="IOS",
        title="iOS",
        app="IOS_APP",
        tests="APPIUM_NODE_TEST_PACKAGE",
        spec="APPIUM_NODE_TEST_SPEC",
        test="APPIUM_NODE",
        formats=("coreml",),
        app_file=f"{_IOS}:BUILT",
        find_tests=f"{_IOS}:plan_beside",
        check=f"{_IOS}:check_app",
        pack=f"{_IOS}:pack",
        reader=f"{_IOS}:reader",
    ),
}


def platform_called(name: str) -> Platform | None:
    """Returns the platform that AWS calls so; None: it is another one."""
    return next((each for each in PLATFORMS.values() if each.name == name.upper()), None)
