"""Serves parts of the logs of this host's attempts to other hosts, on request.

Only the logs of recorded attempts can be requested, by their fixed names.
"""

from __future__ import annotations

import os
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

from trainui import settings as settings_module
from trainui.settings import Settings
from trainui.store import hosts
from trainui.store.db import postgres
from trainui.store.db.engine import Store
from trainui.store.hosts import LogRequest
from trainui.supervisor import protocol
from trainui.system import plain_files

SHOWN = (protocol.STDOUT_FILE, protocol.STDERR_FILE, protocol.TIMES_FILE)
"""Files of an attempt that may be requested."""

POLL_EVERY = 2.0
"""Seconds between two polls if no notification arrives."""


class LogRelay:
    """Answers log requests to this host, in a separate thread."""

    def __init__(self, store: Store, settings: Settings, stopping: threading.Event) -> None:
        self._store = store
        self._url = settings.database_url
        self._host = settings_module.host(settings)
        self._stopping = stopping

    @property
    def is_needed(self) -> bool:
        """True if the database is shared with other hosts."""
        return self._url is not None

    def poll(self) -> None:
        """Answer all open requests."""
        with self._store.read() as connection:
            due = hosts.unanswered(connection, self._host)
        for one in due:
            words, data = answer(one)
            with self._store.write() as connection:
                hosts.answer(connection, one.id, words, data)

    def serve(self) -> None:
        """Answer requests until the worker stops or the connection fails."""
        assert self._url is not None
        with (
            postgres.explained(self._url),
            closing(postgres.connect(self._url, autocommit=True)) as connection,
        ):
            hosts.listen(connection)
            while not self._stopping.is_set():
                self.poll()
                for _ in connection.notifies(timeout=POLL_EVERY, stop_after=1):
                    pass


def answer(asked: LogRequest) -> tuple[dict[str, Any], bytes]:
    """Return the answer to a request: metadata and bytes."""
    if not asked.name:
        return {"files": _sizes(Path(asked.directory))}, b""
    if asked.name not in SHOWN:
        return {"problem": "may not be requested"}, b""
    try:
        with plain_files.open_plain(Path(asked.directory, asked.name)) as file:
            return {}, os.pread(file.fileno(), asked.length, asked.start)
    except OSError as error:
        return {"problem": str(error)}, b""


def _sizes(directory: Path) -> dict[str, tuple[int, int, int]]:
    found = {name: plain_files.look(directory / name) for name in SHOWN}
    return {name: (one.st_dev, one.st_ino, one.st_size) for name, one in found.items() if one}
