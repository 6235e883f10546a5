"""A real sshd on loopback with keys of its own, and an ssh client whose configuration leads there."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


@dataclass
class Sshd:
    """A running sshd.

    Attributes:
        folder: Holds its keys, its configuration and `home`.
        port: Where it listens on 127.0.0.1.
        home: Below it the device keeps its files.
    """

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def home(self) -> Path:
        return Path(f"/proc/{self.process.pid}/root{self.folder}/home")  # it may be mounted for sshd alone

    def sessions(self) -> list[psutil.Process]:
        """The processes of its connections."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def cut(self) -> None:
        """Kills the processes of sshd that hold connections, and nothing else."""
        for session in self.sessions():
            with contextlib.suppress(psutil.Error):
                if session.name().startswith("sshd"):
                    session.send_signal(signal.SIGKILL)


def new_key(path: Path) -> None:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)]
    subprocess.run(command, check=True, capture_output=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_sshd(folder: Path, path: str | None = None, disk: str = "") -> Iterator[Sshd]:
    """Starts an sshd, and ends it with all of its sessions.

    Args:
        folder: An empty folder.
        path: The PATH of its sessions; None: the Python that runs the tests comes first.
        disk: The size of a file system of its own for `home`, such as "4m"; empty: there is none.
    """
    assert SSHD is not None
    (folder / "home").mkdir()
    for name in ("host_key", "user_key"):
        new_key(folder / name)
    shutil.copy(folder / "user_key.pub", folder / "authorized_keys")
    port = free_port()
    searched = path or f"{Path(sys.executable).parent}:/usr/bin:/bin"
    configuration = f"""\
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile {folder}/sshd.pid
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
ForceCommand env PATH={searched} XDG_CACHE_HOME={folder}/home /bin/sh -c "$SSH_ORIGINAL_COMMAND"
"""
    (folder / "sshd_config").write_text(configuration)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # what sshd wants for its privilege separation
    command = [SSHD, "-D", "-e", "-f", str(folder / "sshd_config")]
    if disk:
        mount = f'mount -t tmpfs -o size={disk} tmpfs "$0" && exec "$@"'
        rights = [] if os.geteuid() == 0 else ["--map-current-user", "--keep-caps"]
        command = ["unshare", *rights, "--mount", "sh", "-c", mount, str(folder / "home"), *command]
    process = subprocess.Popen(command, stderr=(folder / "sshd.log").open("wb"))
    try:
        _wait_for(port, process)
        yield Sshd(folder, port, process)
    finally:
        found = Sshd(folder, port, process).sessions()
        process.terminate()
        process.wait(10)
        for session in found:
            with contextlib.suppress(psutil.Error):
                session.kill()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        assert process.poll() is None, "sshd has ended"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise AssertionError("sshd does not listen")


def write_client(folder: Path, hosts: dict[str, Sshd], *, known: bool = True, key: Path | None = None) -> Path:
    """Writes a client's configuration and an `ssh` that uses it. Returns the folder to put first on PATH.

    Args:
        hosts: Aliases, and the sshd that each leads to.
        known: Whether the client knows the host keys.
        key: The client's key; None: one that each sshd accepts.
    """
    folder.mkdir(parents=True, exist_ok=True)
    known_hosts = folder / "known_hosts"
    known_hosts.touch()
    lines = []
    for alias, sshd in hosts.items():
        if known:
            public = " ".join((sshd.folder / "host_key.pub").read_text().split()[:2])
            with known_hosts.open("a") as file:
                file.write(f"[127.0.0.1]:{sshd.port} {public}\n")
        lines.append(
            f"Host {alias}\n  HostName 127.0.0.1\n  Port {sshd.port}\n  User {getpass.getuser()}\n"
            f"  IdentityFile {key or sshd.folder / 'user_key'}\n"
        )
    common = f"IdentitiesOnly yes\nIdentityAgent none\nUserKnownHostsFile {known_hosts}\nGlobalKnownHostsFile none\n"
    (folder / "config").write_text(common + "".join(lines))
    real = shutil.which("ssh")
    script = folder / "bin" / "ssh"
    script.parent.mkdir(exist_ok=True)
    script.write_text(f'#!/bin/sh\nexec {real} -F {folder}/config "$@"\n')
    script.chmod(0o755)
    return script.parent
