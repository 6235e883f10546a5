"""Programs of this machine are asked for their version, and missing ones are told with their package."""

from __future__ import annotations

import sys

from edge_export.devices.host_tools import TOOLS, HostTool, look_for


def test_a_program_tells_its_version():
    found = look_for(HostTool("Python", (sys.executable, "--version"), "python3", "tests"))
    assert found.works
    assert found.version == sys.version.split()[0]
    assert (found.detail, found.remedy) == ("for tests", "")


def test_a_missing_program_is_told_with_its_package():
    found = look_for(HostTool("Ant", ("no-such-program", "--version"), "ant", "tests"))
    assert found.works is None
    assert found.remedy == "apt-get install ant"
    assert found.detail == "not installed; it is for tests"


def test_a_program_that_fails_is_broken():
    found = look_for(HostTool("Java", (sys.executable, "-c", "exit('no\\nlibrary 1.2')"), "jdk", "tests"))
    assert found.works is False
    assert found.detail == "no library 1.2"
    assert found.remedy == "apt-get install jdk"


def test_a_program_without_a_version_is_known_by_what_it_prints():
    command = (sys.executable, "-c", "exit('Zip alignment utility')")
    found = look_for(HostTool("zipalign", command, "zipalign", "tests", known_by="alignment"))
    assert (found.works, found.version, found.detail) == (True, "", "for tests")
    assert look_for(HostTool("zipalign", command, "zipalign", "tests", known_by="another")).works is False


def test_every_tool_is_found_or_told():
    for tool in TOOLS:
        found = look_for(tool)
        assert found.works is not False, found
        assert bool(found.version) == bool(found.works and not tool.known_by)
