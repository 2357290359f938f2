"""Sources: the files and runs that points are read from, and the offsets reached.

The rule: a guarded update (compare-and-set) advances a source only from the state that its reader
has seen. So a reader killed at any moment, or two that read one file, neither lose a point nor
store one twice.
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from trainui.errors import TrainuiError
from trainui.store import shell_environment
from trainui.store.db import postgres, statements
from trainui.store.db.engine import Database
from trainui.store.db.statements import IS_EXTERNAL, Connection
from trainui.store.points.read_points import RESTART
from trainui.store.read import views
from trainui.store.runs.metrics_progress import AttemptToRead

log = logging.getLogger(__name__)

EPOCHS = "epochs"
"""Key in a source's state: the names of its series whose steps are epochs."""


class Identity(NamedTuple):
    """Data to recognise a file again: neither an inode nor a size is enough."""

    device: int
    inode: int
    head_size: int
    """Bytes at the start that were hashed."""
    head_hash: str
    tail_size: int
    """Bytes just before the offset that were hashed."""
    tail_hash: str


class SourceRecord(NamedTuple):
    """A file that points are read from, and the offset reached."""

    id: int
    owner: str
    key: str
    format: str | None = None
    attempt: int = 0
    generation: int = 0
    """How often the file was found to have another history than the stored one."""
    offset: int = 0
    """Bytes stored so far."""
    rows: int = 0
    """Records stored so far, of this generation."""
    next_ordinal: int = 0
    identity: Identity | None = None
    state: Mapping[str, Any] = MappingProxyType({})
    """The decoder's state, as plain JSON."""
    tail_rows: int = 0
    tail_points: int = 0
    version: int = 0
    problem: str | None = None


def key_of(path: Path) -> str:
    """Return a file's key: its path, as text that any database can store."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


class StaleSourceError(TrainuiError):
    """Another reader stored more of this source in the meantime: read its state again."""

    code = "stale_source"


_COLUMNS = (
    'id, owner, key, format, attempt, generation, "offset", rows, next_ordinal, identity_json, '
    "state_json, tail_rows, tail_points, version, problem"
)


def insert(connection: Connection, statement: str, parameters: tuple[Any, ...]) -> int:
    """Insert a row; return its id."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute(statement, parameters)
        found: statements.Cursor = connection.execute("SELECT last_insert_rowid()")
    else:
        found = connection.execute(f"{statement} RETURNING id", parameters)
    return int(found.fetchone()[0])


def lock_owner(connection: Connection, owner: str) -> None:
    """Prevent others from storing points of an owner until the transaction ends."""
    if not isinstance(connection, sqlite3.Connection):
        postgres.lock_owner(connection, owner)


def last_attempt(connection: Connection, owner: str) -> int:
    """Return the number of a stage's last attempt; 0 if the owner is not a stage."""
    row = connection.execute("SELECT attempt FROM stages WHERE id = ?", (owner,)).fetchone()
    return int(row[0]) if row else 0


def sources(connection: Connection, owner: str) -> list[SourceRecord]:
    """Return an owner's sources, the oldest first."""
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM sources WHERE owner = ? ORDER BY id", (owner,)
    )
    return [_source(row) for row in found]


def offsets(connection: Connection) -> dict[str, int]:
    """Return for each running stage how many bytes of its sources are read."""
    found = connection.execute(
        'SELECT owner, sum("offset") FROM sources JOIN stages ON stages.id = owner '
        "WHERE stages.status = 'running' GROUP BY owner",
    )
    return {str(owner): int(read) for owner, read in found}


def counted_in_epochs(connection: Connection, owner: str) -> frozenset[str]:
    """Return the names of an owner's series whose steps are epochs."""
    found = (one.state.get(EPOCHS, ()) for one in sources(connection, owner))
    return frozenset(chain.from_iterable(found))


def unit(connection: Connection, owner: str, name: str) -> str:
    """Return what the steps of a series count: `step`, or `epoch`."""
    return "epoch" if name in counted_in_epochs(connection, owner) else "step"


def source(connection: Connection, source_id: int) -> SourceRecord | None:
    """Return a source's stored state; None if it was deleted."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM sources WHERE id = ?", (source_id,)
    ).fetchone()
    return _source(row) if row else None


def _source(row: Sequence[Any]) -> SourceRecord:
    known = SourceRecord(*row)
    return known._replace(
        identity=Identity(**json.loads(row[9])) if row[9] else None,
        state=json.loads(row[10]),
    )


def add_source(connection: Connection, owner: str, key: str, *, attempt: int) -> SourceRecord:
    """Return the owner's source with this key; create it if it does not exist."""
    for known in sources(connection, owner):
        if known.key == key:
            return known
    made = insert(
        connection,
        'INSERT INTO sources (owner, key, attempt, generation, "offset", rows, next_ordinal, '
        "state_json, tail_rows, tail_points, version) VALUES (?, ?, ?, 0, 0, 0, 0, '{}', 0, 0, 0)",
        (owner, key, attempt),
    )
    return SourceRecord(id=made, owner=owner, key=key, attempt=attempt)


def set_problem(connection: Connection, source_id: int, problem: str | None) -> None:
    """Record why a source cannot be read, in words; None: it can."""
    connection.execute(
        "UPDATE sources SET problem = ? WHERE id = ? AND problem IS NOT ?",
        (problem, source_id, problem),
    )


def rename_source(connection: Connection, source_id: int, key: str) -> None:
    """Record a file's new name."""
    connection.execute("UPDATE sources SET key = ? WHERE id = ?", (key, source_id))


def next_ordinal(connection: Connection, owner: str) -> int:
    """Return an ordinal above those of all points of an owner."""
    row = connection.execute(
        "SELECT max(next_ordinal) FROM sources WHERE owner = ?", (owner,)
    ).fetchone()
    return int(row[0] or 0) if row else 0


def next_restart(connection: Connection, owner: str, attempt: int) -> int:
    """Return the generation for a restarted writer: above all others of its attempt."""
    row = connection.execute(
        "SELECT max(generation) FROM sources WHERE owner = ? AND attempt = ?",
        (owner, attempt),
    ).fetchone()
    return (int(row[0] or 0) // RESTART + 1) * RESTART


def _as_json(identity: Identity) -> str:
    return json.dumps(identity._asdict())


def move(connection: Connection, before: SourceRecord, after: SourceRecord) -> None:
    """Advance a source; raise StaleSourceError if its state is no longer `before`."""
    moved = connection.execute(
        'UPDATE sources SET format = ?, attempt = ?, generation = ?, "offset" = ?, rows = ?, '
        "next_ordinal = ?, identity_json = ?, state_json = ?, tail_rows = ?, tail_points = ?, "
        "version = ?, problem = ? WHERE id = ? AND version = ?",
        (
            after.format,
            after.attempt,
            after.generation,
            after.offset,
            after.rows,
            after.next_ordinal,
            _as_json(after.identity) if after.identity else None,
            json.dumps(dict(after.state)),
            after.tail_rows,
            after.tail_points,
            after.version,
            after.problem,
            before.id,
            before.version,
        ),
    )
    if moved.rowcount != 1:
        raise StaleSourceError(f"{before.key}: stored further by another reader; look again")


_ADOPTED = "runs.kind = 'process'"

_FILES = (
    "SELECT key, run_id FROM sources JOIN stages ON stages.id = owner "
    "JOIN runs ON runs.id = run_id "
    f"WHERE NOT ({IS_EXTERNAL}) OR {_ADOPTED}"
)

_DEFINITIONS = (
    f"SELECT definition_json, run_id FROM stages JOIN runs ON runs.id = run_id WHERE {_ADOPTED}"
)


def read_by_runs(connection: Connection) -> dict[str, str]:
    """Return the ids of runs by the keys of the files that they read."""
    found = {str(key): str(run_id) for key, run_id in connection.execute(_FILES).fetchall()}
    for text, run_id in connection.execute(_DEFINITIONS).fetchall():
        definition = views.definition(text)
        found |= {one.path: str(run_id) for one in definition.metrics or () if one.path}
    return found


class SourceProblems:
    """The messages on an attempt's sources; one that is stored already is not written again."""

    def __init__(self, store: Database, attempt: AttemptToRead) -> None:
        self._store = store
        self._attempt = attempt
        self._stored: dict[str, str] | None = None
        """By the source's key; None until they are read from the store."""

    def __contains__(self, key: str) -> bool:
        return key in self._read()

    def _read(self) -> dict[str, str]:
        if self._stored is None:
            with self._store.read() as connection:
                found = sources(connection, self._attempt.stage_id)
            self._stored = {one.key: one.problem for one in found if one.problem is not None}
        return self._stored

    def reset(self) -> None:
        """Read the stored messages again, since another process may have changed them."""
        self._stored = None

    def set(self, key: str, problem: str | None) -> None:
        """Store a source's problem; None clears it."""
        stored = self._read()
        if problem is not None:
            masker = shell_environment.masker(self._attempt.run_dir)
            problem = masker.text(problem)
        if stored.get(key) == problem:
            return
        with self._store.write() as connection:
            source = add_source(
                connection, self._attempt.stage_id, key, attempt=self._attempt.number
            )
            set_problem(connection, source.id, problem)
        if problem is None:
            del stored[key]
        else:
            stored[key] = problem
            log.warning("attempt %s: %s", self._attempt.attempt_id, problem)
