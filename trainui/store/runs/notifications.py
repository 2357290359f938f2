"""Notifications: each is claimed once, whichever process claims it."""

from __future__ import annotations

from collections.abc import Sequence

from trainui import formatting
from trainui.model.records import RunRecord
from trainui.model.states import Notification, Status
from trainui.store.db.engine import Database
from trainui.store.db.statements import Connection
from trainui.store.read import event_feed, time_worked
from trainui.store.runs import runs

NOTIFIED = "notified_event"
"""The flag with the number of the last event processed for notifications."""

DIGESTED = "digested_until"
"""The flag with the time until which digests were sent."""

NAMED = 3
"""Maximum number of stages named in the notification of a run's end."""


class PendingNotifications:
    """Claims pending notifications; remembers the last event processed."""

    def __init__(self, store: Database) -> None:
        self._store = store
        self._seen_event = 0

    def claim(self) -> list[Notification]:
        """Return the pending notifications, and record them as sent.

        They are recorded first: if this process dies before it sends them, none is sent twice.
        """
        with self._store.read() as connection:
            last = event_feed.last(connection)
            alerts = event_feed.alerts_after(connection, self._seen_event)
            if not (alerts or runs.to_notify(connection)):
                self._seen_event = last
                return []
        with self._store.write() as connection:
            last_sent = int(runs.flag(connection, NOTIFIED) or 0)
            alerts = event_feed.alerts_after(connection, last_sent)
            ended = runs.to_notify(connection)
            runs.mark_notified(connection, [run.id for run in ended])
            if alerts:
                runs.set_flag(connection, NOTIFIED, str(alerts[-1][0]))
            claimed = [notice for _, notice in alerts] + [_end(connection, run) for run in ended]
        self._seen_event = last
        return claimed


def begin(store: Database) -> None:
    """Mark all events so far as notified, in a store without this mark."""
    with store.write() as connection:
        if runs.flag(connection, NOTIFIED) is None:
            runs.set_flag(connection, NOTIFIED, str(event_feed.last(connection)))


def digested_until(store: Database, now: int) -> int:
    """Return the time until which digests were sent; without one, they begin now."""
    with store.read() as connection:
        found = runs.flag(connection, DIGESTED)
    if found is None:
        with store.write() as connection:
            if (found := runs.flag(connection, DIGESTED)) is None:
                runs.set_flag(connection, DIGESTED, found := str(now))
    return int(found)


def claim_digest(store: Database, since: int, until: int) -> bool:
    """Record that the digest of a time is sent; return False if another process did so.

    It is recorded first: if this process dies before it sends the digest, none is sent twice.
    """
    with store.write() as connection:
        if runs.flag(connection, DIGESTED) != str(since):
            return False
        runs.set_flag(connection, DIGESTED, str(until))
    return True


def _end(connection: Connection, run: RunRecord) -> Notification:
    words = f"{run.name} {run.status.verb}"
    if run.started_at and run.completed_at:
        worked = time_worked.of_run(connection, run.id).until(run.completed_at)
        words += f" after {formatting.took(worked, run.started_at, run.completed_at)}"
    if named := _culprits(connection, run):
        words += f": {', '.join(named)}"
    return Notification(str(run.status), run.id, run.name, words)


def _culprits(connection: Connection, run: RunRecord) -> Sequence[str]:
    """Return the stages that caused a run's end, each with the reason."""
    if run.status == Status.COMPLETED:
        return []
    query = (
        "SELECT name, attempt, reason FROM stages WHERE run_id = ? AND status = ? ORDER BY position"
    )
    found = connection.execute(query, (run.id, run.status)).fetchall()
    causes = event_feed.causes(connection, run.id)
    named = []
    for name, attempt, reason in found[:NAMED]:
        said = [str(reason)] if reason not in (None, run.status) else []
        said += [cause["text"]] if (cause := causes.get((name, attempt))) else []
        named.append(f"{name} ({'; '.join(said)})" if said else str(name))
    return [*named, f"{len(found) - NAMED} more"] if len(found) > NAMED else named
