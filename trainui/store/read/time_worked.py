"""Time worked: how long the attempts of a run ran, without the pauses in which none did.

Everything that says how long a run or a stage took means this. A run's is the union of its
attempts' intervals, with the short gaps in which the next attempt is started. A stage's is their
sum (`StageRecord.worked_until`), since they never overlap, and so a clock that was set back between
two of them cannot make it shorter.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from trainui.clock import SECOND
from trainui.model.states import Status
from trainui.store.db import statements
from trainui.store.db.statements import batches, placeholders

LONGEST_GAP = 20 * SECOND
"""Microseconds between two attempts of a run that count: mostly a worker needs them to start the
next, and in many short stages they are most of the time. A longer gap is a pause."""

LEAST_OF_EXTERNAL = SECOND // 10
"""Of an external training that ended, the time from which it is known: files say when they were
last written, and not when the first one was begun."""


class TimeWorked(NamedTuple):
    """The time worked by a run, with an interval that may not have ended yet."""

    ended: int = 0
    """Microseconds of the intervals that have ended."""
    since: int | None = None
    """Start of the interval in which an attempt is running; None: none is."""
    gap_since: int | None = None
    """End of the last attempt of a run that continues, while none is running."""

    @property
    def ticks(self) -> bool:
        """True while the time grows."""
        return self.since is not None or self.gap_since is not None

    def until(self, now: int) -> int:
        """Return the microseconds worked until now."""
        if self.gap_since is not None:
            gap = max(now - self.gap_since, 0)
            return self.ended + (gap if gap <= LONGEST_GAP else 0)
        return self.ended + (0 if self.since is None else max(now - self.since, 0))


def if_known(worked: int | None, *, external: bool, ticks: bool) -> int | None:
    """Return microseconds worked; None of an external training whose start is not known."""
    is_known = not external or ticks or (worked or 0) >= LEAST_OF_EXTERNAL
    return worked if is_known else None


def union(intervals: Iterable[tuple[int, int | None]], *, continues: bool = False) -> TimeWorked:
    """Return the time covered by intervals; an end of None is that of a running attempt.

    An interval that ends before it starts, since the clock was set back meanwhile, has no length.
    """
    ended, since = 0, None
    covered: int | None = None
    for start, end in sorted(intervals, key=lambda one: one[0]):
        begun = start if covered is None or start - covered > LONGEST_GAP else covered
        if end is None:
            since = begun
            break  # it covers all that follows
        if covered is None or end > covered:
            ended += max(end - begun, 0)
            covered = end
    return TimeWorked(ended, since, covered if continues and since is None else None)


# ---

_HAS_EARLIER = (
    "(stages.attempt > 1 OR stages.attempt = 1 AND stages.status IN ('pending', 'queued'))"
)
"""The condition that a stage has attempts whose times are not in its own row: that has those of its
last attempt, until a resume clears them."""

STAGE_COLUMNS = f"""stages.*, CASE WHEN {_HAS_EARLIER} THEN (
    SELECT SUM(CASE WHEN tries.completed_at > tries.started_at
        THEN tries.completed_at - tries.started_at ELSE 0 END) FROM attempts AS tries
    WHERE tries.stage_id = stages.id
        AND (tries.number < stages.attempt OR stages.completed_at IS NULL)
) ELSE 0 END AS earlier, CASE WHEN stages.attempt > 1 THEN (
    SELECT MIN(tries.started_at) FROM attempts AS tries WHERE tries.stage_id = stages.id
) ELSE stages.started_at END AS began_at"""
"""The columns of a stage's row, with those of `StageRecord` that are computed from its attempts."""

_INTERVALS = """
SELECT run_id, tries.started_at, tries.completed_at FROM stages
JOIN attempts AS tries ON tries.stage_id = stages.id WHERE tries.started_at IS NOT NULL
"""

_ALL = f"""
SELECT run_id, SUM(CASE WHEN ended > begun THEN ended - begun ELSE 0 END) FROM (
    SELECT run_id, ended,
        CASE WHEN start - covered <= {LONGEST_GAP} THEN covered ELSE start END AS begun
    FROM (
        SELECT run_id, start, ended, MAX(ended) OVER (
            PARTITION BY run_id ORDER BY start ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS covered
        FROM (SELECT run_id, started_at AS start, completed_at AS ended FROM ({_INTERVALS}) AS every
            WHERE completed_at IS NOT NULL) AS those_ended
    ) AS with_covered
) AS pieces GROUP BY run_id
"""
"""`union` for all runs at once, as far as attempts have ended: in Python, 10,000 runs take twice as
long, and keep the screen's other threads from running."""


def of_all_runs(connection: statements.Connection) -> dict[str, TimeWorked]:
    """Return the time worked of each run that has started, by id."""
    found = {run_id: TimeWorked(int(micros)) for run_id, micros in connection.execute(_ALL)}
    running = connection.execute("SELECT id FROM runs WHERE status = ?", (Status.RUNNING,))
    return found | of_runs(connection, [run_id for (run_id,) in running])


def of_runs(connection: statements.Connection, run_ids: Iterable[str]) -> dict[str, TimeWorked]:
    """Return the time worked of those of these runs that have started, by id."""
    intervals: dict[str, list[tuple[int, int | None]]] = {}
    running = set[str]()
    for part in batches(run_ids):
        marks = placeholders(part)
        for run_id, start, end in connection.execute(f"{_INTERVALS} AND run_id IN ({marks})", part):
            intervals.setdefault(run_id, []).append((start, end))
        query = f"SELECT id FROM runs WHERE status = ? AND id IN ({marks})"
        running |= {run_id for (run_id,) in connection.execute(query, (Status.RUNNING, *part))}
    return {
        run_id: union(found, continues=run_id in running) for run_id, found in intervals.items()
    }


def of_retried(
    connection: statements.Connection, run_id: str
) -> dict[str, list[tuple[int, int | None]]]:
    """Return the intervals of all attempts of a run's stages with several, by stage name."""
    found: dict[str, list[tuple[int, int | None]]] = {}
    for name, start, end in connection.execute(
        "SELECT stages.name, tries.started_at, tries.completed_at FROM stages"
        " JOIN attempts AS tries ON tries.stage_id = stages.id"
        f" WHERE run_id = ? AND tries.started_at IS NOT NULL AND {_HAS_EARLIER}"
        " ORDER BY tries.number",
        (run_id,),
    ):
        found.setdefault(name, []).append((start, end))
    return found


def of_run(connection: statements.Connection, run_id: str) -> TimeWorked:
    """Return the time worked of a run."""
    return of_runs(connection, [run_id]).get(run_id, TimeWorked())
