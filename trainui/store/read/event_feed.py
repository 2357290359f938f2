"""The event feed, the events that ring the bell, and what happened in a time.

Plain SQL on a read-only connection.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from trainui.model.records import AttemptRecord, Event, RunRecord, StageRecord
from trainui.model.states import (
    CAUSE,
    ENDED,
    METRIC_ALERTS,
    NOTIFIED_KINDS,
    RUN_ENDS,
    STALLED,
    UNFINISHED,
    Notification,
    Status,
)
from trainui.store.db.statements import Connection, batches, placeholders
from trainui.store.read import views
from trainui.store.read.time_worked import STAGE_COLUMNS

MOST_CULPRITS = 3
"""The most stages named in the notification of a run's end."""


def last(connection: Connection) -> int:
    """Return the number of the newest event; 0 if there are none."""
    row = connection.execute("SELECT max(id) FROM events").fetchone()
    return int(row[0] or 0)


def after(connection: Connection, event: int) -> tuple[int, list[Notification]]:
    """Return the number of the newest event, and the notices for the events after `event`."""
    notices = []
    newest = last(connection)  # first, so that an event that comes meanwhile is of the next call
    for number, kind, run_id, name, text, data in _of_kinds(
        connection, event, ("run", *NOTIFIED_KINDS)
    ):
        if number > newest:
            break
        if kind in NOTIFIED_KINDS:
            notices.append(Notification(kind, run_id, name, f"{name}: {text}"))
        elif (status := views.load(data)["status"]) in RUN_ENDS:
            notices.append(Notification(status, run_id, name, f"{name} {status}"))
    return newest, notices


def alerts_after(connection: Connection, event: int) -> list[tuple[int, Notification]]:
    """Return the alerts after an event, each with its number."""
    return [
        (number, Notification(kind, run_id, name, f"{name}: {text}"))
        for number, kind, run_id, name, text, _ in _of_kinds(connection, event, NOTIFIED_KINDS)
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


class DatedEvent(NamedTuple):
    """An event with its run, and its data for programs."""

    number: int
    """Later events have higher ones."""
    run_id: str
    run_name: str
    event: Event
    data: dict[str, Any]


def in_order(
    connection: Connection, *, after: int, most: int, run_id: str | None = None
) -> list[DatedEvent]:
    """Return the oldest `most` events with higher numbers than `after`, in order."""
    of_run, run = ("AND run_id = ?", (run_id,)) if run_id is not None else ("", ())
    found = connection.execute(
        "SELECT events.id, run_id, runs.name, time, stage, attempt, events.kind, text, data_json "
        f"FROM events JOIN runs ON runs.id = run_id WHERE events.id > ? {of_run} "
        "ORDER BY events.id LIMIT ?",
        (after, *run, most),
    )
    return [
        DatedEvent(row[0], row[1], row[2], Event(*row[3:8]), views.load(row[8]) or {})
        for row in found
    ]


def time_of(connection: Connection, number: int) -> int | None:
    """Return an event's time; None if there is no such event."""
    row = connection.execute("SELECT time FROM events WHERE id = ?", (number,)).fetchone()
    return None if row is None else int(row[0])


def last_until(connection: Connection, time: int) -> int:
    """Return the number of the newest event that is no later than a time; 0: there is none."""
    row = connection.execute("SELECT max(id) FROM events WHERE time <= ?", (time,)).fetchone()
    return int(row[0] or 0)


def first_of(connection: Connection, run_id: str) -> int:
    """Return the number of a run's first event; 0 if it has none."""
    row = connection.execute("SELECT min(id) FROM events WHERE run_id = ?", (run_id,)).fetchone()
    return int(row[0] or 0)


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
    return [(Event(*event), views.load(data) or {}) for *event, data in reversed(found)]


def data_of_kind(
    connection: Connection, kind: str, run_id: str | None = None
) -> list[tuple[str, int, dict[str, Any]]]:
    """Return the run, time and data of each event of a kind, in order, of one run or of all."""
    of_run, run = ("AND run_id = ?", (run_id,)) if run_id is not None else ("", ())
    found = connection.execute(
        f"SELECT run_id, time, data_json FROM events WHERE kind = ? {of_run} ORDER BY id",
        (kind, *run),
    )
    return [(row[0], row[1], views.load(row[2]) or {}) for row in found]


def data_of_pipeline(connection: Connection, kind: str, pipeline: str) -> Iterator[dict[str, Any]]:
    """Yield the data of the events of a kind in all runs of a pipeline, the newest first."""
    found = connection.execute(
        "SELECT data_json FROM events JOIN runs ON runs.id = run_id "
        "WHERE events.kind = ? AND pipeline = ? ORDER BY events.id DESC",
        (kind, pipeline),
    )
    yield from (views.load(text) for (text,) in found)


def of_kind_after(
    connection: Connection, kind: str, after: int
) -> list[tuple[int, str, dict[str, Any]]]:
    """Return the number, pipeline and data of each event of a kind behind another, in order."""
    found = connection.execute(
        "SELECT events.id, pipeline, data_json FROM events JOIN runs ON runs.id = run_id "
        "WHERE events.id > ? AND events.kind = ? ORDER BY events.id",
        (after, kind),
    )
    return [(row[0], row[1], views.load(row[2]) or {}) for row in found]


def causes(connection: Connection, run_id: str) -> dict[tuple[str, int], dict[str, Any]]:
    """Return why a run's attempts failed, by stage name and attempt; only of those known."""
    found = connection.execute(
        "SELECT stage, attempt, data_json FROM events WHERE run_id = ? AND kind = ? ORDER BY id",
        (run_id, CAUSE),
    )
    return {(row[0], row[1]): views.load(row[2]) or {} for row in found}


def cause(connection: Connection, run_id: str, stage: str, attempt: int) -> dict[str, Any] | None:
    """Return why one attempt failed; None if it did not, or nothing shows it."""
    row = connection.execute(
        "SELECT data_json FROM events WHERE run_id = ? AND stage = ? AND attempt = ? AND kind = ? "
        "ORDER BY id DESC LIMIT 1",
        (run_id, stage, attempt, CAUSE),
    ).fetchone()
    return None if row is None else views.load(row[0])


def cause_of_failure(
    connection: Connection, run_id: str, stage: str, failure: int
) -> dict[str, Any] | None:
    """Return why a stage failed with an event; None if nothing shows it.

    Its cause is recorded just before; one before the attempt's start is that of an earlier attempt.
    """
    row = connection.execute(
        "SELECT kind, data_json FROM events WHERE run_id = ? AND stage = ? AND id < ? "
        "AND kind IN (?, ?) ORDER BY id DESC LIMIT 1",
        (run_id, stage, failure, CAUSE, Status.RUNNING),
    ).fetchone()
    return None if row is None or row[0] != CAUSE else views.load(row[1])


def culprits(connection: Connection, run: RunRecord) -> Sequence[str]:
    """Return the stages that caused a run's end, each with the reason."""
    if run.status == Status.COMPLETED:
        return []
    query = (
        "SELECT name, attempt, reason FROM stages WHERE run_id = ? AND status = ? ORDER BY position"
    )
    found = connection.execute(query, (run.id, run.status)).fetchall()
    known = causes(connection, run.id)
    named = []
    for name, attempt, reason in found[:MOST_CULPRITS]:
        said = [str(reason)] if reason not in (None, run.status) else []
        said += [cause["text"]] if (cause := known.get((name, attempt))) else []
        named.append(f"{name} ({'; '.join(said)})" if said else str(name))
    return [*named, f"{len(found) - MOST_CULPRITS} more"] if len(found) > MOST_CULPRITS else named


def last_alerts(
    connection: Connection, run_id: str, kinds: Sequence[str] = METRIC_ALERTS
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


def silent_since(connection: Connection, run_id: str, stage: str) -> int | None:
    """Return the last sign of life of a stage before it stalled; None: it is not on record."""
    row = connection.execute(
        "SELECT data_json FROM events WHERE run_id = ? AND stage = ? AND kind = ? "
        "ORDER BY id DESC LIMIT 1",
        (run_id, stage, STALLED),
    ).fetchone()
    return None if row is None else (views.load(row[0]) or {}).get("since")


def last_of(connection: Connection, run_id: str) -> int:
    """Return the number of a run's newest event; 0 if it has none."""
    row = connection.execute("SELECT max(id) FROM events WHERE run_id = ?", (run_id,)).fetchone()
    return int(row[0] or 0)


# What happened in a time: runs that ended, attempts, and what waits or is in trouble now.
#
# Plain SQL on a read-only connection. Each query reads a table once, or the rows of a few runs.


class EndedRun(NamedTuple):
    """A run that has ended."""

    id: str
    name: str
    pipeline: str
    status: Status


def ended_runs(connection: Connection, since: int, until: int) -> list[EndedRun]:
    """Return the runs whose last end is in this time, in the order of their ends."""
    found = connection.execute(
        "SELECT id, name, pipeline, status FROM runs WHERE completed_at > ? AND completed_at <= ? "
        f"AND status IN ({placeholders(ENDED)}) ORDER BY completed_at, id",
        (since, until, *ENDED),
    )
    return [EndedRun(run, name, what, Status(end)) for run, name, what, end in found]


def is_any_since(connection: Connection, since: int, active_at: int) -> bool:
    """Return True if a run has ended since a time, or was active at another and still is."""
    found = connection.execute(
        f"SELECT 1 FROM runs WHERE (completed_at > ? AND status IN ({placeholders(ENDED)})) "
        f"OR (created_at <= ? AND status IN ({placeholders(UNFINISHED)})) LIMIT 1",
        (since, *ENDED, active_at, *UNFINISHED),
    )
    return found.fetchone() is not None


def states_of(connection: Connection, run_ids: Collection[str]) -> dict[str, dict[str, int]]:
    """Return how many stages of each run are in each state."""
    found: dict[str, dict[str, int]] = {}
    for part in batches(run_ids):
        for run_id, status, count in connection.execute(
            "SELECT run_id, status, count(*) FROM stages "
            f"WHERE run_id IN ({placeholders(part)}) AND NOT removed GROUP BY run_id, status",
            part,
        ):
            found.setdefault(run_id, {})[status] = count
    return found


class StageAttempt(NamedTuple):
    """An attempt with its stage."""

    stage: StageRecord
    attempt: AttemptRecord


def attempts_between(connection: Connection, since: int, until: int) -> list[StageAttempt]:
    """Return the attempts that had slots in this time, in the order in which they got them."""
    found = connection.execute(
        "SELECT * FROM attempts WHERE granted_at <= ? AND (completed_at IS NULL OR "
        "completed_at > ?) ORDER BY granted_at, id",
        (until, since),
    )
    attempts = list(views.records(found, views.attempt_record))
    stages = {one.id: one for one in _stages(connection, {one.stage_id for one in attempts})}
    return [StageAttempt(stages[one.stage_id], one) for one in attempts if one.stage_id in stages]


def _stages(connection: Connection, ids: Collection[str]) -> Iterator[StageRecord]:
    for part in batches(ids):
        found = connection.execute(
            f"SELECT {STAGE_COLUMNS} FROM stages WHERE id IN ({placeholders(part)})", part
        )
        yield from views.records(found, views.stage_record)


def last_continued(connection: Connection, stage_ids: Collection[str]) -> dict[str, int]:
    """Return by stage the number of its last attempt that continued from a checkpoint."""
    found: dict[str, int] = {}
    for part in batches(stage_ids):
        found |= connection.execute(
            "SELECT stage_id, max(number) FROM attempts WHERE checkpoint IS NOT NULL "
            f"AND stage_id IN ({placeholders(part)}) GROUP BY stage_id",
            part,
        ).fetchall()
    return found


def queued_at(connection: Connection, run_ids: Collection[str]) -> dict[tuple[str, str], list[int]]:
    """Return when each stage of some runs was queued, by run and stage, in order.

    A stage that could start at once was queued when its run was submitted.
    """
    found: dict[tuple[str, str], list[int]] = {}
    for part in batches(run_ids):
        for run_id, stage, time in connection.execute(
            "SELECT run_id, stage, time FROM events "
            f"WHERE run_id IN ({placeholders(part)}) AND kind = ? ORDER BY time",
            (*part, Status.QUEUED),
        ):
            found.setdefault((run_id, stage), []).append(time)
        for run_id, stage, time in connection.execute(
            "SELECT stages.run_id, stages.name, runs.created_at FROM stages "
            f"JOIN runs ON runs.id = stages.run_id WHERE stages.run_id IN ({placeholders(part)})",
            part,
        ):
            found.setdefault((run_id, stage), []).insert(0, time)
    return found


def in_state(connection: Connection, status: Status) -> list[StageRecord]:
    """Return the stages of all runs in a state, the oldest runs first."""
    ids = connection.execute(
        "SELECT stages.id FROM stages JOIN runs ON runs.id = run_id WHERE stages.status = ? "
        "ORDER BY runs.created_at, run_id, position",
        (status,),
    )
    order = [row[0] for row in ids]
    stages = {one.id: one for one in _stages(connection, order)}
    return [stages[one] for one in order]


def ended_badly(connection: Connection, since: int, until: int) -> list[StageRecord]:
    """Return the stages that failed or were interrupted in this time and are so now."""
    found = connection.execute(
        f"SELECT {STAGE_COLUMNS} FROM stages WHERE status IN (?, ?) "
        "AND completed_at > ? AND completed_at <= ? AND NOT removed ORDER BY completed_at, id",
        (Status.FAILED, Status.INTERRUPTED, since, until),
    )
    return list(views.records(found, views.stage_record))


class ComparedStage(NamedTuple):
    """A stage of a pipeline with a metric."""

    id: str
    run_id: str
    name: str
    status: Status
    completed_at: int | None


def with_metric(
    connection: Connection, pipeline: str, metric: str, most: int
) -> list[ComparedStage]:
    """Return the newest stages of a pipeline's runs that have a metric and run or ended well.

    Of a training that ended, and nobody knows how, the values count as well.
    """
    found = connection.execute(
        "SELECT stages.id, run_id, stages.name, stages.status, stages.completed_at FROM runs "
        "JOIN stages ON stages.run_id = runs.id JOIN series ON series.owner = stages.id "
        "WHERE runs.pipeline = ? AND series.name = ? AND stages.status IN (?, ?, ?) "
        "ORDER BY runs.created_at DESC, position LIMIT ?",
        (pipeline, metric, Status.COMPLETED, Status.RUNNING, Status.ENDED, most),
    )
    return [ComparedStage(row[0], row[1], row[2], Status(row[3]), row[4]) for row in found]
