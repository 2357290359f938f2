"""A real sshd on 127.0.0.1 with keys of its own, and an `ssh` that knows it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

SERVER = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
CLIENT = shutil.which("ssh")

PRIVILEGE_SEPARATION = Path("/run/sshd")
"""A directory that sshd wants where it runs as root."""


class Sshd:
    """A running server; `hosts` are the names under which the client reaches it."""

    def __init__(self, folder: Path, hosts: Sequence[str]) -> None:
        self.folder = folder
        self.port = _free_port()
        for key in ("host", "user"):
            words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)]
            subprocess.run(words, check=True)
        self.known_hosts = folder / "known_hosts"
        self.authorized = folder / "authorized"
        self.authorized.write_text((folder / "user.pub").read_text())
        host_key = (folder / "host.pub").read_text()
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {host_key}")
        (folder / "sshd_config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nUsePAM no\n"
            f"StrictModes no\nAuthorizedKeysFile {self.authorized}\nPidFile {folder}/pid\n"
            f"PasswordAuthentication no\nSetEnv PATH={Path(sys.executable).parent}:/usr/bin:/bin\n"
        )
        (folder / "ssh_config").write_text(
            f"Host {' '.join(hosts)}\n  HostName 127.0.0.1\n  Port {self.port}\n"
            f"  IdentityFile {folder}/user\n  IdentitiesOnly yes\n"
            f"  UserKnownHostsFile {self.known_hosts}\n  StrictHostKeyChecking yes\n"
        )
        self.bin = folder / "bin"
        self.bin.mkdir()
        wrapper = self.bin / "ssh"
        wrapper.write_text(f'#!/bin/sh\nexec {CLIENT} -F {folder}/ssh_config "$@"\n')
        wrapper.chmod(0o755)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        if os.geteuid() == 0:
            PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
        words = [str(SERVER), "-D", "-e", "-f", str(self.folder / "sshd_config")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(words, stderr=log, stdin=subprocess.DEVNULL)
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self._process.poll() is None, (self.folder / "log").read_text()

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    @property
    def variables(self) -> dict[str, str]:
        """What a command's environment needs to use this server."""
        return {"PATH": f"{self.bin}:{os.environ['PATH']}"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(folder: Path, *hosts: str) -> Iterator[Sshd]:
    server = Sshd(folder, hosts)
    server.start()
    try:
        yield server
    finally:
        server.stop()
