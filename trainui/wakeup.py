"""Wake the worker or its metrics reader with a datagram to a Unix socket; the sender never blocks.

A lost datagram only causes a delay, because the worker also polls once a second.
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import os
import select
import socket
import termios
from pathlib import Path

from trainui import paths

LOOK = b"look"
"""The store has changed."""

ENDED = b"ended"
"""A supervisor reports that an attempt's process has ended; the store has not changed yet."""


APPEARED = b"appeared"
"""Files were created, deleted or moved in watched directories, and nothing else happened."""

GREW = b"grew"
"""Watched files grew, and nothing else happened."""


def wake(listener: Path | None = None, message: bytes = LOOK) -> None:
    """Wake the listener at `listener` (default: the worker); do nothing if there is none."""
    target = listener if listener is not None else paths.home().wake_socket
    with (
        contextlib.suppress(OSError),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender,
    ):
        sender.setblocking(False)
        sender.sendto(message, str(target))


def reader_socket(mount: str = "") -> Path:
    """Return the path of the socket that wakes the reader, or that of a remote file system."""
    of_mount = ""
    if mount:
        import hashlib

        of_mount = f"-{hashlib.sha256(os.fsencode(mount)).hexdigest()[:12]}"
    return paths.short_socket_path(paths.home().worker / f"metrics{of_mount}.sock")


def wake_reader() -> None:
    """Wake the reader: an attempt has started, or its process has ended."""
    wake(reader_socket())


_KNOCK = b"knock"
"""A liveness probe; the listener ignores it."""


class WorkerProbe:
    """A liveness probe of the listener at a socket."""

    def __init__(self, listener: Path) -> None:
        self._listener = listener
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def is_heard(self) -> bool | None:
        """Return True if the last probe was received, and send another; None: no listener."""
        try:
            unread = array.array("i", [0])
            fcntl.ioctl(self._socket, termios.TIOCOUTQ, unread)
            if unread[0]:
                return False
            self._socket.sendto(_KNOCK, str(self._listener))
        except BlockingIOError:  # the listener's receive buffer is full
            return False
        except OSError:
            return None
        return True

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


class WakeupSocket:
    """The listener's socket; recreated at start and removed at the end."""

    def __init__(self, path: Path) -> None:
        self.path = paths.prepare_socket_directory(path)
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        path.chmod(0o600)
        self._inode = path.stat().st_ino
        self._socket.setblocking(False)

    def wait(self, timeout: float) -> frozenset[bytes]:
        """Wait for a message, at most `timeout` seconds; return the distinct messages received."""
        readable, _, _ = select.select([self._socket], [], [], timeout)
        said = set()
        if readable:
            with contextlib.suppress(BlockingIOError):
                while True:
                    said.add(self._socket.recv(64).strip())
        return frozenset(said - {_KNOCK})

    def close(self) -> None:
        """Stop listening; leave the socket of a successor that listens already."""
        with contextlib.suppress(OSError):
            if self.path.stat().st_ino == self._inode:
                self.path.unlink()
        self._socket.close()
