"""The Gradle project of the demo apps names what is there. Gradle itself, with Android's plugin, can't be run here."""

from __future__ import annotations

import re
from pathlib import Path

DEMO = Path(__file__).resolve().parents[1] / "android_demo"
APPS = ("app", "runner")
FOR_TESTS = "edgefamily-testing"


def test_both_apps_and_every_library_are_there():
    settings, build = ((DEMO / "gradle" / name).read_text() for name in ("settings.gradle", "build.gradle"))
    assert re.findall(r"include (.*)", settings) == [", ".join(f"'{app}'" for app in APPS)]
    libraries = re.findall(r"'([\w-]+)'", re.search(r"def libraries = \[(.*)\]", build)[1])
    assert {*libraries, FOR_TESTS} == {path.parent.name for path in DEMO.glob("edgefamily*/src")}
    for library in libraries:
        assert (DEMO / library / "src/main/kotlin").is_dir()
    for path in re.findall(r"\$projectDir/(src/[\w/.]+)", build):
        for app in APPS:
            assert (DEMO / app / path).exists(), f"{app}/{path}"


def test_what_aapt2_needs_alone_is_taken_out_of_the_manifests():
    for app in APPS:
        lines = (DEMO / app / "src/main/AndroidManifest.xml").read_text().splitlines()
        plain = [re.sub(' package="[^"]*"', "", line) for line in lines if "<uses-sdk" not in line]
        assert len(plain) == len(lines) - 1
        assert "package=" not in "\n".join(plain)
        assert f'package="edge.{app}"' in "\n".join(lines)


def test_each_app_names_its_runtimes_once_for_each_build():
    for app in APPS:
        tflite, both = (DEMO / app / f"src/{kind}/kotlin/edge/{app}/Runtimes.kt" for kind in ("tflite", "both"))
        assert "listOf(TfliteRuntime())" in tflite.read_text()
        assert "listOf(TfliteRuntime(), ExecuTorchRuntime(" in both.read_text()
