"""What has changed since a cursor, and the wait for it: ends, failures, stalls and new bests.

A cursor is a place in the event table, which nobody has to keep: after a restart of the reader, the
worker or the machine, the same cursor gives the same events, each once.
"""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from dataclasses import field
from functools import cache
from typing import Any

from trainui import clock, paths
from trainui.errors import NotFoundError, UsageError
from trainui.metrics.reader.watch import FileChanges, Watch
from trainui.model.states import BEST, ENDED, STALLED, Status
from trainui.record import dataclass
from trainui.store.db import engine, home_identity, sqlite_file
from trainui.store.db.statements import Connection
from trainui.store.read import event_feed, views
from trainui.store.read.event_feed import DatedEvent

MOST_AT_ONCE = 2000
"""Events that are read at once; what follows them is read next."""

PAUSE = 1.0
"""Seconds in which changes of the database are taken as one: each costs a look."""

LOOKS_EVERY = 5.0
"""Seconds between looks where the database's directory is watched, in case a report is missed."""

POLLS_EVERY = 1.0
"""Seconds between looks where it cannot be watched: a network's disk, a database on a server."""

FAILED, ENDED_RUN, TIMEOUT = "failed", "ended", "timeout"

ORDER = (FAILED, STALLED, BEST, ENDED_RUN)
"""What a wait returns for, the most urgent first."""

_FAILURES = (str(Status.FAILED), str(Status.INTERRUPTED))

NOBODY = "none"
"""The home's part of a cursor from before there was a home."""


@dataclass(frozen=True, slots=True)
class NewsItem:
    """A change that a wait returns for."""

    cursor: str
    """The place behind it."""
    time: int
    run: str
    name: str
    stage: str | None
    kind: str
    """One of `ORDER`."""
    status: str | None
    text: str
    data: dict[str, Any] | None = None
    """Why it failed, as `show` has it; or the new best. None: nothing is known."""


@dataclass(frozen=True, slots=True)
class News:
    """What changed since a cursor."""

    changes: tuple[NewsItem, ...] = ()
    others: dict[str, int] = field(default_factory=dict)
    """The number of other events by kind, e.g. `started`."""
    cursor: str = ""
    """Where to continue."""
    reason: str = TIMEOUT
    """What came: one of `ORDER`, or `timeout`."""


class DatabaseChanges:
    """Wakes those who wait when the database is written; costs nothing while nobody does."""

    def __init__(self) -> None:
        self._home = paths.home().root
        self._changed = threading.Condition()
        self._count = 0
        self._lock = threading.Lock()
        self._watch: Watch | None = None

    def count(self) -> int:
        """Return how many changes were reported so far."""
        return self._count

    def wait(self, since: int, seconds: float) -> None:
        """Wait until more changes than `since` were reported, at most so long."""
        with self._changed:
            pause = LOOKS_EVERY if self._sees() else POLLS_EVERY
            self._changed.wait_for(lambda: self._count != since, min(seconds, pause))

    def wake(self) -> None:
        """Wake all who wait."""
        with self._changed:
            self._count += 1
            self._changed.notify_all()

    def close(self) -> None:
        """Stop watching."""
        with self._lock:
            if self._watch is not None:
                self._watch.close()
            self._watch = None

    def _sees(self) -> bool:
        if sqlite_file.store_file() is None:
            return False
        with self._lock:
            if self._watch is None:
                self._watch = Watch(self._report, pause=PAUSE)
            self._watch.watch({self._home})
            return self._watch.sees(self._home) and not self._watch.is_blind

    def _report(self, _changes: FileChanges) -> None:
        self.wake()


@cache
def shared() -> DatabaseChanges:
    """Return what wakes all waits of this process."""
    return DatabaseChanges()


def as_data(news: News) -> dict[str, Any]:
    """Return news as plain data."""
    return {
        "reason": news.reason,
        "changes": [
            {
                "at": clock.to_iso(one.time),
                "run": one.run,
                "name": one.name,
                "stage": one.stage,
                "kind": one.kind,
                "status": one.status,
                "text": one.text,
                "cause" if one.kind == FAILED else "best": one.data,
                "cursor": one.cursor,
            }
            for one in news.changes
        ],
        "others": news.others,
        "cursor": news.cursor,
    }


def now() -> str:
    """Return the cursor behind the newest event."""
    if engine.is_none_yet():
        return f"{NOBODY}.0.0"
    with engine.reading() as connection:
        return _cursor(connection, event_feed.last(connection))


def before(run_id: str) -> str:
    """Return the cursor before a run's first event."""
    with engine.reading() as connection:
        return _cursor(connection, max(event_feed.first_of(connection, run_id) - 1, 0))


def wait(
    cursor: str | None,
    run_id: str | None,
    seconds: float,
    changes: DatabaseChanges,
    *,
    most: int,
    stopped: threading.Event | None = None,
) -> News:
    """Wait until something has changed since a cursor that is worth acting on.

    Without a cursor, since now. It returns at once if the run has ended already, and within
    `LOOKS_EVERY` once `stopped` is set.

    Raises:
        UsageError: it is no cursor, or that of another home.
        NotFoundError: the run does not exist, or was deleted meanwhile.
    """
    until = time.monotonic() + seconds
    cursor = now() if cursor is None else cursor
    _parse(cursor)

    def is_over() -> bool:
        return time.monotonic() >= until or (stopped is not None and stopped.is_set())

    while engine.is_none_yet():
        if run_id is not None:
            raise NotFoundError(f"no run {run_id!r}; there are no runs yet")
        if is_over():
            return News(cursor=cursor)
        changes.wait(changes.count(), until - time.monotonic())
    with engine.reading() as connection:
        database, version, found = sqlite_file.Unreplaced(), None, News(cursor=cursor)
        counts: Counter[str] = Counter()
        while True:
            seen = changes.count()
            if (newer := engine.data_version(connection)) != version:
                version = newer
                found, has_ended = _look(connection, found.cursor, run_id, most)
                counts.update(found.others)
                if found.changes or has_ended:
                    kinds = {one.kind for one in found.changes} or {ENDED_RUN}
                    reason = next(kind for kind in ORDER if kind in kinds)
                    return News(found.changes, dict(counts), found.cursor, reason)
            if is_over():
                return News((), dict(counts), found.cursor, TIMEOUT)
            changes.wait(seen, until - time.monotonic())
            database.check()


def _look(connection: Connection, cursor: str, run_id: str | None, most: int) -> tuple[News, bool]:
    """Return what has changed, and True if the run has ended."""
    with engine.read_transaction(connection):
        run = None if run_id is None else views.run(connection, run_id)
        if run_id is not None and run is None:
            raise NotFoundError(f"the run {run_id} was deleted; `trainui ls` lists the runs")
        found = _read(connection, _place(connection, cursor), run_id, most)
        return found, run is not None and run.status in ENDED


def _read(connection: Connection, after: int, run_id: str | None, most: int) -> News:
    changes: list[NewsItem] = []
    others: Counter[str] = Counter()
    # of one run too, all events count: the cursor is behind those of others
    newest = event_feed.last(connection)
    while len(changes) < most:
        events = event_feed.in_order(connection, after=after, most=MOST_AT_ONCE, run_id=run_id)
        for one in events:
            after = one.number
            kind = _kind(one)
            if kind is None:
                others[one.event.kind] += 1
                continue
            changes.append(_change(connection, one, kind))
            if len(changes) == most:
                break
        else:
            if len(events) < MOST_AT_ONCE:
                after = max(after, newest)
                break
    return News(tuple(changes), dict(others), _cursor(connection, after))


def _kind(one: DatedEvent) -> str | None:
    """Return what a wait returns for; None: for nothing."""
    kind = one.event.kind
    if kind == "run":
        return ENDED_RUN if one.data.get("status") in ENDED else None
    if kind in _FAILURES and one.event.stage is not None:
        return FAILED
    return kind if kind in (STALLED, BEST) else None


def _change(connection: Connection, one: DatedEvent, kind: str) -> NewsItem:
    event, data, status = one.event, None, None
    if kind == FAILED:
        status = event.kind
        data = event_feed.cause_of_failure(connection, one.run_id, event.stage or "", one.number)
    elif kind == BEST:
        data = one.data
    elif kind == ENDED_RUN:
        status = str(one.data["status"])
    return NewsItem(
        _cursor(connection, one.number),
        event.time,
        one.run_id,
        one.run_name,
        event.stage,
        kind,
        status,
        event.text,
        data,
    )


_CURSOR = re.compile(r"([0-9a-z]{1,12})\.([0-9]{1,18})\.([0-9]{1,18})")


def _home() -> str:
    return home_identity.id_of(paths.home()).replace("-", "")[:8].lower() or NOBODY


def _cursor(connection: Connection, number: int) -> str:
    moment = event_feed.time_of(connection, number)
    return f"{_home()}.{number}.{clock.now() if moment is None else moment}"


def _parse(cursor: str) -> tuple[int, int]:
    """Return the number and the time of a cursor's event; raise UsageError for another home's."""
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise UsageError(
            f"{cursor[:40]!r} is no cursor; pass one that an answer had, or none to start now"
        )
    home, number, moment = match.groups()
    if home not in (NOBODY, _home()):
        raise UsageError(
            f"the cursor {cursor} is of another home than {paths.home().root}; pass none to start "
            "now"
        )
    return int(number), int(moment)


def _place(connection: Connection, cursor: str) -> int:
    """Return the number of the event behind which to continue.

    A power failure or a restored backup may have taken the newest events back, whose numbers are
    then used again: the event's time shows it.
    """
    number, moment = _parse(cursor)
    found = event_feed.time_of(connection, number)
    if number == 0 or found == moment:
        return number
    if found is None and number <= event_feed.last(connection):
        return number  # its run was deleted
    return event_feed.last_until(connection, moment)
