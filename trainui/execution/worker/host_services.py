"""What this host does for others that share its database: a heartbeat, and parts of its logs.

Nothing is assumed about a host without a heartbeat: its stages stay `running`, with a warning.
Only that host's own worker records how they ended. Only the logs of recorded attempts can be
requested, by their fixed names.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from trainui import paths
from trainui import settings as settings_module
from trainui.errors import UnfitEnvironmentError
from trainui.execution import gpus, nvml, slots
from trainui.execution.attempt import unseen
from trainui.model.records import HostRecord, StageRecord, WaitReason
from trainui.settings import Settings
from trainui.store import hosts
from trainui.store.db import home_identity, postgres
from trainui.store.db.engine import Store
from trainui.store.db.protocol import Connection
from trainui.store.hosts import LogRequest
from trainui.store.read import views
from trainui.store.runs import attempts, runs, stages
from trainui.supervisor import protocol
from trainui.system import plain_files

logger = logging.getLogger(__name__)

ANNOUNCE_EVERY = 10.0
"""Seconds between two heartbeats."""

LOOKED_AT = 500
"""Number of queued stages checked for an unavailable host in one pass."""

SHOWN_FILES = (protocol.STDOUT_FILE, protocol.STDERR_FILE, protocol.TIMES_FILE)
"""Files of an attempt that may be requested."""

RELAY_EVERY = 2.0
"""Seconds between two polls if no notification arrives."""


class HostHeartbeat:
    """Sends this host's heartbeat, if the database is shared."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._here = slots.here(settings)
        self._settings = settings
        self._announced_at = -ANNOUNCE_EVERY
        self.is_ours = True
        """True if this worker is the registered worker of its host."""

    def poll(self) -> None:
        """Send a heartbeat if one is due, and warn about stages on silent hosts.

        Raises:
            UnfitEnvironmentError: the worker of another home is registered for this host.
        """
        now = time.monotonic()
        if self._here is None or now - self._announced_at < ANNOUNCE_EVERY:
            return
        places: list[dict[str, Any]] = [
            *({"kind": "cpu", "index": number} for number in range(self._settings.cpus)),
            *map(_gpu_place, gpus.usable_gpus(self._settings).gpus),
        ]
        with self._store.write() as connection:
            other = hosts.announce(
                connection,
                self._here.host,
                home=home_identity.id_of(paths.home()),
                place=self._here.place,
                slots=places,
                queues=self._here.queues,
            )
            if other is None:
                _warn_of_silent_hosts(connection, self._here.host)
        self._announced_at, self.is_ours = now, other is None
        if not self.is_ours:
            raise UnfitEnvironmentError(
                f"the worker of another home is already registered for the host {self._here.host}; "
                "set TRAINUI_HOST to another name here"
            )


def _warn_of_silent_hosts(connection: Connection, here: str) -> None:
    """Warn about stages on silent hosts, and clear such warnings on the stages of this host."""
    known = hosts.known(connection)
    for stage in views.running_on(connection, here):
        if stage.reason_host not in (None, here):
            stages.warn(connection, stage.id, None)
    for host in known.values():
        if host.name != here and host.seconds >= hosts.SILENT_AFTER:
            for stage in views.running_on(connection, host.name):
                (*_, attempt) = attempts.of_stage(connection, stage.id)
                silent = unseen.words(attempt, unseen.silence(host))
                stages.warn(connection, stage.id, silent, host=here)
    waiting = attempts.queued(connection, limit=LOOKED_AT)
    reasons = {
        stage.id: WaitReason(words)
        for stage in waiting
        if stage.definition.host and (words := _unavailable_host(connection, stage, known))
    }
    stages.set_reasons(connection, reasons)


def _unavailable_host(
    connection: Connection, stage: StageRecord, known: Mapping[str, HostRecord]
) -> str | None:
    """Return why a stage cannot run on the host that it asks for; None if it can."""
    wanted = str(stage.definition.host)
    host = known.get(wanted)
    if host is None or host.seconds >= hosts.SILENT_AFTER:
        return f"asks for the host {wanted}, which has no active worker"
    submitted_on, place = runs.place_of(connection, stage.run_id)
    if wanted != submitted_on and (place is None or place != host.place):
        return (
            f"asks for the host {wanted}, which has another directory of runs than {submitted_on}: "
            "set runs_dir to a directory on a file system that both share"
        )
    return None


def _gpu_place(gpu: nvml.Gpu) -> dict[str, Any]:
    """Return the slot of a GPU as JSON, with the state that other hosts show."""
    place = {
        "kind": "gpu",
        "index": gpu.index,
        "name": gpu.name,
        "memory": gpu.memory_total,
        "used": gpu.memory_used,
        "utilisation": gpu.utilisation,
        "temperature": gpu.temperature,
        "power": None if gpu.power is None else round(gpu.power),
        "user": gpus.stranger_on(gpu),
        "problem": gpu.problem,
    }
    return {name: value for name, value in place.items() if value is not None}


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
            words, data = answer_request(one)
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
                for _ in connection.notifies(timeout=RELAY_EVERY, stop_after=1):
                    pass


def answer_request(asked: LogRequest) -> tuple[dict[str, Any], bytes]:
    """Return the answer to a request: metadata and bytes."""
    if not asked.name:
        return {"files": _file_sizes(Path(asked.directory))}, b""
    if asked.name not in SHOWN_FILES:
        return {"problem": "may not be requested"}, b""
    try:
        with plain_files.open_plain(Path(asked.directory, asked.name)) as file:
            return {}, os.pread(file.fileno(), asked.length, asked.start)
    except OSError as error:
        return {"problem": str(error)}, b""


def _file_sizes(directory: Path) -> dict[str, tuple[int, int, int]]:
    found = {name: plain_files.look(directory / name) for name in SHOWN_FILES}
    return {name: (one.st_dev, one.st_ino, one.st_size) for name, one in found.items() if one}
