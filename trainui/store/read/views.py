"""Records of rows, and the screen's and the command line's queries, on a read-only connection.

The only place that knows how columns map to fields. Also the slots in use, and attempts of other
stages that ran at the same time. Needed for the first frame, so it imports the database driver and
nothing heavier.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from trainui import clock, formatting
from trainui.errors import AmbiguousError, NotFoundError
from trainui.model.records import (
    LOCAL,
    NOT_STARTED_BY_US,
    OWN,
    AttemptRecord,
    Event,
    PruningReason,
    RunRecord,
    Slot,
    StageRecord,
)
from trainui.model.states import ENDED, Status
from trainui.store.db import statements
from trainui.store.db.statements import IS_EXTERNAL, Connection, placeholders
from trainui.store.read.time_worked import STAGE_COLUMNS
from trainui.text import harmless

if TYPE_CHECKING:
    from trainui.model.definition import StageDefinition

StoredRow = Mapping[str, Any]
"""The values of a table's row, by column."""

Record = TypeVar("Record")

RESULTS = frozenset(
    {".bin", ".ckpt", ".csv", ".distcp", ".h5", ".json", ".jsonl", ".npz", ".pkl", ".pt", ".pth"}
    | {".safetensors", ".tsv"}
)
"""Suffixes of files with metrics or weights."""

MOST_OTHERS = 200
"""Attempts of other stages whose written files are compared: some 10 ms."""

MOST_SHARED = 3
"""Files written by both that are named."""

KEPT_RUNS, KEPT_DAYS = 10, 30
"""What `trainui prune` keeps without options: the newest runs of each pipeline, and all that ended
within so many days."""

PREFIX_LENGTH = 4
"""Minimum length of a prefix that identifies a run."""

_MOST_NAMES = 12
"""Number of stages that an error lists."""

SLACK = clock.SECOND
"""Microseconds by which file times may be wrong."""


def records(cursor: statements.Cursor, make: Callable[[StoredRow], Record]) -> Iterator[Record]:
    """Yield a record for each row of a statement's result."""
    names = [column[0] for column in cursor.description or ()]
    return (make(dict(zip(names, row, strict=True))) for row in cursor)


def first(cursor: statements.Cursor, make: Callable[[StoredRow], Record]) -> Record | None:
    """Return the record of the first row; None if there is none."""
    return next(records(cursor, make), None)


def dump(value: Any) -> str:
    """Serialise a value to JSON in the store's form."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text if text.isascii() else formatting.storable(text)


def load(text: str | None) -> Any:
    """Parse JSON that may be NULL."""
    return None if text is None else json.loads(text)


def run_record(row: StoredRow) -> RunRecord:
    """Convert a row of `runs`."""
    return RunRecord(
        **_same_named(row, RunRecord),
        status=Status(row["status"]),
        params=load(row["params_json"]),
        **_ancestry(row),
    )


def _same_named(row: StoredRow, record: type[Any]) -> dict[str, Any]:
    """Return the columns that a record has unchanged."""
    return {name: row[name] for name in _UNCHANGED[record] if name in row}


_CONVERTED = frozenset(
    {
        "status",
        "stalled",
        "removed",
        "metrics_complete",
        "stops_early",
        "restarts",
        "earlier",
        "fresh",
    }
)
"""Columns with the name of a field, but not with its type."""

_UNCHANGED: dict[type[Any], list[str]] = {
    record: [name for name in record._fields if name not in _CONVERTED]
    for record in (RunRecord, StageRecord, AttemptRecord)
}


def _ancestry(row: StoredRow) -> dict[str, Any]:
    """Return `external` and `origin` of a run."""
    # searched first: it is read for each run of a list, and parsing takes much longer
    if row["kind"] == OWN and '"from":"' not in row["submission_json"]:
        return {}
    known = load(row["submission_json"])
    found = known.get("external")
    keys = ("kind", "path", "pid", "command", "run", "objective")
    external = found and {key: found.get(key) for key in keys}
    return {"external": external, "origin": known.get("from")}


def stage_record(row: StoredRow) -> StageRecord:
    """Convert a row of `stages`."""
    return StageRecord(
        **_same_named(row, StageRecord),
        status=Status(row["status"]),
        definition=definition(row["definition_json"]),
        result=load(row["result_json"]),
        stalled=bool(row["stalled"]),
        removed=bool(row["removed"]),
        earlier=int(row.get("earlier") or 0),
        fresh=bool(row["fresh"]),
    )


@lru_cache(maxsize=20_000)
def definition(text: str) -> StageDefinition:
    """Parse a definition; cached, since planner and screen read the same ones repeatedly."""
    from trainui.model.definition import StageDefinition  # late: the first frame needs none

    return StageDefinition.from_json(json.loads(text))


def attempt_record(row: StoredRow) -> AttemptRecord:
    """Convert a row of `attempts`."""
    return AttemptRecord(
        **_same_named(row, AttemptRecord),
        status=Status(row["status"]),
        slots=tuple(Slot(*slot) for slot in load(row["slots_json"])),
        metrics_complete=bool(row["metrics_complete"]),
        stops_early=bool(row["stops_early"]),
        restarts=bool(row["restarts"]),
        result=load(row["result_json"]),
        definition=definition(text) if (text := row["definition_json"]) else None,
        inputs=load(row["inputs_json"]),
        kept=load(row["kept_json"]),
        secret_changes=tuple(load(row["secret_changes_json"]) or ()),
        pruning=PruningReason.from_json(data) if (data := load(row["pruning_json"])) else None,
    )


def slots_json(slots: tuple[Slot, ...]) -> str:
    """Serialise slots in the form that `attempt_record` parses."""
    return dump([[slot.host, slot.kind, slot.index] for slot in slots])


def runs(connection: statements.Connection, *, limit: int | None = None) -> list[RunRecord]:
    """Return runs, newest first."""
    found = connection.execute(
        "SELECT * FROM runs ORDER BY created_at DESC, id LIMIT ?", (-1 if limit is None else limit,)
    )
    return list(records(found, run_record))


def runs_with(connection: statements.Connection, status: Status) -> list[RunRecord]:
    """Return the runs with a stage in this state, newest first."""
    found = connection.execute(
        "SELECT * FROM runs WHERE id IN (SELECT run_id FROM stages WHERE status = ?) "
        "ORDER BY created_at DESC, id",
        (status,),
    )
    return list(records(found, run_record))


def old_runs(connection: statements.Connection, *, keep: int, before: int) -> list[RunRecord]:
    """Return the runs that ended before a time, oldest first, without each pipeline's newest.

    Runs that are marked `keep` are left out.
    """
    found = connection.execute(
        "SELECT runs.* FROM runs JOIN (SELECT id, row_number() OVER "
        "(PARTITION BY kind, pipeline ORDER BY created_at DESC, id) AS rank FROM runs) AS ranks "
        "ON ranks.id = runs.id "
        f"WHERE ranks.rank > ? AND completed_at < ? AND status IN ({placeholders(ENDED)}) "
        "AND COALESCE(verdict, '') <> 'keep' AND original IS NULL ORDER BY created_at",
        (keep, before, *ENDED),
    )
    return list(records(found, run_record))


def run(connection: statements.Connection, run_id: str) -> RunRecord | None:
    """Return the run with exactly this id."""
    found = connection.execute("SELECT * FROM runs WHERE id = ?", (run_id,))
    return first(found, run_record)


def existing_run(connection: statements.Connection, run_id: str) -> RunRecord:
    """Return the run with exactly this id; raise NotFoundError if it does not exist."""
    if (found := run(connection, run_id)) is None:
        raise NotFoundError(f"no run {run_id!r}; `trainui ls` lists the runs")
    return found


def previous_run(connection: statements.Connection, run: RunRecord) -> RunRecord | None:
    """Return the run of the same pipeline that was submitted before this one."""
    found = connection.execute(
        "SELECT * FROM runs WHERE pipeline = ? AND created_at < ? AND kind = ? "
        "ORDER BY created_at DESC LIMIT 1",
        (run.pipeline, run.created_at, run.kind),
    )
    return first(found, run_record)


def submission(connection: statements.Connection, run_id: str) -> dict[str, Any]:
    """Return the submitting shell's settings.

    Raises:
        NotFoundError: the run was deleted meanwhile.
    """
    query = "SELECT submission_json FROM runs WHERE id = ?"
    found = connection.execute(query, (run_id,)).fetchone()
    if found is None:
        raise NotFoundError(f"the run {run_id} was deleted meanwhile")
    return dict(load(found[0]))


def find_run(connection: statements.Connection, reference: str) -> RunRecord:
    """Return the run for a user's reference: an id, a name (its latest run), or an id prefix.

    Raises:
        NotFoundError: there is none.
        AmbiguousError: the prefix matches several.
    """
    if (exact := run(connection, reference)) is not None:
        return exact
    found = connection.execute(
        "SELECT * FROM runs WHERE name = ? ORDER BY created_at DESC, id LIMIT 1", (reference,)
    )
    if (named := first(found, run_record)) is not None:
        return named
    fitting = _with_prefix(connection, reference)
    if len(fitting) > 1:
        listed = ", ".join(f"{run.id} ({harmless(run.name)})" for run in fitting)
        raise AmbiguousError(f"{reference!r} matches several runs: {listed}")
    if not fitting:
        raise NotFoundError(_no_such_run(connection, reference))
    return fitting[0]


def _with_prefix(connection: statements.Connection, prefix: str) -> list[RunRecord]:
    if len(prefix) < PREFIX_LENGTH:
        return []
    found = connection.execute(
        "SELECT * FROM runs WHERE id >= ? AND id < ? ORDER BY created_at DESC LIMIT 10",
        (prefix, prefix + chr(sys.maxunicode)),
    )
    return list(records(found, run_record))


def _no_such_run(connection: statements.Connection, reference: str) -> str:
    latest = [
        f"{formatting.short_id(run.id)} ({harmless(run.name)})" for run in runs(connection, limit=3)
    ]
    hint = f"the latest are {', '.join(latest)}" if latest else "there are no runs yet"
    return f"no run matches {reference!r} (an id, a name, or 4 or more characters of an id); {hint}"


def stages(
    connection: statements.Connection, run_id: str, *, limit: int | None = None
) -> list[StageRecord]:
    """Return a run's stages in the file's order; with a limit, the first ones."""
    found = connection.execute(
        f"SELECT {STAGE_COLUMNS} FROM stages WHERE run_id = ? ORDER BY position LIMIT ?",
        (run_id, -1 if limit is None else limit),
    )
    return list(records(found, stage_record))


def stage(connection: statements.Connection, run_id: str, name: str) -> StageRecord | None:
    """Return the stage with exactly this full name."""
    found = connection.execute(
        f"SELECT {STAGE_COLUMNS} FROM stages WHERE run_id = ? AND name = ?", (run_id, name)
    )
    return first(found, stage_record)


def stage_status(connection: statements.Connection, stage_id: str) -> Status | None:
    """Return a stage's state; None if it was deleted."""
    row = connection.execute("SELECT status FROM stages WHERE id = ?", (stage_id,)).fetchone()
    return None if row is None else Status(row[0])


def find_stages(
    connection: statements.Connection, run_id: str, reference: str
) -> list[StageRecord]:
    """Return the stages for a user's reference: a name, a sweep's name, or a unique part.

    The name of several seeds that are shown as one, e.g. `train[trial=7]`, is that of all of them.

    Raises:
        NotFoundError: there is none.
        AmbiguousError: the part matches several.
    """
    known = stages(connection, run_id)
    exact = [stage for stage in known if stage.name == reference]
    exact = exact or [stage for stage in known if stage.definition.group == reference]
    exact = exact or _folded(known, reference)
    if exact:
        return exact
    fitting = [stage for stage in known if reference in stage.name]
    if len(fitting) > 1:
        names = shown_names(stage.name for stage in fitting)
        raise AmbiguousError(f"{reference!r} matches several stages: {names}")
    if not fitting:
        names = shown_names(stage.definition.group or stage.name for stage in known)
        raise NotFoundError(f"no stage is named {reference!r}; this run has {names}")
    return fitting


def _folded(known: Sequence[StageRecord], reference: str) -> list[StageRecord]:
    from trainui.pipeline import matrix  # late: the first frame does not need it

    found = (list(one.members) for one in matrix.folds(known) if one.name == reference)
    return next(found, [])


def shown_names(names: Iterable[str]) -> str:
    """Return the different names of stages for an error, a long list shortened."""
    return formatting.listed([harmless(name) for name in dict.fromkeys(names)], _MOST_NAMES)


def attempts(connection: statements.Connection, run_id: str) -> dict[str, list[AttemptRecord]]:
    """Return a run's attempts by stage id, the oldest first."""
    found = connection.execute(
        "SELECT attempts.* FROM attempts JOIN stages ON stages.id = attempts.stage_id "
        "WHERE stages.run_id = ? ORDER BY attempts.id",
        (run_id,),
    )
    by_stage: dict[str, list[AttemptRecord]] = {}
    for attempt in records(found, attempt_record):
        by_stage.setdefault(attempt.stage_id, []).append(attempt)
    return by_stage


def attempts_of_stage(connection: statements.Connection, stage_id: str) -> list[AttemptRecord]:
    """Return a stage's attempts, the oldest first."""
    found = connection.execute("SELECT * FROM attempts WHERE stage_id = ? ORDER BY id", (stage_id,))
    return list(records(found, attempt_record))


def is_any_running(connection: statements.Connection) -> bool:
    """Return True if an attempt is recorded as running."""
    query = "SELECT 1 FROM attempts WHERE status = ? LIMIT 1"
    return connection.execute(query, (Status.RUNNING,)).fetchone() is not None


def running_on(connection: statements.Connection, host: str) -> list[StageRecord]:
    """Return the stages whose last attempt runs on a host."""
    found = connection.execute(
        "SELECT stages.* FROM stages JOIN attempts ON stage_id = stages.id AND number = attempt "
        "WHERE host = ? AND attempts.status = ? AND stages.status = ?",
        (host, Status.RUNNING, Status.RUNNING),
    )
    return list(records(found, stage_record))


class OpenAttempt(NamedTuple):
    """A running stage's last attempt, with what identifies its processes."""

    run_id: str
    stage_id: str
    stage: str
    number: int
    directory: Path
    host: str
    run_directory: str
    external: Mapping[str, Any] | None
    """Of an external run: what was found."""
    executor: str
    """What started its processes."""


def open_attempts(connection: statements.Connection) -> list[OpenAttempt]:
    """Return the attempts that are recorded as running, and are not some executor's."""
    found = connection.execute(
        "SELECT run_id, stages.id, stages.name, number, attempts.directory, attempts.host, "
        f"runs.directory, CASE WHEN {IS_EXTERNAL} THEN submission_json END, attempts.executor "
        "FROM attempts "
        "JOIN stages ON stages.id = stage_id AND number = attempt JOIN runs ON runs.id = run_id "
        "WHERE attempts.status = ? AND stages.status = ? AND attempts.executor IN (?, ?)",
        (Status.RUNNING, Status.RUNNING, LOCAL, NOT_STARTED_BY_US),
    )
    return [
        OpenAttempt(
            run_id,
            stage_id,
            stage,
            number,
            Path(directory),
            host,
            run_directory,
            None if submission is None else load(submission)["external"],
            executor,
        )
        for run_id, stage_id, stage, number, directory, host, *more in found
        for run_directory, submission, executor in [more]
    ]


def running_directories(connection: statements.Connection) -> set[Path]:
    """Return the directories of all attempts that are recorded as running, wherever they run."""
    found = connection.execute("SELECT directory FROM attempts WHERE status = ?", (Status.RUNNING,))
    return {Path(directory) for (directory,) in found}


def in_slots_or_queue(connection: statements.Connection, *, besides: str) -> list[StageDefinition]:
    """Return the stages of other runs, external ones apart, that run or are queued."""
    found = connection.execute(
        "SELECT definition_json FROM stages "
        f"JOIN runs ON runs.id = run_id AND NOT ({IS_EXTERNAL}) "
        "WHERE run_id <> ? AND stages.status IN (?, ?)",
        (besides, Status.RUNNING, Status.QUEUED),
    )
    return [definition(text) for (text,) in found]


def supervisors(connection: statements.Connection, run_id: str) -> set[int]:
    """Return the process ids of the supervisors of a run's running attempts."""
    found = connection.execute(
        "SELECT supervisor_pid FROM attempts JOIN stages ON stages.id = stage_id"
        " WHERE run_id = ? AND attempts.status = ? AND supervisor_pid IS NOT NULL",
        (run_id, Status.RUNNING),
    )
    return {int(pid) for (pid,) in found}


def events(
    connection: statements.Connection, run_id: str, *, after: int = 0
) -> list[tuple[int, Event]]:
    """Return a run's events after a number, in order, each with its number."""
    found = connection.execute(
        "SELECT id, time, stage, attempt, kind, text FROM events WHERE run_id = ? AND id > ? "
        "ORDER BY id",
        (run_id, after),
    )
    return [(number, Event(*event)) for number, *event in found]


def stage_events(
    connection: statements.Connection, run_id: str, stage: str, *, most: int
) -> list[Event]:
    """Return the last events of a stage and of its run, in order."""
    found = connection.execute(
        "SELECT time, stage, attempt, kind, text FROM events "
        "WHERE run_id = ? AND (stage = ? OR stage IS NULL) ORDER BY id DESC LIMIT ?",
        (run_id, stage, most),
    )
    return [Event(*event) for event in found][::-1]


def pipeline_text(connection: statements.Connection, digest: str) -> str:
    """Return a pipeline's text."""
    row = connection.execute("SELECT text FROM pipelines WHERE digest = ?", (digest,)).fetchone()
    return str(row[0]) if row else ""


def flag(connection: statements.Connection, name: str) -> str | None:
    """Return the value of an installation-wide flag, e.g. `paused`."""
    row = connection.execute("SELECT value FROM flags WHERE name = ?", (name,)).fetchone()
    return str(row[0]) if row else None


class Holder(NamedTuple):
    """The stage that occupies a slot."""

    run_id: str
    run: str
    """The run's name."""
    stage: str
    """The stage's full name."""


def holders(connection: Connection, host: str | None = None) -> dict[Slot, Holder]:
    """Return the occupied slots of a host, or of all, each with the stage that occupies it."""
    found = connection.execute(
        "SELECT slots.host, slots.kind, slots.number, runs.id, runs.name, stages.name FROM slots "
        "JOIN attempts ON attempts.id = attempt_id JOIN stages ON stages.id = stage_id "
        "JOIN runs ON runs.id = run_id WHERE slots.host = coalesce(?, slots.host) "
        "ORDER BY slots.number",
        (host,),
    )
    return {Slot(host, kind, number): Holder(*who) for host, kind, number, *who in found}


def slot_uses(connection: Connection) -> dict[tuple[str, int], Holder]:
    """Return the stages that use GPUs, by the GPU's host and index."""
    found = holders(connection).items()
    return {(slot.host, slot.index): who for slot, who in found if slot.kind == "gpu"}


class Overlap(NamedTuple):
    """An attempt of another stage."""

    run: str
    """The run's name."""
    stage: str
    """The stage's full name."""
    definition: StageDefinition
    started_at: int
    completed_at: int
    """Now, if it is still running."""
    directory: str = ""
    """The attempt's."""

    @property
    def words(self) -> str:
        """The stage and its run, for messages."""
        return f"{self.stage} of the run {self.run}"

    def may_have_written(self, mtime_ns: int) -> bool:
        """Return True if it ran when a file was written."""
        return self.started_at - SLACK <= mtime_ns // 1000 <= self.completed_at + SLACK


def overlaps_of(connection: Connection, stage_id: str) -> list[Overlap]:
    """Return the attempts of other stages that overlapped in time with a stage's attempts."""
    now = clock.now()
    found = connection.execute(
        "SELECT DISTINCT runs.name, stages.name, "
        "coalesce(other.definition_json, stages.definition_json), other.started_at, "
        "coalesce(other.completed_at, ?), other.directory FROM attempts AS own "
        "JOIN attempts AS other ON other.stage_id <> own.stage_id "
        "JOIN stages ON stages.id = other.stage_id JOIN runs ON runs.id = stages.run_id "
        "WHERE own.stage_id = ? AND other.started_at < coalesce(own.completed_at, ?) "
        "AND coalesce(other.completed_at, ?) > own.started_at",
        (now, stage_id, now, now),
    )
    return [Overlap(run, name, definition(text), *others) for run, name, text, *others in found]


def written_by_both(connection: Connection, stage_id: str, attempt_dir: Path) -> list[str]:
    """Return a clause for each of the first files that an attempt and another stage's wrote.

    These are metrics and weights that the processes of both were seen to have open. Files in hidden
    directories and caches are shared on purpose.
    """
    from trainui.supervisor import protocol  # late: the first frame does not need it

    own = set(filter(_is_result, protocol.written_files(attempt_dir)))
    both: dict[Path, Overlap] = {}
    for other in overlaps_of(connection, stage_id)[-MOST_OTHERS:] if own else ():
        for path in own.intersection(protocol.written_files(Path(other.directory))):
            both.setdefault(path, other)
    return [
        f"{path} was written by {other.words} at the same time; give each a directory "
        "of its own, e.g. with ${stage_dir}"
        for path, other in islice(both.items(), MOST_SHARED)
    ]


def _is_result(path: Path) -> bool:
    if any(part.startswith(".") or "cache" in part.lower() for part in path.parts):
        return False
    return path.suffix.lower() in RESULTS or "checkpoint" in str(path)


class StageCache:
    """Reads the stages of a run, and reuses the records of rows that have not changed.

    Reading a thousand stages is mostly making records. Unchanged ones are the same objects, so
    they also compare at no cost.
    """

    def __init__(self) -> None:
        self._cached: dict[str, tuple[tuple[Any, ...], StageRecord]] = {}

    def read(self, connection: statements.Connection, run_id: str) -> list[StageRecord]:
        """Return the stages in the file's order, without withdrawn trials."""
        before, self._cached = self._cached, {}
        query = f"SELECT {STAGE_COLUMNS} FROM stages WHERE run_id = ? ORDER BY position"
        found = connection.execute(query, (run_id,))
        names = [column[0] for column in found.description or ()]
        for row in found:
            cached = before.get(row[0])
            if cached is None or cached[0] != row:
                cached = (row, stage_record(dict(zip(names, row, strict=True))))
            self._cached[row[0]] = cached
        return [record for _, record in self._cached.values() if not record.is_withdrawn]
