"""The Xcode project of the demo app opens: nothing in it dangles or is missing, and its tests have an app to run in."""

from __future__ import annotations

import json
import plistlib
import re
import shutil
import struct
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pbxproj import XcodeProject

APP = Path(__file__).resolve().parents[1] / "ios_demo" / "App"
PROJECT = "EdgeFamilyDemo.xcodeproj"
ID = re.compile(r"[0-9A-F]{24}")
OF_THE_SYSTEM = {"CoreML", "Foundation", "XCTest"}


def objects_of(app: Path) -> dict[str, dict[str, Any]]:
    """Every object of the project by its id, with the document itself as the id ""."""
    project = XcodeProject.load(str(app / PROJECT / "project.pbxproj"))
    plain = plain_of(project)
    objects: dict[str, dict[str, Any]] = plain.pop("objects")
    return objects | {"": plain}


def plain_of(value: Any) -> Any:
    """What pbxproj gives, as plain dicts, lists and strings."""
    if hasattr(value, "get_keys"):
        keys = [str(key) for key in value.get_keys()]
        return {key: plain_of(value[key]) for key in keys}
    if isinstance(value, list):
        return [plain_of(each) for each in value]
    return str(value)


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield key
            yield from strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from strings(each)
    else:
        yield value


def imports_of(folder: Path) -> set[str]:
    text = "\n".join(path.read_text() for path in folder.glob("**/*.swift"))
    return set(re.findall(r"^import (\w+)", text, re.MULTILINE))


def problems(app: Path) -> list[str]:
    """What keeps the project at `app` from opening, building or testing, in a few words each."""
    objects = objects_of(app)
    found = []
    mentioned = {ident: set(filter(ID.fullmatch, strings(value))) for ident, value in objects.items()}
    for ident, others in mentioned.items():
        found += [
            f"{ident or 'the document'} names {other}: it is not there" for other in sorted(others - set(objects))
        ]
    reached, new = {""}, {""}
    while new := {other for ident in new for other in mentioned.get(ident, ())} - reached:
        reached |= new
    found += [f"nothing leads to {ident}" for ident in sorted(set(objects) - reached)]

    of: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for ident, value in objects.items():
        of[value.get("isa", "")][ident] = value
    for item in (of["PBXFileReference"] | of["PBXFileSystemSynchronizedRootGroup"]).values():
        if item["sourceTree"] == "<group>" and not (app / item["path"]).exists():
            found.append(f"{item['path']} is missing")
    for item in of["XCLocalSwiftPackageReference"].values():
        if not (app / item["relativePath"] / "Package.swift").is_file():
            found.append(f"the package {item['relativePath']} is missing")
    for target in of["PBXNativeTarget"].values():
        found += target_problems(app, objects, target)
    return found + scheme_problems(app, of["PBXNativeTarget"])


def settings_of(objects: dict[str, dict[str, Any]], target: dict[str, Any]) -> dict[str, dict[str, str]]:
    """The settings of a target by the name of the configuration, above those of the project."""
    project = objects[objects[""]["rootObject"]]
    settings: dict[str, dict[str, str]] = {}
    for owner in (project, target):
        for ident in objects[owner["buildConfigurationList"]]["buildConfigurations"]:
            if ident in objects:
                settings.setdefault(objects[ident]["name"], {}).update(objects[ident]["buildSettings"])
    return settings


def target_problems(app: Path, objects: dict[str, dict[str, Any]], target: dict[str, Any]) -> list[str]:
    name, found = target["name"], []
    products = {objects[ident]["productName"] for ident in target["packageProductDependencies"]}
    phases = [objects[ident] for ident in target["buildPhases"]]
    files = [objects[ident] for phase in phases for ident in phase["files"] if ident in objects]
    linked = {objects[file["productRef"]]["productName"] for file in files if "productRef" in file}
    folders = [app / objects[ident]["path"] for ident in target["fileSystemSynchronizedGroups"]]
    needed = set().union(*(imports_of(folder) for folder in folders)) - OF_THE_SYSTEM
    if not needed <= products or linked != products:
        found.append(f"{name} imports {sorted(needed)}, depends on {sorted(products)}, links {sorted(linked)}")
    settings = settings_of(objects, target)
    for configuration, own in settings.items():
        place = f"{name}, {configuration}"
        if own.get("IPHONEOS_DEPLOYMENT_TARGET") != "17.0":
            found.append(f"{place}: it is not for iOS 17")
        plist = own.get("INFOPLIST_FILE")
        if own.get("GENERATE_INFOPLIST_FILE") != "YES" or (plist and not (app / plist).is_file()):
            found.append(f"{place}: there is no Info.plist")
        if plist and any((app / plist).is_relative_to(folder) for folder in folders):
            found.append(f"{place}: Info.plist would be copied twice")
        if target["productType"].endswith("unit-test"):
            found += [f"{place}: {each}" for each in host_problems(objects, target, own)]
        elif "-all_load" not in own.get("OTHER_LDFLAGS", ""):
            found.append(f"{place}: the linker drops ExecuTorch's backends")
    if target["productType"].endswith("application"):
        found += [f"{name}, {where}: {each}" for where, own in settings.items() for each in icon_problems(folders, own)]
        references = [objects.get(file.get("fileRef", ""), {}) for file in files]
        kinds = {each["path"]: each["lastKnownFileType"] for each in references if "path" in each}
        if kinds.get("families") != "folder":
            found.append(f"{name}: families is no folder reference: its packages would be compiled and flattened")
    return found


def icon_problems(folders: list[Path], settings: dict[str, str]) -> list[str]:
    """App Store Connect refuses an icon that is not 1024 pixels wide and high, or has an alpha channel."""
    name = settings.get("ASSETCATALOG_COMPILER_APPICON_NAME", "none")
    sets = [path for folder in folders for path in folder.glob(f"*.xcassets/{name}.appiconset")]
    if len(sets) != 1 or not (sets[0].parent / "Contents.json").is_file():
        return ["it has no icon"]
    (image,) = json.loads((sets[0] / "Contents.json").read_text())["images"]
    head = (sets[0] / image["filename"]).read_bytes()[:26]
    width, height, _, color = struct.unpack(">16xIIBB", head)
    good = head.startswith(b"\x89PNG") and (width, height, color) == (1024, 1024, 2) and image["size"] == "1024x1024"
    return [] if good else ["its icon has another size, or an alpha channel"]


def host_problems(objects: dict[str, dict[str, Any]], target: dict[str, Any], settings: dict[str, str]) -> list[str]:
    """Tests run in an app alone: it must be built before them, and load them."""
    found = []
    hosts = [objects[ident]["target"] for ident in target["dependencies"]]
    host = objects[hosts[0]]["name"] if hosts else ""
    if settings.get("TEST_HOST") != f"$(BUILT_PRODUCTS_DIR)/{host}.app/{host}":
        found.append("TEST_HOST is not the app that it depends on")
    if settings.get("BUNDLE_LOADER") != "$(TEST_HOST)":
        found.append("BUNDLE_LOADER is not the host")
    attributes = objects[objects[""]["rootObject"]]["attributes"]["TargetAttributes"]
    own = next(ident for ident, each in objects.items() if each is target)
    if [attributes[own].get("TestTargetID")] != hosts:
        found.append("TestTargetID is not the app that it depends on")
    return found


def scheme_problems(app: Path, targets: dict[str, dict[str, Any]]) -> list[str]:
    scheme = ElementTree.parse(app / PROJECT / "xcshareddata/xcschemes/EdgeFamilyDemo.xcscheme").getroot()
    found = []
    for each in scheme.iter("BuildableReference"):
        target = targets.get(each.attrib["BlueprintIdentifier"], {})
        if target.get("name") != each.attrib["BlueprintName"]:
            found.append(f"the scheme's {each.attrib['BlueprintName']} is no target")
        if each.attrib["ReferencedContainer"] != f"container:{PROJECT}":
            found.append(f"the scheme's {each.attrib['BlueprintName']} is of another project")
    test = scheme.find("TestAction")
    if test is None or test.attrib["buildConfiguration"] != "Release":
        found.append("the scheme does not test in Release")
    if test is not None and not [t for t in test.iter("TestableReference") if t.attrib["skipped"] == "NO"]:
        found.append("the scheme tests nothing")
    return found


def test_the_project_opens():
    document = objects_of(APP)[""]
    assert document["objectVersion"] == "77"
    assert problems(APP) == []


def test_the_app_shares_its_files():
    with (APP / "Info.plist").open("rb") as file:
        keys = plistlib.load(file)
    assert keys == {"LSSupportsOpeningDocumentsInPlace": True, "UIFileSharingEnabled": True}


def test_the_app_looks_for_its_families_where_the_project_puts_them():
    sources = APP / "Demo" / "Sources"
    assert 'appendingPathComponent("families")' in (sources / "DemoViews" / "Standard.swift").read_text()
    assert (APP / "families").is_dir()
    names = re.search(r"names = (\[.*\])", (sources / "DemoModels" / "Session.swift").read_text())
    assert names is not None
    assert names[1] == '["digits", "separator"]'
    recipe = (APP.parent / "Makefile").read_text()
    for name in ("digits", "separator"):
        assert f"--out ios_demo/App/families/{name}" in recipe


APP_ID, TESTS_ID, OTHER_ID = "ED0000000000000000000101", "ED0000000000000000000102", "ED00000000000000000000FF"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("files = (\n\t\t\t\tED0000000000000000000B01", f"files = (\n\t\t\t\t{OTHER_ID}", "it is not there"),
        ("\t\t\t\tED0000000000000000000F02 /* Info.plist */,\n", "", "nothing leads to"),
        ("path = families;", "path = family;", "family is missing"),
        ("lastKnownFileType = folder", "lastKnownFileType = file", "no folder reference"),
        ("relativePath = ../EdgeFamily;", "relativePath = ../Edge;", "package ../Edge is missing"),
        ("path = EdgeFamilyDemoTests;", "path = Tests;", "Tests is missing"),
        ("productName = DemoViews;", "productName = Demo;", "imports ['DemoViews']"),
        ('BUNDLE_LOADER = "$(TEST_HOST)";', "", "BUNDLE_LOADER"),
        ("EdgeFamilyDemo.app/EdgeFamilyDemo", "Demo.app/Demo", "TEST_HOST"),
        (f"TestTargetID = {APP_ID}", f"TestTargetID = {TESTS_ID}", "TestTargetID"),
        ("INFOPLIST_FILE = Info.plist", "INFOPLIST_FILE = App.plist", "no Info.plist"),
        ("IPHONEOS_DEPLOYMENT_TARGET = 17.0", "IPHONEOS_DEPLOYMENT_TARGET = 16.0", "not for iOS 17"),
        ("$(inherited) -all_load", "$(inherited)", "drops ExecuTorch's backends"),
        ("APPICON_NAME = AppIcon", "APPICON_NAME = Icon", "it has no icon"),
        ('<TestAction buildConfiguration = "Release"', '<TestAction buildConfiguration = "Debug"', "in Release"),
        (f'BlueprintIdentifier = "{TESTS_ID}"', f'BlueprintIdentifier = "{OTHER_ID}"', "is no target"),
        ('skipped = "NO"', 'skipped = "YES"', "tests nothing"),
    ],
)
def test_a_damaged_project_is_found_out(tmp_path, old, new, problem):
    app = tmp_path / "ios_demo" / "App"
    shutil.copytree(APP, app, ignore=shutil.ignore_patterns("families"))
    (app / "families").mkdir()
    package = tmp_path / "ios_demo" / "EdgeFamily" / "Package.swift"
    package.parent.mkdir()
    package.touch()
    assert problems(app) == []
    changed = 0
    for path in (path for path in (app / PROJECT).rglob("*") if path.is_file()):
        text = path.read_text()
        changed += old in text
        path.write_text(text.replace(old, new))
    assert changed == 1
    assert any(problem in each for each in problems(app)), problems(app)
