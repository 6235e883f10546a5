"""One job: what AWS's host does for one phone. The phone is an emulated one, and its runner is a real one."""

from __future__ import annotations

import io
import os
import subprocess
import zipfile
from pathlib import Path

import yaml

from emulated_farm.hosts import Host, Uploaded

_PHASES = ("install", "pre_test", "test", "post_test")


def run_job(host: Host, uploaded: Uploaded, folder: Path) -> tuple[bool, bytes]:
    """Returns whether all commands of the test spec succeeded, and the archive of what they left."""
    logs = folder / "logs"
    logs.mkdir(parents=True)
    spec = yaml.safe_load(uploaded.spec)
    name, value = host.asks
    assert spec[name] == value
    commands = [c for phase in _PHASES for c in spec["phases"].get(phase, {}).get("commands", ())]
    variables = {"DEVICEFARM_LOG_DIR": str(logs), **host.prepare(uploaded, folder)}
    done = [
        subprocess.run(
            ["bash", "-c", command],
            env={**os.environ, **variables},
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
