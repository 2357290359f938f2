"""The commands `wait` and `cancel`: prints each change of state, and returns the exit code."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from trainui import clock, control, formatting, settings, text
from trainui.cli import options, printing, standstill
from trainui.cli.standstill import DiskWatch
from trainui.control import requests
from trainui.errors import NotFoundError, StoppedError, WaitTimeoutError
from trainui.model.records import Event, RunRecord, StageRecord
from trainui.model.states import (
    CODE,
    ENDED,
    METRIC_ALERTS,
    NOTIFIED_KINDS,
    STALLED,
    WARNING,
    Status,
)
from trainui.store.db import engine, sqlite_file, statements
from trainui.store.read import event_feed, sweeps, time_worked, views

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

HINTS = 3
"""Maximum number of failed stages for which a `trainui logs` hint is printed."""

_RESUMED = (Status.FAILED, Status.INTERRUPTED, Status.CANCELLED)

_SHOWN = frozenset(map(str, Status)) - {Status.PENDING}
"""States that are printed; also the kinds of their events."""

EXIT_CODES = {
    Status.COMPLETED: 0,
    Status.ENDED: 0,
    Status.CANCELLED: 130,
    Status.FAILED: 1,
    Status.INTERRUPTED: 1,
}


def wait_for(
    run_ids: Sequence[str], *, timeout: float | None = None, from_start: bool = False
) -> int:
    """Wait until all of these runs have ended, and print each change on stderr.

    `from_start` also prints what happened before this call. Returns the exit code of the worst
    outcome.

    Raises:
        WaitTimeoutError: the timeout passed; the runs continue.
        StoppedError: the user pressed ctrl+c; the runs continue.
        NotFoundError: a run was deleted meanwhile.
        UsageError: the caller is itself part of one of trainui's stages.
    """
    requests.check_may_wait()
    try:
        with engine.reading() as connection:
            watch = _Watch(connection, run_ids, timeout=timeout, from_start=from_start)
            while watch.look():
                time.sleep(POLL)
    except KeyboardInterrupt as error:
        raise StoppedError(
            f"stopped waiting; the run continues; see `trainui show {run_ids[0]}`"
        ) from error
    codes = {EXIT_CODES[status] for status in watch.ends.values()}
    return 1 if 1 in codes else max(codes, default=0)


def follow(run_id: str, *, wait: bool, as_json: bool, is_new: bool = False) -> int:
    """Open the screen at a run just started, or wait for its end; return the exit code."""
    if printing.can_open_screen() and not (wait or as_json):
        printing.open_screen(run_id)
    return finish(run_id, as_json=as_json, from_start=is_new)


def finish(
    run_id: str, *, as_json: bool, timeout: float | None = None, from_start: bool = False
) -> int:
    """Wait for one run, print it if JSON is wanted, and return the exit code."""
    code = wait_for([run_id], timeout=timeout, from_start=from_start)
    if as_json:
        printing.value(options.in_full(run_id))
    return code


class _Watch:
    """The runs being waited for, and how much of their events was printed."""

    def __init__(
        self,
        connection: statements.Connection,
        run_ids: Sequence[str],
        *,
        timeout: float | None,
        from_start: bool,
    ) -> None:
        self.ends: dict[str, Status] = {}
        """Runs that have ended, with their final state."""
        self._connection = connection
        self._printers = {
            run_id: EventPrinter(connection, run_id, from_start=from_start) for run_id in run_ids
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
        version = engine.data_version(self._connection)
        if version != self._version:
            self._version = version
            for run_id, printer in self._printers.items():
                with engine.read_transaction(self._connection):
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
        return is_early and sweeps.is_any_unreported(self._connection, list(self._printers))

    def _print_events(self, run_id: str, printer: EventPrinter) -> None:
        run = views.run(self._connection, run_id)
        if run is None:
            raise NotFoundError(f"the run {run_id} was deleted")
        for line in printer.new_lines():
            printing.note(line)
        was_over = self.ends.pop(run_id, None)
        if run.status in ENDED:
            self.ends[run_id] = run.status
            if was_over != run.status:
                printing.note(end_of(self._connection, run))
                for hint in hints(self._connection, run_id):
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
        lost = options.find_lost(self._connection, {one.status for own in found for one in own})
        words = next(filter(None, (standstill.reason(lost.marked(own)) for own in found)), "")
        if not words:
            self._stands_since = now
        elif words != self._standstill and now - self._stands_since >= STANDSTILL_PATIENCE:
            self._stands_since = now + STANDSTILL_PERIOD - STANDSTILL_PATIENCE
            self._standstill = words
            printing.note(words)


class EventPrinter:
    """Formats the events of one run that are new since the last call."""

    def __init__(self, connection: statements.Connection, run_id: str, *, from_start: bool) -> None:
        """Create a printer that begins with the first event, or with the current states."""
        self._connection = connection
        self._run_id = run_id
        self._last_event = 0
        self._begun = from_start

    def new_lines(self) -> Iterator[str]:
        """Yield a line for each change since the last call."""
        events = views.events(self._connection, self._run_id, after=self._last_event)
        if events:
            self._last_event = events[-1][0]
        elif self._begun:
            return
        if self._begun:
            latest = {event.stage: number for number, event in events if event.kind in _SHOWN}
            for number, event in events:
                if event.kind in _SHOWN:
                    is_latest = latest[event.stage] == number
                    yield _change(event, self._stage(event.stage) if is_latest else None)
                elif event.kind in (*NOTIFIED_KINDS, CODE, WARNING):
                    yield _alert(event)
        else:
            self._begun = True
            stages = views.stages(self._connection, self._run_id)
            yield from (_current(stage) for stage in stages if stage.status in _SHOWN)
            yield from map(_alert, self._marks(stages))

    def _marks(self, stages: Sequence[StageRecord]) -> Iterator[Event]:
        """Yield the alerts of the stages' last attempts, and the last stall of those stalled."""
        found = event_feed.last_alerts(self._connection, self._run_id, (STALLED, *METRIC_ALERTS))
        for stage in stages:
            events = found.get(stage.name, [])
            yield from (event for event in events if event.kind != STALLED)
            if stage.stalled:
                yield from [event for event in events if event.kind == STALLED][-1:]

    def _stage(self, name: str | None) -> StageRecord | None:
        return None if name is None else views.stage(self._connection, self._run_id, name)


def _change(event: Event, stage: StageRecord | None) -> str:
    name = event.stage or ""
    _subject, _separator, reason = event.text.removeprefix(name).partition(": ")
    if stage is not None and stage.status != event.kind:
        stage = None  # its state has changed again, so its times are not those of this event
    return _line(event.time, Status(event.kind), name, stage, reason)


def _alert(event: Event) -> str:
    shown = formatting.local_time(event.time, "%H:%M:%S")
    return f"{shown}  ! {event.kind:<11}  {event.text}"


def _current(stage: StageRecord) -> str:
    since = stage.completed_at if stage.status in ENDED else None
    if stage.status == Status.RUNNING:
        since = stage.started_at
    return _line(since or clock.now(), stage.status, stage.name, stage, stage.reason or "")


def _line(time: int, status: Status, name: str, stage: StageRecord | None, reason: str) -> str:
    words = [name]
    if stage is not None and status in ENDED and stage.started_at and stage.completed_at:
        took = formatting.took(stage.worked_until(clock.now()), stage.since, stage.completed_at)
        words.append(f"after {took}")
    # of a queued stage it is that of the attempt before
    if stage is not None and stage.attempt > 1 and status != Status.QUEUED:
        words.append(f"(attempt {stage.attempt})")
    if reason:
        words.append(f"- {reason}")
    shown = formatting.local_time(time, "%H:%M:%S")
    return f"{shown}  {text.state(status):<13}  {' '.join(words)}"


def end_of(connection: statements.Connection, run: RunRecord) -> str:
    """Return a line with a run's outcome."""
    line = f"run {run.name} {text.state(run.status)}"
    if run.started_at and run.completed_at:
        worked = time_worked.of_run(connection, run.id).until(run.completed_at)
        line += f" after {formatting.took(worked, run.started_at, run.completed_at)}"
    return f"{line} ({run.id})"


def hints(connection: statements.Connection, run_id: str) -> Iterator[str]:
    """Yield the commands that show why stages failed and that resume an incomplete run."""
    short = formatting.short_id(run_id)
    stages = views.stages(connection, run_id)
    for stage in [one for one in stages if one.status == Status.FAILED][:HINTS]:
        yield f"see `trainui logs {short} {shlex.quote(stage.name)}`"
    counted = sweeps.counted(connection, run_id, stages)
    left = [one for one in stages if one.status in _RESUMED and one.name not in counted]
    # a failed trial may have ended just now: its search will count it
    if any(one.definition.trial is None or one.status != Status.FAILED for one in left):
        yield f"resume with: trainui resume {short}"


@options.command("trainui cancel digits train", "trainui cancel digits")
@standstill.report_on_stop("nothing was cancelled")
def cancel(
    run: options.Run,
    stage: options.OptionalStage = None,
    forget: Annotated[
        bool,
        typer.Option(
            "--forget",
            help="Record running stages as cancelled whose host or executor does not answer. Their "
            "processes are not ended, and may write beside those of a later attempt.",
        ),
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Cancel a stage, or every unfinished stage of a run.

    Returns once the request is recorded; a stage becomes `cancelled` when all of its processes
    have exited. `trainui resume` can continue it later. While a stage's host does not answer, the
    request waits for it.
    """
    from trainui.execution.daemon import lifecycle

    found, stages = options.find(run, stage)
    names = None if stage is None else [one.name for one in stages]
    if forget:
        for name, why in control.forget(found.id, names).items():
            printing.note(f"! {name} is given up and was not ended: {why}")
    with standstill.report_changes_on_stop([found.id], standstill.CANCELLED, "cancelling"):
        asked = control.cancel(found.id, names)
        found, stages = options.find(found.id, None)
        chosen = [one for one in stages if one.name in asked]
        if any(one.status == Status.RUNNING for one in chosen):
            lifecycle.ensure_started()  # the worker ends the processes
        ended = [one.name for one in chosen if one.status == Status.CANCELLED]
        left = [name for name in asked if name not in ended]
        shown = [
            f"{what}: {', '.join(some)}"
            for what, some in (("cancelled", ended), ("cancelling", left))
            if some
        ]
        if not asked and not forget:
            over = [_state(one) for one in stages if names is not None and one.name in names]
            shown = [f"nothing to cancel: {', '.join(over) or _state(found)}"]
        printing.answer(as_json, options.in_full(found.id) if as_json else None, shown)


def _state(one: RunRecord | StageRecord) -> str:
    return f"{one.name} is {text.state(one.status)}"


@options.command("trainui wait digits --timeout 600")
def wait(
    run: options.Run,
    timeout: Annotated[
        float | None,
        typer.Option(min=0, metavar="SECONDS", help="Give up after this time, with exit code 5."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Wait until a run has ended, and print each change of state on stderr.

    The exit code is 0 if it completed, 1 if it failed or was interrupted, and 130 if it was
    cancelled. ctrl+c stops the waiting, not the run.
    """
    found = options.find_run(run)
    raise typer.Exit(finish(found.id, as_json=as_json, timeout=timeout))
