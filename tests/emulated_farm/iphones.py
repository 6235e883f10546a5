"""iPhones of the farm, and the app that goes to them: the demo's, as `make -C ios_demo ipa` makes it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from emulated_mac.mac import Mac, new_mac

from emulated_farm.hosts import MacHost
from emulated_farm.operations import Operations

ZIPS = bool(shutil.which("zip") and shutil.which("unzip"))
WITHOUT_ZIPS = "zip or unzip is missing: apt-get install zip unzip"
ROOT = Path(__file__).resolve().parents[2]
IPHONES = [
    {"arn": f"arn:aws:devicefarm:us-west-2::device:10{number}", "name": name, "manufacturer": "Apple", "model": name}
    | {"os": system, "platform": "IOS"}
    for number, (name, system) in enumerate([("Apple iPhone 15 Pro", "18.1"), ("Apple iPhone 12", "17.5")])
]


def farm_of_iphones(folder: Path, count: int = 2, **state: object) -> Operations:
    """Returns a farm. Each phone has a Mac of its own, in the state that is given."""
    hosts = [MacHost(new_mac(folder / f"mac{number}", **state)) for number in range(count)]
    return Operations(folder / "farm", list(zip(IPHONES[:count], hosts, strict=True)))


def make_ipa(mac: Mac, folder: Path) -> Path:
    """Makes the app on a Mac. Its .xctestrun file is beside it."""
    path = f"{mac.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    command = ["make", "--silent", "-C", str(ROOT / "ios_demo"), "ipa", f"FARM={folder}"]
    subprocess.run(command, env=os.environ | {"PATH": path}, check=True, capture_output=True, timeout=300)
    return folder / "EdgeFamilyDemo.ipa"
