"""What Xcode's tools print when something is wrong, and what to do then."""

from __future__ import annotations

import re

from edge_export.errors import one_line

_FAULTS: tuple[tuple[str, str], ...] = (
    (
        r"unable to find utility|requires Xcode, but active developer directory",
        "Xcode's tools are not found: install Xcode 16 or newer, then `sudo xcode-select -s /Applications/Xcode.app`",
    ),
    (r"agreed? to the Xcode (and Apple SDKs )?license", "Xcode's license is not accepted: `sudo xcodebuild -license`"),
    (
        r"requires a development team|No Account for Team|No signing certificate|No profiles for|"
        r"cannot be registered to your development team|No Accounts|errSecInternalComponent|"
        r"Provisioning profile .* doesn't|Command CodeSign failed",
        "signing was refused: add your Apple ID under Xcode > Settings > Accounts, and check EDGE_EXPORT_XCODE_TEAM",
    ),
    (
        r"not been explicitly trusted|invalid code signature",
        "it does not trust the app: on the phone, Settings > General > VPN & Device Management, trust the developer",
    ),
    (
        r"Developer Mode (is )?disabled|enable Developer Mode",
        "Developer Mode is off: switch it on in Settings > Privacy & Security, and restart the phone",
    ),
    (
        r"(?i)(device|phone|it) (is|was) (currently )?locked|could not be,? unlocked|Unlock .* to Continue|"
        r"passcode protected",
        "the phone is locked: unlock it, and keep it so (Auto-Lock: Never)",
    ),
    (
        r"Unable to find a (device matching|destination)|device .* was not found|"
        r"The specified device was not found|device is not (connected|available)",
        "the phone is not there: attach it by cable, unlock it, and look at `devices list`",
    ),
    (r"No space left on device|not enough (disk|storage) space", "the disk is full: make room on the Mac or the phone"),
)
_LOST = re.compile(r"Lost connection to the (device|DTServiceHub|test manager)|device was disconnected")
_ERROR = re.compile(r"^(?:.*: )?error: (.*)$", re.MULTILINE)
_CRASH = re.compile(
    r"^.*(?:Crash: |crashed with signal|Restarting after unexpected exit|test runner (?:exited|crashed)).*$",
    re.MULTILINE,
)
_STARTED = re.compile(r"^Test (?:Suite|Case) ", re.MULTILINE)


def fault_in(output: str) -> str:
    """Returns what is wrong and what to do, in one line; empty: nothing in the output is known."""
    return next((remedy for pattern, remedy in _FAULTS if re.search(pattern, output)), "")


def link_lost_in(output: str) -> bool:
    """Returns whether the phone went away while tests ran."""
    return _LOST.search(output) is not None


def tests_started(output: str) -> bool:
    return _STARTED.search(output) is not None


def crash_in(output: str) -> str:
    """Returns the line that tells of a crash of the tests; empty: there is none."""
    found = _CRASH.search(output)
    return one_line(found[0], 200) if found else ""


def last_error(output: str) -> str:
    """Returns the first error that Xcode names, or else the last line."""
    found = _ERROR.search(output)
    lines = output.strip().splitlines()
    return one_line(found[1] if found else lines[-1] if lines else "it printed nothing", 200)
