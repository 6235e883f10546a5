"""What a farm needs to know of a platform. A new platform is a module and a line here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Platform:
    """One platform. What stands in a module is named "module:NAME", and imported only when used.

    Attributes:
        name: What AWS calls it in rules and devices.
        app, tests, spec, test: AWS's types of the uploads, and of the test.
        formats: What its runner app has a runtime for.
        app_file: Path where the runner app is, once it was made in a checkout of this project.
        check: `(path) -> None`: raises RequestError if the file is no app of this platform.
        write_spec: `(request, minutes) -> str`: the test spec that runs a request on one phone.
    """

    name: str
    app: str
    tests: str
    spec: str
    test: str
    formats: tuple[str, ...]
    app_file: str
    check: str
    write_spec: str


PLATFORMS: dict[str, Platform] = {
    "android": Platform(
        name="ANDROID",
        app="ANDROID_APP",
        tests="INSTRUMENTATION_TEST_PACKAGE",
        spec="INSTRUMENTATION_TEST_SPEC",
        test="INSTRUMENTATION",
        formats=("tflite",),
        app_file="edge_export.devices.android_install:BUILT",
        check="edge_export.devices.farms.android:check_apk",
        write_spec="edge_export.devices.farms.android:write_spec",
    ),
}
