"""One job: what AWS's host does for one phone. The phone is an emulated one, and its runner is the real one."""

from __future__ import annotations

import io
import os
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path

import yaml
from emulated_phone.phone import EmulatedPhone

_PHASES = ("install", "pre_test", "test", "post_test")


@dataclass(frozen=True)
class Uploaded:
    """The contents of the uploads."""

    app: bytes
    spec: bytes
    data: bytes


def run_job(phone: EmulatedPhone, uploaded: Uploaded, folder: Path, environment: dict[str, str]) -> tuple[bool, bytes]:
    """Returns whether all commands of the test spec succeeded, and the archive of what they left."""
    logs, app = folder / "logs", folder / "app.apk"
    logs.mkdir(parents=True)
    app.write_bytes(uploaded.app)
    zipfile.ZipFile(io.BytesIO(uploaded.data)).extractall(phone.state.root / "sdcard")
    spec = yaml.safe_load(uploaded.spec)
    assert spec["android_test_host"] == "amazon_linux_2"
    commands = [c for phase in _PHASES for c in spec["phases"].get(phase, {}).get("commands", ())]
    variables = {
        "DEVICEFARM_LOG_DIR": str(logs),
        "DEVICEFARM_APP_PATH": str(app),
        "DEVICEFARM_DEVICE_UDID": phone.serial,
        "DEVICEFARM_DEVICE_PLATFORM_NAME": "Android",
    }
    done = [
        subprocess.run(
            ["bash", "-c", command],
            env={**os.environ, **environment, **variables},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=(folder / "testspec_output.txt").open("ab"),
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode
        for command in commands
    ]
    assert spec["artifacts"] == ["$DEVICEFARM_LOG_DIR"]
    return not any(done), _archive(logs)


def _archive(logs: Path) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(logs.rglob("*")):
            archive.write(path, f"Host_Machine_Files/$DEVICEFARM_LOG_DIR/{path.relative_to(logs)}")
    return content.getvalue()
