"""Notifications: each is taken from the store once, whichever process takes it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, func, select

from trainui import clock, formatting
from trainui.domain.notifications import MARKS, Notification
from trainui.domain.records import RunRecord
from trainui.domain.states import Status
from trainui.store.db import dialect
from trainui.store.db.engine import Store
from trainui.store.runs import runs
from trainui.store.runs.tables import EVENTS, RUNS, STAGES

TOLD = "notified_event"
"""The flag with the number of the last event processed for notifications."""

NAMED = 3
"""Maximum number of stages named in the notification of a run's end."""


class Notices:
    """Takes pending notifications; remembers the last event processed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._looked_to = 0

    def take(self) -> list[Notification]:
        """Return the pending notifications, and record them as sent.

        They are recorded first: if this process dies before it sends them, none is sent twice.
        """
        with self._store.read() as connection:
            last = connection.execute(_LAST).scalar() or 0
            self._looked_to = min(self._looked_to, last)  # numbers of deleted runs are reused
            if not (runs.to_notify(connection) or _marks(connection, self._looked_to)):
                self._looked_to = last
                return []
        with self._store.write() as connection:
            told = int(runs.flag(connection, TOLD) or 0)
            ended, marked = runs.to_notify(connection), _marks(connection, told)
            runs.mark_notified(connection, [run.id for run in ended])
            if marked:
                runs.set_flag(connection, TOLD, str(marked[-1][0]))
            taken = [notice for _, notice in marked] + [_end(connection, run) for run in ended]
        self._looked_to = last
        return taken


def begin(store: Store) -> None:
    """Mark all events so far as notified, in a store without this mark."""
    with store.write() as connection:
        if runs.flag(connection, TOLD) is None:
            last = connection.execute(_LAST).scalar()
            runs.set_flag(connection, TOLD, str(last or 0))


def _marks(connection: Connection, told: int) -> list[tuple[int, Notification]]:
    """Return the alerts after an event number."""
    found = connection.execute(_MARKS, {"told": told})
    return [
        (number, Notification(kind, run_id, name, f"{name}: {text}"))
        for number, kind, run_id, name, text in found
    ]


_LAST = select(func.max(EVENTS.c.id))
_MARKS = (
    select(EVENTS.c.id, EVENTS.c.kind, EVENTS.c.run_id, RUNS.c.name, EVENTS.c.text)
    .join(RUNS, RUNS.c.id == EVENTS.c.run_id)
    .where(EVENTS.c.id > bindparam("told"), dialect.is_one_of(EVENTS.c.kind, MARKS))
    .order_by(EVENTS.c.id)
)


def _end(connection: Connection, run: RunRecord) -> Notification:
    words = f"{run.name} {run.status.verb}"
    if run.started_at and run.completed_at:
        seconds = (run.completed_at - run.started_at) / clock.SECOND
        words += f" after {formatting.duration(seconds)}"
    if named := _culprits(connection, run):
        words += f": {', '.join(named)}"
    return Notification(str(run.status), run.id, run.name, words)


def _culprits(connection: Connection, run: RunRecord) -> Sequence[str]:
    """Return the stages that caused a run's end, each with the reason."""
    if run.status == Status.COMPLETED:
        return []
    found = connection.execute(
        select(STAGES.c.name, STAGES.c.reason)
        .where(STAGES.c.run_id == run.id, STAGES.c.status == run.status)
        .order_by(STAGES.c.position)
    ).all()
    named = [
        str(name) if reason in (None, run.status) else f"{name} ({reason})"
        for name, reason in found[:NAMED]
    ]
    return [*named, f"{len(found) - NAMED} more"] if len(found) > NAMED else named
