"""Where an attempt's logs are read: on this host, or as another host's worker relays them."""

from __future__ import annotations

import errno
import io
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

from trainui import settings
from trainui.errors import UnfitEnvironmentError
from trainui.model.file_access import Directory, LocalDirectory
from trainui.store import hosts
from trainui.store.db.engine import open_store
from trainui.store.hosts import LogReply
from trainui.supervisor import protocol
from trainui.system import plain_files

# Finds an attempt's directory, on this host or another one.


def missing_log(directory: str) -> str | None:
    """Return why the log of an external run's attempt cannot be read; None: it can."""
    link = f"{directory}/{protocol.STDOUT_FILE}"
    if not os.path.islink(link):  # noqa: PTH114 (at each snapshot)
        return None
    try:
        plain_files.status(Path(link))
    except FileNotFoundError:
        return f"the log {os.readlink(link)} no longer exists"  # noqa: PTH115
    except OSError as error:
        return f"the log {os.readlink(link)} cannot be read: {error.strerror}"  # noqa: PTH115
    return None


def find(directory: str, attempt_id: int, host: str) -> Directory:
    """Return an attempt's directory: local or on a shared file system, else on the remote host."""
    near = Path(directory)
    configured = settings.load()
    is_local = configured.database_url is None or host in ("", settings.host(configured))
    if is_local or near.is_dir():
        return LocalDirectory(near)

    return RemoteDirectory(attempt_id, host)


# Reads an attempt's logs on another host, part by part, through that host's worker.


PATIENCE = 10.0
"""Timeout in seconds for an answer; a busy worker needs about one."""

POLL_EVERY = 0.03
"""Seconds between two polls for the answer."""

SIZES_GOOD_FOR = 0.4
"""Seconds for which file sizes are cached: each refresh of a log needs three of them."""

PART = 64 * 1024
"""Maximum bytes per request."""


class RemoteLogError(UnfitEnvironmentError, OSError):
    """The host with the log does not answer."""


class RemoteDirectory:
    """An attempt's directory on another host."""

    def __init__(self, attempt_id: int, host: str) -> None:
        self._attempt_id = attempt_id
        self._host = host
        self._store = open_store()
        self._sizes: dict[str, Any] = {}
        self._sizes_at = float("-inf")

    def __truediv__(self, name: str, /) -> RemoteFile:
        """Return the file with this name."""
        return RemoteFile(self, name)

    def status(self, name: str) -> os.stat_result:
        """Return a file's device, inode and size.

        Raises:
            FileNotFoundError: the file does not exist.
            RemoteLogError: the other host does not answer.
        """
        if time.monotonic() - self._sizes_at > SIZES_GOOD_FOR:
            self._sizes = dict(self._ask().words["files"])
            self._sizes_at = time.monotonic()
        if name not in self._sizes:
            raise FileNotFoundError(errno.ENOENT, "does not exist", f"{self._host}:{name}")
        device, inode, size = self._sizes[name]
        return os.stat_result((0, inode, device, 0, 0, 0, size, 0, 0, 0))

    def read(self, name: str, start: int, length: int) -> bytes:
        """Return a part of a file, at most `PART` bytes; raise RemoteLogError as `status`."""
        return self._ask(name, start, min(length, PART)).data

    def _ask(self, name: str = "", start: int = 0, length: int = 0) -> LogReply:
        with self._store.write() as connection:
            host = hosts.known(connection).get(self._host)
            if host is None or host.seconds >= hosts.SILENT_AFTER:
                ago = "" if host is None else f" for {host.seconds:.0f} s"
                raise RemoteLogError(
                    f"the host {self._host}, which has the log, has sent no heartbeat{ago}; "
                    "see `trainui worker status` there"
                )
            number = hosts.request(connection, self._attempt_id, self._host, name, start, length)
        try:
            return self._wait_for(number)
        finally:
            with self._store.write() as connection:
                hosts.delete_request(connection, number)

    def _wait_for(self, number: str) -> LogReply:
        give_up_at = time.monotonic() + PATIENCE
        while time.monotonic() < give_up_at:
            with self._store.read() as connection:
                answer = hosts.find_reply(connection, number)
            if answer is not None and "problem" in answer.words:
                raise RemoteLogError(f"on host {self._host}: {answer.words['problem']}")
            if answer is not None:
                return answer
            time.sleep(POLL_EVERY)
        raise RemoteLogError(
            f"the worker of host {self._host}, which has the log, does not answer; "
            "see `trainui worker status` there"
        )


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of an attempt on another host."""

    directory: RemoteDirectory
    name: str

    def open(self, _mode: Literal["rb"], /) -> BinaryIO:
        """Open the file for reading; raise FileNotFoundError if it does not exist."""
        self.stat()
        return io.BufferedReader(_Raw(self), PART)

    def stat(self) -> os.stat_result:
        """Return the file's device, inode and size."""
        return self.directory.status(self.name)


class _Raw(io.RawIOBase):
    """Reads a remote file part by part."""

    def __init__(self, file: RemoteFile) -> None:
        self._file = file
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position}
        self._position = offset + (base[whence] if whence in base else self._file.stat().st_size)
        return self._position

    def readinto(self, buffer: Any) -> int:
        data = self._file.directory.read(self._file.name, self._position, len(buffer))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)
