"""Wakes the worker: one datagram to a socket, and whoever rings never waits.

A ring says nothing but "look at the store"; it may be lost, since the worker also looks once a
second.
"""

from __future__ import annotations

import contextlib
import select
import socket
from pathlib import Path

from trainui import paths


def ring(doorbell: Path | None = None) -> None:
    """Wake whoever listens at `doorbell` (default: the worker); with nobody there, do nothing."""
    target = doorbell if doorbell is not None else paths.home().doorbell
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        with contextlib.suppress(OSError):
            sender.sendto(b"look\n", str(target))


class Doorbell:
    """The listener's side: a socket that is made anew and removed at the end."""

    def __init__(self, path: Path) -> None:
        self.path = paths.prepare_socket_directory(path)
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        path.chmod(0o600)
        self._socket.setblocking(False)

    def wait(self, timeout: float) -> bool:
        """Wait for a ring, at most `timeout` seconds; several rings at once are one."""
        readable, _, _ = select.select([self._socket], [], [], timeout)
        if not readable:
            return False
        with contextlib.suppress(BlockingIOError):
            while True:
                self._socket.recv(64)
        return True

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()
        with contextlib.suppress(OSError):
            self.path.unlink()
