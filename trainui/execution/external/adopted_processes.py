"""Adopted processes: checks that one is alive, finds the files that it opens, and cancels it.

A process is identified by its pid, its start time in clock ticks and the boot, so that neither a
reused pid nor a change of the clock confuses it with another.
"""

from __future__ import annotations

import json
import logging
import signal
import time
from pathlib import Path

from trainui import paths, wakeup
from trainui.execution.stall import adopted_activity
from trainui.metrics.discovery import process_files
from trainui.model.definition import MetricSource
from trainui.store.db.engine import Store
from trainui.store.points import write_points
from trainui.store.runs import external_runs
from trainui.store.runs.external_runs import WatchedStage
from trainui.supervisor import supervise
from trainui.system import plain_files

logger = logging.getLogger(__name__)

GRACE = 30.0
"""Seconds between SIGTERM and SIGKILL, as the default of a stage."""

RECORD = "cancelled.json"
"""The record of a cancellation, in the attempt's directory."""


def is_alive(stage: WatchedStage) -> bool:
    """Return True if the adopted process still runs, and no other has got its pid."""
    external = stage.external
    is_this_boot = external.get("boot") == supervise.boot_id()
    return is_this_boot and _is_running(stage.pid or 0, external.get("ticks", -1))


class Cancellation:
    """The cancellation of one adopted process and all below it.

    It is on record, because a restarted worker cannot find children whose parent has ended.
    """

    def __init__(self, stage: WatchedStage) -> None:
        """Continue the cancellation that is on record; else begin: send SIGTERM."""
        self._file = Path(stage.attempt_directory, RECORD)
        record = plain_files.read_object(self._file)
        if record is not None:
            self._asked_at = float(record["asked_at"])
            self._members = {(pid, ticks) for pid, ticks in record["members"]}
            if record["boot"] != supervise.boot_id():
                self._members = set()
            return
        self._asked_at = time.clock_gettime(time.CLOCK_BOOTTIME)
        leader = {(stage.pid or 0, int(stage.external["ticks"]))} if is_alive(stage) else set()
        self._members = leader | _below(leader)
        self._write()  # first, so that none gets the signal twice
        self._signal(signal.SIGTERM)
        self._signal(signal.SIGCONT)

    @property
    def is_over(self) -> bool:
        """True if none of the processes runs any more."""
        return not any(_is_running(*member) for member in self._members)

    def poll(self) -> None:
        """Find new children, and send SIGKILL if the grace period is over."""
        if more := _below(self._members) - self._members:
            self._members |= more
            self._write()
        if time.clock_gettime(time.CLOCK_BOOTTIME) - self._asked_at > GRACE:
            self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        for pid, ticks in self._members:
            supervise.send_signal(pid, ticks, number)

    def _write(self) -> None:
        members = sorted(self._members)
        value = {"boot": supervise.boot_id(), "asked_at": self._asked_at, "members": members}
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            paths.write_private(self._file, json.dumps(value))
        except OSError as error:  # a full disk must not prevent a cancellation
            logger.warning("%s: %s; a restarted worker may miss children", self._file, error)


def _is_running(pid: int, ticks: int) -> bool:
    process = supervise.read_process(pid)
    return process is not None and not process.dead and process.ticks == ticks


def _below(members: set[tuple[int, int]]) -> set[tuple[int, int]]:
    """Return the processes that descend from members that run."""
    living = [one for one in supervise.list_processes() if not one.dead]
    roots = {one.pid for one in living if (one.pid, one.ticks) in members}
    return {(one.pid, one.ticks) for one in supervise.descendants(roots, living, {})}


def follow_files(store: Store, stage: WatchedStage) -> None:
    """Add the files that an adopted process or one below it has open, if they are new.

    A log that is read because there were no such files is dropped for the first one, unless it had
    metrics: they would be mixed.
    """
    opened = process_files.written_by(adopted_activity.family(stage.pid or 0))
    if not (files := {path for path in opened if _is_usual(path)}):
        return
    with store.read() as connection:
        known = external_runs.sources(connection, stage.stage_id)
        new = sorted(files - {one.path for one in known})
        is_read = bool(write_points.names_by_source(connection, stage.stage_id, 1))
    others = [one for one in known if _is_usual(one.path or "")]
    if not new or (known and not others and is_read):
        return
    with store.write() as connection:
        found = (*others, *(MetricSource(path=path) for path in new))
        external_runs.set_sources(connection, stage.stage_id, found)
    wakeup.wake()


def _is_usual(path: str) -> bool:
    """Return True for a file with metrics for programs, by its name."""
    from trainui.metrics.discovery import default_sources  # imports NumPy

    return path.startswith("/") and default_sources.is_for_programs(Path(path))
