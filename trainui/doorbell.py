"""Wakes the worker: one datagram to a socket, and whoever rings never waits.

A ring says what is to be looked at; it may be lost, since the worker also looks once a second.
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import select
import socket
import termios
from pathlib import Path

from trainui import paths

LOOK = b"look"
"""The store has changed."""

ENDED = b"ended"
"""A process of an attempt has ended, as its supervisor says: the store says nothing new yet."""


def ring(doorbell: Path | None = None) -> None:
    """Wake whoever listens at `doorbell` (default: the worker); with nobody there, do nothing."""
    target = doorbell if doorbell is not None else paths.home().doorbell
    with (
        contextlib.suppress(OSError),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender,
    ):
        sender.setblocking(False)
        sender.sendto(LOOK, str(target))


_KNOCK = b"knock"
"""Somebody asks whether this is heard; there is nothing to do."""


class Knock:
    """Asks whether anybody listens at a doorbell."""

    def __init__(self, doorbell: Path) -> None:
        self._doorbell = doorbell
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def is_heard(self) -> bool | None:
        """Tell whether the last knock was heard, and knock again; None: nobody is there."""
        try:
            if self._unread():
                return False
            self._socket.sendto(_KNOCK, str(self._doorbell))
        except BlockingIOError:  # so many rings wait that there is no room
            return False
        except OSError:
            return None
        return True

    def close(self) -> None:
        """Ask no more."""
        self._socket.close()

    def _unread(self) -> int:
        """Return how many bytes of ours the kernel still holds for whoever listens."""
        held = array.array("i", [0])
        fcntl.ioctl(self._socket, termios.TIOCOUTQ, held)
        return held[0]


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
        return frozenset(said - {_KNOCK})

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()
        with contextlib.suppress(OSError):
            self.path.unlink()
