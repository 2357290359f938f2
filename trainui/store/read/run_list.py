"""The screen's list of runs: read as a whole once, then only for runs with new events.

Plain SQL on a read-only driver connection, without JSON and without records: ten thousand runs are
read in a moment. Also the stages with alerts on their last attempt, for lists of runs and members.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from trainui.model.states import ALERT, DIVERGED, DONE, METRIC_ALERTS, NAN, Status
from trainui.store.db.statements import IS_EXTERNAL, Connection, batches, placeholders
from trainui.store.read import time_worked
from trainui.store.read.time_worked import TimeWorked, if_known

if TYPE_CHECKING:
    from trainui.model.records import Loss, Lost


_WORST_FIRST = (NAN, DIVERGED, ALERT)


def alerted_stages(
    connection: Connection, run_ids: Sequence[str] = ()
) -> dict[str, dict[str, str]]:
    """Return the stages with alerts on their last attempt, by run, each with the worst kind of one.

    It is `NAN`, `DIVERGED` or `ALERT`. Without `run_ids`, of all runs.
    """
    found: dict[str, dict[str, str]] = {}
    of_runs = f"AND events.run_id IN ({placeholders(run_ids)})" if run_ids else ""
    for run_id, stage, kind, data in connection.execute(
        "SELECT events.run_id, stage, kind, data_json FROM events CROSS JOIN stages "
        "WHERE stages.run_id = events.run_id AND name = stage AND events.attempt = stages.attempt "
        f"AND kind IN ({placeholders(METRIC_ALERTS)}) {of_runs}",
        (*METRIC_ALERTS, *run_ids),
    ):
        condition = json.loads(data or "{}").get("condition")
        kind = condition if condition in (NAN, DIVERGED) else NAN if kind == NAN else ALERT
        stages = found.setdefault(run_id, {})
        stages[stage] = min(stages.get(stage, ALERT), kind, key=_WORST_FIRST.index)
    return found


def shared_names(connection: Connection, names: Collection[str]) -> frozenset[str]:
    """Return those of some names that several runs have."""
    return frozenset(
        row[0]
        for part in batches(names)
        for row in connection.execute(
            f"SELECT name FROM runs WHERE name IN ({placeholders(part)}) "
            "GROUP BY name HAVING COUNT(*) > 1",
            (*part,),
        )
    )


def nan_steps(connection: Connection, stage_ids: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return the steps of the first NaN or infinite values, by stage id and metric.

    They are those of all stages of the given stages' runs, of each stage the last attempt's. A
    metric without steps is left out.
    """
    found: dict[str, dict[str, float]] = {}
    for part in batches(stage_ids):
        for stage_id, kind, text in connection.execute(
            "SELECT stages.id, kind, data_json FROM events CROSS JOIN stages "
            "WHERE stages.run_id = events.run_id AND name = stage "
            f"AND events.attempt = stages.attempt AND kind IN ({placeholders(METRIC_ALERTS)}) "
            f"AND events.run_id IN (SELECT run_id FROM stages WHERE id IN ({placeholders(part)})) "
            "ORDER BY events.id",
            (*METRIC_ALERTS, *part),
        ):
            data = json.loads(text or "{}")
            if NAN in (kind, data.get("condition")) and data.get("step") is not None:
                found.setdefault(stage_id, {}).setdefault(data.get("metric", ""), data["step"])
    return found


def stages_with_nan(connection: Connection, run_ids: Sequence[str]) -> dict[str, frozenset[str]]:
    """Return the names of the stages with a NaN in any metric of their last attempt, by run.

    Those with a loss that diverged are among them.
    """
    return {
        run_id: frozenset(stage for stage, kind in stages.items() if kind != ALERT)
        for part in batches(run_ids)
        for run_id, stages in alerted_stages(connection, part).items()
    }


class RunTrouble(NamedTuple):
    """How many stages of a run are in trouble, by what is wrong; of alerts, the last attempt's."""

    failed: int = 0
    stalled: int = 0
    silent: int = 0
    """Running stages that are silent for over half of the time after which they are stalled."""
    nan: int = 0
    """Stages with a NaN in a metric."""
    diverged: int = 0
    """Stages with a loss that is infinite or explodes, and without a NaN."""
    alert: int = 0
    """Stages with another alert."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """The names of the counts that are not 0."""
        return tuple(kind for kind, count in zip(self._fields, self, strict=True) if count)


NO_TROUBLE = RunTrouble()


class RunLine(NamedTuple):
    """A run as one line of the list."""

    id: str
    name: str
    pipeline: str
    status: Status
    priority: int
    created_at: int
    started_at: int | None
    completed_at: int | None
    done: int
    """Number of stages whose work is done: completed or pruned."""
    total: int
    """Number of stages, without those that an edit of the file removed before they started."""
    current: tuple[str, ...] = ()
    """The names of the running stages, in the file's order."""
    failed: tuple[str, ...] = ()
    """The names of the stages that ended without completing, except blocked ones."""
    trouble: RunTrouble = NO_TROUBLE
    params_json: str = "{}"
    """Its parameters as stored, with secrets masked; parsed only when needed."""
    sweeps_json: str = ""
    """The values of its sweeps (`sweeps.sweeps_of_run`), which are read later; empty: none."""
    note: str = ""
    """The newest note on it."""
    verdict: str = ""
    """The last verdict on it: `keep`, `discard` or none."""
    is_external: bool = False
    """True if trainui did not start it."""
    started_by: str = ""
    """The kind of agent that submitted it; empty: a person."""
    worked: TimeWorked = TimeWorked()
    lost: Loss | None = None
    """Of a running run whose running stages are all lost."""
    box: str = ""
    """The machine that it is on, reached by ssh; its id is `BOX:RUN` then. Empty: it is here."""
    seen_at: int | None = None
    """When its box last answered, in microseconds, if it does not now; else None."""

    def worked_until(self, now: int) -> int | None:
        """Return the microseconds in which an attempt ran; None if no start is known.

        For a run of a box that does not answer they are those until it was last seen.
        """
        if self.started_at is None:
            return None
        known_at = now if self.seen_at is None else self.seen_at
        worked = self.worked.until(known_at if self.lost is None else self.lost.at)
        ticks = self.worked.ticks and self.lost is None
        return if_known(worked, external=self.is_external, ticks=ticks)


def with_lost(lines: Sequence[RunLine], lost: Lost) -> list[RunLine]:
    """Return lines with the lost runs marked: nobody knows how long their stages are silent."""

    def marked(line: RunLine) -> RunLine:
        loss = lost.runs.get(line.id)
        known = line.trouble if loss is None else line.trouble._replace(silent=0)
        return line._replace(lost=loss, trouble=known)

    return [marked(line) for line in lines] if lost.runs else [*lines]


_COLUMNS = (
    "id, name, pipeline, status, priority, created_at, started_at, completed_at, params_json, "
    "note, verdict, started_by, " + IS_EXTERNAL
)


def run_lines(connection: Connection, *, limit: int | None = None) -> list[RunLine]:
    """Return the runs, newest first."""
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM runs ORDER BY created_at DESC, id LIMIT ?",
        (-1 if limit is None else limit,),
    ).fetchall()
    if limit is not None:
        return _with_stages(connection, found)
    return _lines(connection, found, "", ())


def lines_of(connection: Connection, run_ids: Iterable[str]) -> dict[str, RunLine]:
    """Return the lines of these runs; deleted runs are left out."""
    found: list[Any] = []
    for part in batches(run_ids):
        found += connection.execute(
            f"SELECT {_COLUMNS} FROM runs WHERE id IN ({placeholders(part)})", part
        )
    return {line.id: line for line in _with_stages(connection, found)}


def unfinished(connection: Connection) -> list[RunLine]:
    """Return the unfinished runs, newest first."""
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM runs WHERE status IN (?, ?) ORDER BY created_at DESC, id",
        (Status.RUNNING, Status.QUEUED),
    ).fetchall()
    return _with_stages(connection, found)


def count_runs(connection: Connection) -> int:
    """Return the number of runs."""
    return int(connection.execute("SELECT count(*) FROM runs").fetchone()[0])


def silent_stages(connection: Connection) -> dict[str, int]:
    """Return how many running stages are silent and not yet stalled, by run.

    That changes without an event.
    """
    return _marked(connection, _SILENT, Status.RUNNING)


def changed_since(connection: Connection, event: int) -> set[str]:
    """Return the ids of the runs with events after this one."""
    found = connection.execute("SELECT DISTINCT run_id FROM events WHERE id > ?", (event,))
    return {str(run_id) for (run_id,) in found}


def _with_stages(connection: Connection, found: Sequence[Any]) -> list[RunLine]:
    lines: list[RunLine] = []
    for part in batches(found):
        ids = [row[0] for row in part]
        lines += _lines(connection, part, f"AND stages.run_id IN ({placeholders(ids)})", ids)
    return lines


class _Counts(NamedTuple):
    """A run's stages by state."""

    done: int = 0
    total: int = 0
    failed: int = 0
    stalled: int = 0
    silent: int = 0


_SILENT = "stalls_after IS NOT NULL AND NOT stalled"


def _marked(
    connection: Connection,
    flag: str,
    status: Status,
    where: str = "",
    ids: Sequence[str] = (),
) -> dict[str, int]:
    """Return by run how many stages in a state have a flag."""
    found = connection.execute(
        f"SELECT run_id, count(*) FROM stages WHERE status = ? AND {flag} {where} GROUP BY run_id",
        (status, *ids),
    )
    return dict(found.fetchall())


def _counted(connection: Connection, where: str, ids: Sequence[str]) -> dict[str, _Counts]:
    # an index has what this reads; the stalled flag it has not, so that is read of few stages
    states: dict[str, dict[str, int]] = {}
    for run_id, status, count in connection.execute(
        f"SELECT run_id, status, count(*) FROM stages WHERE true {where} GROUP BY run_id, status",
        ids,
    ):
        states.setdefault(run_id, {})[status] = count

    stalled = _marked(connection, "stalled", Status.RUNNING, where, ids)
    silent = _marked(connection, _SILENT, Status.RUNNING, where, ids)
    left_out = _marked(connection, "removed", Status.SKIPPED, where, ids)
    return {
        run_id: _Counts(
            sum(counts.get(status, 0) for status in DONE),
            sum(counts.values()) - left_out.get(run_id, 0),
            counts.get(Status.FAILED, 0),
            stalled.get(run_id, 0),
            silent.get(run_id, 0),
        )
        for run_id, counts in states.items()
    }


_NAMED = (Status.RUNNING, Status.FAILED, Status.INTERRUPTED, Status.CANCELLED)


def _named(
    connection: Connection, where: str, ids: Sequence[str]
) -> dict[tuple[str, bool], tuple[str, ...]]:
    """Return the names of running and of unsuccessful stages, by run and whether they run."""
    names: dict[tuple[str, bool], tuple[str, ...]] = {}
    for run_id, status, name in connection.execute(
        f"SELECT run_id, status, name FROM stages WHERE status IN ({placeholders(_NAMED)}) {where} "
        "ORDER BY position",
        (*_NAMED, *ids),
    ):
        key = (run_id, status == Status.RUNNING)
        names[key] = (*names.get(key, ()), name)
    return names


def _lines(
    connection: Connection, found: Iterable[Any], where: str, ids: Sequence[str]
) -> list[RunLine]:
    counts = _counted(connection, where, ids)
    names = _named(connection, where, ids)
    alerted = alerted_stages(connection, ids)
    worked = time_worked.of_runs(connection, ids) if ids else time_worked.of_all_runs(connection)
    lines = []
    for row in found:
        count, alerts = counts.get(row[0], _Counts()), [*alerted.get(row[0], {}).values()]
        lines.append(
            RunLine(
                id=row[0],
                name=row[1],
                pipeline=row[2],
                status=Status(row[3]),
                priority=row[4],
                created_at=row[5],
                started_at=row[6],
                completed_at=row[7],
                done=count.done,
                total=count.total,
                current=names.get((row[0], True), ()),
                failed=names.get((row[0], False), ()),
                trouble=RunTrouble(
                    count.failed,
                    count.stalled,
                    count.silent,
                    *map(alerts.count, _WORST_FIRST),
                ),
                params_json=row[8],
                note=row[9] or "",
                verdict=row[10] or "",
                started_by=row[11] or "",
                is_external=bool(row[12]),
                worked=worked.get(row[0], TimeWorked()),
            )
        )
    return lines


_IN_TROUBLE = (Status.FAILED, Status.INTERRUPTED)


class RunDetails(NamedTuple):
    """What the list shows of a run where it has room for a second line."""

    stage: str = ""
    """Its first stage that failed or was interrupted, or stalls, or is queued; empty: none."""
    status: Status = Status.COMPLETED
    """That stage's state."""
    reason: str = ""
    """The reason for that state."""
    stalls: bool = False
    nan: str = ""
    """Of its first NaN, where and since when; empty: the last attempts have none."""


def details_of(connection: Connection, run_ids: Collection[str]) -> dict[str, RunDetails]:
    """Return the details by run id; runs without any are left out."""
    found: dict[str, RunDetails] = {}
    for part in batches(run_ids):
        for states, stalled in (((Status.QUEUED,), False), _STALLS, (_IN_TROUBLE, False)):
            for run_id, stage, status, why in _first_stages(connection, part, states, stalled):
                found[run_id] = RunDetails(stage, Status(status), why or "", stalled)
        for run_id, text in _first_nan(connection, part):
            found[run_id] = found.get(run_id, RunDetails())._replace(nan=text)
    return found


_STALLS = ((Status.RUNNING,), True)


def _first_nan(connection: Connection, run_ids: Collection[str]) -> list[tuple[str, str]]:
    """Return by run what was recorded of the first NaN of the stages' last attempts."""
    return connection.execute(
        "SELECT run_id, text FROM events WHERE id IN ("
        "SELECT MIN(events.id) FROM events CROSS JOIN stages "
        "WHERE stages.run_id = events.run_id AND name = stage "
        "AND events.attempt = stages.attempt AND kind = ? "
        f"AND events.run_id IN ({placeholders(run_ids)}) GROUP BY events.run_id)",
        (NAN, *run_ids),
    ).fetchall()


def _first_stages(
    connection: Connection, run_ids: Collection[str], states: Collection[Status], stalled: bool
) -> list[tuple[str, str, str, str | None]]:
    """Return by run the first stage, in the file's order, in these states, or that stalls."""
    return connection.execute(
        "SELECT stages.run_id, name, status, reason FROM stages JOIN ("
        "SELECT run_id, MIN(position) AS place FROM stages"
        f" WHERE run_id IN ({placeholders(run_ids)}) AND status IN ({placeholders(states)})"
        " AND (stalled OR NOT ?) GROUP BY run_id) AS first"
        " ON first.run_id = stages.run_id AND first.place = position",
        (*run_ids, *states, stalled),
    ).fetchall()
