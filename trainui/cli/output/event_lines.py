"""Formats a run's events as lines: one for each change of a stage's state."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from trainui import clock, formatting, text
from trainui.domain.notifications import CODE, MARKED, MARKS, STALLED, WARNING
from trainui.domain.records import Event, RunRecord, StageRecord
from trainui.domain.states import ENDED, Status
from trainui.store.db import protocol
from trainui.store.read import event_feed, time_worked, trials, views

HINTS = 3
"""Maximum number of failed stages for which a `trainui logs` hint is printed."""

_RESUMED = (Status.FAILED, Status.INTERRUPTED, Status.CANCELLED)

_SHOWN = frozenset(map(str, Status)) - {Status.PENDING}
"""States that are printed; also the kinds of their events."""


class EventPrinter:
    """Formats the events of one run that are new since the last call."""

    def __init__(self, connection: protocol.Connection, run_id: str, *, from_start: bool) -> None:
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
                elif event.kind in (*MARKS, CODE, WARNING):
                    yield _alert(event)
        else:
            self._begun = True
            stages = views.stages(self._connection, self._run_id)
            yield from (_current(stage) for stage in stages if stage.status in _SHOWN)
            yield from map(_alert, self._marks(stages))

    def _marks(self, stages: Sequence[StageRecord]) -> Iterator[Event]:
        """Yield the alerts of the stages' last attempts, and the last stall of those stalled."""
        found = event_feed.marks(self._connection, self._run_id, (STALLED, *MARKED))
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


def end_of(connection: protocol.Connection, run: RunRecord) -> str:
    """Return a line with a run's outcome."""
    line = f"run {run.name} {text.state(run.status)}"
    if run.started_at and run.completed_at:
        worked = time_worked.of_run(connection, run.id).until(run.completed_at)
        line += f" after {formatting.took(worked, run.started_at, run.completed_at)}"
    return f"{line} ({run.id})"


def hints(connection: protocol.Connection, run_id: str) -> Iterator[str]:
    """Yield the commands that show why stages failed and that resume an incomplete run."""
    short = formatting.short_id(run_id)
    stages = views.stages(connection, run_id)
    for stage in [one for one in stages if one.status == Status.FAILED][:HINTS]:
        yield f"see `trainui logs {short} {shlex.quote(stage.name)}`"
    counted = trials.counted(connection, run_id, stages)
    left = [one for one in stages if one.status in _RESUMED and one.name not in counted]
    # a failed trial may have ended just now: its search will count it
    if any(one.definition.trial is None or one.status != Status.FAILED for one in left):
        yield f"resume with: trainui resume {short}"
