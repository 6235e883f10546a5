"""The machines that AWS attaches a phone to: they put the uploads where AWS does, and say so in variables."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from emulated_mac.mac import UDID, Mac
from emulated_phone.phone import EmulatedPhone


@dataclass(frozen=True)
class Uploaded:
    """The contents of the uploads."""

    app: bytes
    tests: bytes
    spec: bytes
    data: bytes = b""


class Host(Protocol):
    """One phone, and the machine that it is attached to. `asks`: what a test spec asks for it by."""

    asks: tuple[str, str]

    def prepare(self, uploaded: Uploaded, folder: Path) -> dict[str, str]:
        """Puts the uploads into place. Returns the variables that commands see besides."""


@dataclass(frozen=True)
class LinuxHost:
    """For Android. `environment`: that of the `adb` which the phone is attached to."""

    phone: EmulatedPhone
    environment: dict[str, str]
    asks = ("android_test_host", "amazon_linux_2")

    def prepare(self, uploaded: Uploaded, folder: Path) -> dict[str, str]:
        app = folder / "app.apk"
        app.write_bytes(uploaded.app)
        zipfile.ZipFile(io.BytesIO(uploaded.data)).extractall(self.phone.state.root / "sdcard")
        return self.environment | {
            "DEVICEFARM_APP_PATH": str(app),
            "DEVICEFARM_DEVICE_UDID": self.phone.serial,
            "DEVICEFARM_DEVICE_PLATFORM_NAME": "Android",
        }


@dataclass(frozen=True)
class MacHost:
    """For iOS. The app is signed anew: it comes as another archive with the same files, and a signature."""

    mac: Mac
    asks = ("ios_test_host", "default")

    def prepare(self, uploaded: Uploaded, folder: Path) -> dict[str, str]:
        unpacked, package = folder / "signing", folder / "package"
        package.mkdir()
        zipfile.ZipFile(io.BytesIO(uploaded.app)).extractall(unpacked)
        (app,) = (unpacked / "Payload").iterdir()
        (app / "_CodeSignature").mkdir()
        (app / "_CodeSignature" / "CodeResources").write_text("<plist/>")
        subprocess.run(["zip", "-qry", str(folder / "app.ipa"), "Payload"], cwd=unpacked, check=True)
        shutil.rmtree(unpacked)
        zipfile.ZipFile(io.BytesIO(uploaded.tests)).extractall(package)
        return {
            "PATH": f"{self.mac.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "DEVICEFARM_APP_PATH": str(folder / "app.ipa"),
            "DEVICEFARM_TEST_PACKAGE_PATH": str(package),
            "DEVICEFARM_DEVICE_UDID": UDID,
            "DEVICEFARM_DEVICE_PLATFORM_NAME": "iOS",
        }
