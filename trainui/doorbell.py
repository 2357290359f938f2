"""Wakes the worker: one datagram to a socket, and whoever rings never waits.

A ring says what is to be looked at; it may be lost, since the worker also looks once a second.
"""

from __future__ import annotations

import contextlib
import select
import socket
from pathlib import Path

from trainui import paths

LOOK = b"look"
"""The store has changed."""

ENDED = b"ended"
"""A process of an attempt has ended, as its supervisor says: the store says nothing new yet."""


def ring(doorbell: Path | None = None) -> None:
    """Wake whoever listens at `doorbell` (default: the worker); with nobody there, do nothing."""
    target = doorbell if doorbell is not None else paths.home().doorbell
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        with contextlib.suppress(OSError):
            sender.sendto(LOOK, str(target))


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

    def wait(self, timeout: float) -> frozenset[bytes]:
        """Wait for a ring, at most `timeout` seconds; return what was said, by several at once."""
        readable, _, _ = select.select([self._socket], [], [], timeout)
        said = set()
        if readable:
            with contextlib.suppress(BlockingIOError):
                while True:
                    said.add(self._socket.recv(64).strip())
        return frozenset(said)

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()
        with contextlib.suppress(OSError):
            self.path.unlink()
