"""Waits for runs to end: prints a line for each change of state, and returns the exit code."""

from __future__ import annotations

import time
from collections.abc import Sequence

from trainui import formatting, settings
from trainui.cli import lookup
from trainui.cli.output import event_lines, printing
from trainui.cli.output.disk_space import DiskWatch
from trainui.cli.runs import standstill
from trainui.control import self_wait_check
from trainui.domain.states import ENDED, Status
from trainui.errors import NotFoundError, StoppedError, WaitTimeoutError
from trainui.store.db import protocol, sqlite_file
from trainui.store.read import event_feed, trials, views

POLL = 0.1
"""Poll interval in seconds; if nothing changed, a poll reads only one number."""

STANDSTILL_PATIENCE = 10.0
"""Seconds without a running stage before the reason is printed."""

STANDSTILL_PERIOD = 60.0
"""Seconds between two such lines if the reason changes."""

DISK_PERIOD = 5.0
"""Seconds between two checks of the free disk space."""

STUDY_WITHIN = 5.0
"""Seconds to wait for the last trials of a search to be in Optuna's study."""

_EXIT_CODES = {
    Status.COMPLETED: 0,
    Status.ENDED: 0,
    Status.CANCELLED: 130,
    Status.FAILED: 1,
    Status.INTERRUPTED: 1,
}


def wait(run_ids: Sequence[str], *, timeout: float | None = None, from_start: bool = False) -> int:
    """Wait until all of these runs have ended, and print each change on stderr.

    `from_start` also prints what happened before this call. Returns the exit code of the worst
    outcome.

    Raises:
        WaitTimeoutError: the timeout passed; the runs continue.
        StoppedError: the user pressed ctrl+c; the runs continue.
        NotFoundError: a run was deleted meanwhile.
        UsageError: the caller is itself part of one of trainui's stages.
    """
    self_wait_check.check_may_wait()
    try:
        with views.reading() as connection:
            watch = _Watch(connection, run_ids, timeout=timeout, from_start=from_start)
            while watch.look():
                time.sleep(POLL)
    except KeyboardInterrupt as error:
        raise StoppedError(
            f"stopped waiting; the run continues; see `trainui show {run_ids[0]}`"
        ) from error
    codes = {_EXIT_CODES[status] for status in watch.ends.values()}
    return 1 if 1 in codes else max(codes, default=0)


def finish(
    run_id: str, *, as_json: bool, timeout: float | None = None, from_start: bool = False
) -> int:
    """Wait for one run, print it if JSON is wanted, and return the exit code."""
    code = wait([run_id], timeout=timeout, from_start=from_start)
    if as_json:
        printing.value(lookup.in_full(run_id))
    return code


class _Watch:
    """The runs being waited for, and how much of their events was printed."""

    def __init__(
        self,
        connection: protocol.Connection,
        run_ids: Sequence[str],
        *,
        timeout: float | None,
        from_start: bool,
    ) -> None:
        self.ends: dict[str, Status] = {}
        """Runs that have ended, with their final state."""
        self._connection = connection
        self._printers = {
            run_id: event_lines.EventPrinter(connection, run_id, from_start=from_start)
            for run_id in run_ids
        }
        self._timeout = timeout
        self._started = time.monotonic()
        self._version: int | str | None = None
        self._over_at: float | None = None
        """When all runs were first seen to have ended."""
        self._stands_since = self._started
        self._standstill = ""
        """The last printed reason why nothing starts."""
        self._disks = DiskWatch()
        self._disks_at = 0.0
        self._rings = settings.load().bell
        self._last_event = event_feed.last(connection)
        self._database = sqlite_file.Unreplaced()

    def look(self) -> bool:
        """Print new events; return True while some run has not ended."""
        self._database.check()
        version = views.data_version(self._connection)
        if version != self._version:
            self._version = version
            for run_id, printer in self._printers.items():
                with views.snapshot(self._connection):
                    self._print_events(run_id, printer)
            self._ring()
        if len(self.ends) == len(self._printers):
            return self._is_study_behind()
        self._check_time()
        return True

    def _is_study_behind(self) -> bool:
        """Return True, for `STUDY_WITHIN` at most, if an ended trial is not in its study yet."""
        now = time.monotonic()
        self._over_at = self._over_at or now
        is_early = now - self._over_at < STUDY_WITHIN
        return is_early and trials.is_any_unreported(self._connection, list(self._printers))

    def _print_events(self, run_id: str, printer: event_lines.EventPrinter) -> None:
        run = views.run(self._connection, run_id)
        if run is None:
            raise NotFoundError(f"the run {run_id} was deleted")
        for line in printer.new_lines():
            printing.note(line)
        was_over = self.ends.pop(run_id, None)
        if run.status in ENDED:
            self.ends[run_id] = run.status
            if was_over != run.status:
                printing.note(event_lines.end_of(self._connection, run))
                for hint in event_lines.hints(self._connection, run_id):
                    printing.note(hint)

    def _ring(self) -> None:
        self._last_event, notices = event_feed.after(self._connection, self._last_event)
        for notice in notices:
            if self._rings and notice.run_id in self._printers:
                printing.ring(notice.text)

    def _check_time(self) -> None:
        now = time.monotonic()
        waited = now - self._started
        if now - self._disks_at >= DISK_PERIOD:
            self._disks_at = now
            self._disks.check()
            self._look_for_standstill(now)
        if self._timeout is not None and waited >= self._timeout:
            raise WaitTimeoutError(
                f"not finished after {formatting.duration(waited)}; the run continues; "
                f"see `trainui show {next(iter(self._printers))}`"
            )

    def _look_for_standstill(self, now: float) -> None:
        """Print why nothing starts, if that has lasted for a while."""
        waiting = [run_id for run_id in self._printers if run_id not in self.ends]
        found = [views.stages(self._connection, run_id) for run_id in waiting]
        lost = lookup.find_lost(self._connection, {one.status for own in found for one in own})
        words = next(filter(None, (standstill.reason(lost.marked(own)) for own in found)), "")
        if not words:
            self._stands_since = now
        elif words != self._standstill and now - self._stands_since >= STANDSTILL_PATIENCE:
            self._stands_since = now + STANDSTILL_PERIOD - STANDSTILL_PATIENCE
            self._standstill = words
            printing.note(words)
