"""The event feed, and the events that ring the terminal's bell.

Plain SQL on a read-only connection.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from trainui.model.notifications import CAUSE, ENDS, MARKED, MARKS, Notification
from trainui.model.records import Event, StageRecord
from trainui.store.db.protocol import Connection
from trainui.store.db.statements import placeholders
from trainui.store.read import row_mapping


def last(connection: Connection) -> int:
    """Return the number of the newest event; 0 if there are none."""
    row = connection.execute("SELECT max(id) FROM events").fetchone()
    return int(row[0] or 0)


def after(connection: Connection, event: int) -> tuple[int, list[Notification]]:
    """Return the number of the newest event, and the notices for the events after `event`."""
    notices = []
    newest = last(connection)  # first, so that an event that comes meanwhile is of the next call
    for number, kind, run_id, name, text, data in _of_kinds(connection, event, ("run", *MARKS)):
        if number > newest:
            break
        if kind in MARKS:
            notices.append(Notification(kind, run_id, name, f"{name}: {text}"))
        elif (status := row_mapping.load(data)["status"]) in ENDS:
            notices.append(Notification(status, run_id, name, f"{name} {status}"))
    return newest, notices


def alerts_after(connection: Connection, event: int) -> list[tuple[int, Notification]]:
    """Return the alerts after an event, each with its number."""
    return [
        (number, Notification(kind, run_id, name, f"{name}: {text}"))
        for number, kind, run_id, name, text, _ in _of_kinds(connection, event, MARKS)
    ]


def _of_kinds(connection: Connection, after: int, kinds: Iterable[str]) -> list[Any]:
    chosen = tuple(kinds)
    return connection.execute(
        "SELECT events.id, events.kind, events.run_id, runs.name, text, data_json FROM events "
        "JOIN runs ON runs.id = events.run_id WHERE events.id > ? "
        f"AND events.kind IN ({placeholders(chosen)}) ORDER BY events.id",
        (after, *chosen),
    ).fetchall()


class FeedEntry(NamedTuple):
    """An event with its run and stage."""

    number: int
    """Later events have higher ones."""
    run_id: str
    run_name: str
    event: Event


def entries(
    connection: Connection, *, run_id: str | None = None, after: int = 0, most: int | None = None
) -> list[FeedEntry]:
    """Return the newest `most` events with higher numbers than `after`, in order."""
    of_run, run = ("AND run_id = ?", (run_id,)) if run_id is not None else ("", ())
    found = connection.execute(
        "SELECT events.id, run_id, runs.name, time, stage, attempt, events.kind, text FROM events "
        f"JOIN runs ON runs.id = run_id WHERE events.id > ? {of_run} "
        "ORDER BY events.id DESC LIMIT ?",
        (after, *run, -1 if most is None else most),
    ).fetchall()
    return [FeedEntry(row[0], row[1], row[2], Event(*row[3:])) for row in reversed(found)]


def stage_alerts(
    connection: Connection, stage: StageRecord, kinds: Sequence[str], *, most: int
) -> list[tuple[Event, dict[str, Any]]]:
    """Return the newest events of these kinds of a stage, in order, each with its data."""
    found = connection.execute(
        "SELECT time, stage, attempt, kind, text, data_json FROM events "
        f"WHERE run_id = ? AND stage = ? AND kind IN ({placeholders(kinds)}) "
        "ORDER BY id DESC LIMIT ?",
        (stage.run_id, stage.name, *kinds, most),
    ).fetchall()
    return [(Event(*event), row_mapping.load(data) or {}) for *event, data in reversed(found)]


def data_of_kind(
    connection: Connection, kind: str, run_id: str | None = None
) -> list[tuple[str, int, dict[str, Any]]]:
    """Return the run, time and data of each event of a kind, in order, of one run or of all."""
    of_run, run = ("AND run_id = ?", (run_id,)) if run_id is not None else ("", ())
    found = connection.execute(
        f"SELECT run_id, time, data_json FROM events WHERE kind = ? {of_run} ORDER BY id",
        (kind, *run),
    )
    return [(row[0], row[1], row_mapping.load(row[2]) or {}) for row in found]


def causes(connection: Connection, run_id: str) -> dict[tuple[str, int], dict[str, Any]]:
    """Return why a run's attempts failed, by stage name and attempt; only of those known."""
    found = connection.execute(
        "SELECT stage, attempt, data_json FROM events WHERE run_id = ? AND kind = ? ORDER BY id",
        (run_id, CAUSE),
    )
    return {(row[0], row[1]): row_mapping.load(row[2]) or {} for row in found}


def cause(connection: Connection, run_id: str, stage: str, attempt: int) -> dict[str, Any] | None:
    """Return why one attempt failed; None if it did not, or nothing shows it."""
    row = connection.execute(
        "SELECT data_json FROM events WHERE run_id = ? AND stage = ? AND attempt = ? AND kind = ? "
        "ORDER BY id DESC LIMIT 1",
        (run_id, stage, attempt, CAUSE),
    ).fetchone()
    return None if row is None else row_mapping.load(row[0])


def marks(
    connection: Connection, run_id: str, kinds: Sequence[str] = MARKED
) -> dict[str, list[Event]]:
    """Return the alerts on the last attempt of each of a run's stages, by stage name."""
    found: dict[str, list[Event]] = {}
    for row in connection.execute(
        "SELECT time, stage, events.attempt, events.kind, text FROM events "
        "JOIN stages ON stages.run_id = events.run_id AND stages.name = stage "
        f"WHERE events.run_id = ? AND kind IN ({placeholders(kinds)}) "
        "AND events.attempt = stages.attempt ORDER BY events.id",
        (run_id, *kinds),
    ):
        found.setdefault(row[1], []).append(Event(*row))
    return found


def last_of(connection: Connection, run_id: str) -> int:
    """Return the number of a run's newest event; 0 if it has none."""
    row = connection.execute("SELECT max(id) FROM events WHERE run_id = ?", (run_id,)).fetchone()
    return int(row[0] or 0)
