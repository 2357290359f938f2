"""The databases of trackers: private copies, and which tracker has which tables."""

from __future__ import annotations

import re
import shutil
import sqlite3
import tempfile
import time
from collections import OrderedDict
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Connection
from typing import Any

from trainui.metrics import lenient_files
from trainui.metrics.lenient_files import as_json
from trainui.metrics.tail import UnreadableFileError, look_at
from trainui.plugin import Job, TrackedRun, Tracker, TrackerDatabase, registry
from trainui.plugin.records import Code

# Reads a tracker's SQLite database from a private copy, so that its writer never notices.
#
# A reader that opens the database itself can make the tracker's own write fail, leaves side files
# behind, or reads half of a commit.


MAGIC = b"SQLite format 3\0"
DATABASE = re.compile(r".*\.(db|sqlite3?)")
"""Names of files that may be a tracker's database."""

SIDES = ("-journal", "-wal")
"""Endings of the files that belong to a database. The copy has its own `-shm`."""

LARGEST = 1 << 30
"""Bytes of the largest database that is copied."""

MOST_COPIES = 4
"""The most databases of which the copy stays open."""

_REST = 20
"""A database is copied again after this many times as long as the last copy took."""

DAMAGED = (sqlite3.Error, ValueError, TypeError, LookupError, OverflowError)
"""Errors from a damaged database, whose values may be of any type."""

_TRIES = 3
"""Copies made while the database is being written, before it is read at its next change."""

_HEADER_BYTES = 100

_Version = tuple[Any, ...]
"""State of a database and its side files at one moment."""


@dataclass(frozen=True, slots=True)
class DatabaseCopy:
    """A copy of a tracker's database, as it was at one moment."""

    version: _Version | None
    connection: sqlite3.Connection
    tracker: Tracker | None
    """None: it is of no known tracker."""


def is_database(path: Path) -> bool:
    """Return True if a file is an SQLite database."""
    return lenient_files.known_head(path, look_at(path)).startswith(MAGIC)


def version(path: Path) -> _Version | None:
    """Return the present state of a database; None if there is none."""
    if (directory := _standing_for(path)) is not None and directory.version:
        found = registry.code(directory.version)(path)
        return None if found is None else (found,)
    states = [look_at(path.with_name(path.name + side)) for side in ("", *SIDES)]
    return tuple(states) if states[0] is not None else None


class DatabaseCopies:
    """The copies of the databases that were read last."""

    def __init__(self) -> None:
        self._copies: OrderedDict[Path, DatabaseCopy] = OrderedDict()
        self._due: dict[Path, float] = {}
        """When a database may be copied again; also of those whose copy was closed since."""

    def get(self, path: Path, *, at_once: bool = False) -> DatabaseCopy | None:
        """Return a copy of a database; None if it is not copied now.

        This is if it is being written, or if its last copy was made a moment ago and is closed.
        With `at_once`, it is copied again all the same.

        Raises:
            UnreadableFileError: it is damaged or too large, or cannot be read.
        """
        now = version(path)
        known = self._copies.pop(path, None)
        if now is None:
            return None
        rests = not at_once and time.monotonic() < self._due.get(path, 0.0)
        if known is not None:
            if known.version == now or rests:
                self._copies[path] = known
                return known
            known.connection.close()
        elif rests:
            return None
        for _ in range(_TRIES):
            began = time.monotonic()
            if (made := _copy(path)) is not None:
                self._copies[path] = made
                ended = time.monotonic()
                self._due[path] = ended + _REST * (ended - began)
                while len(self._copies) > MOST_COPIES:
                    self._copies.popitem(last=False)[1].connection.close()
                return made
        return None

    def close(self) -> None:
        """Close all copies."""
        while self._copies:
            self._copies.popitem()[1].connection.close()


copies = DatabaseCopies()
"""Shared, since many runs are read from one database."""


def _copy(path: Path) -> DatabaseCopy | None:
    """Copy a database and its side files; return None if they changed meanwhile."""
    before, heads = version(path), _heads(path)
    if (size := path.stat().st_size) > LARGEST:
        raise UnreadableFileError(
            f"{path} is a database of {size >> 20} MiB, too large to be copied and read while it "
            f"grows (limit {LARGEST >> 20} MiB)"
        )
    try:
        if (opener := opener_of(path)) is not None:
            connection = registry.code(opener)(path)
        else:
            with tempfile.TemporaryDirectory(prefix="trainui-") as directory:
                copy = Path(directory, "copy")
                for side in ("", *SIDES):
                    with suppress(FileNotFoundError):
                        shutil.copyfile(f"{path}{side}", f"{copy}{side}")
                if (version(path), _heads(path)) != (before, heads):
                    return None
                connection = _open(copy, path)
    except OSError as error:
        raise UnreadableFileError(f"{path} cannot be read: {error.strerror}") from error
    return DatabaseCopy(before, connection, _tracker(_tables(connection)))


def _heads(path: Path) -> list[bytes]:
    """Return the bytes that each commit changes, even within one tick of the file's clock."""
    return [
        lenient_files.head(path.with_name(path.name + side), _HEADER_BYTES) for side in ("", *SIDES)
    ]


def _open(copy: Path, path: Path) -> sqlite3.Connection:
    """Open a copy, which rolls back an unfinished commit; its files can be deleted then."""
    connection = sqlite3.connect(copy, isolation_level=None, check_same_thread=False)
    connection.text_factory = lambda text: text.decode("utf-8", "replace")
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        _tables(connection)
    except DAMAGED as error:
        connection.close()
        raise damaged(path, error) from error
    return connection


def damaged(path: Path, error: Exception) -> UnreadableFileError:
    """Return the error that says that a database cannot be read."""
    return UnreadableFileError(
        f"{path} cannot be read as a database: {error}; it is read again when it has changed"
    )


def has_tracker(path: Path) -> bool | None:
    """Return True if a database has the tables of a tracker; None: no tables can be seen.

    It is neither copied nor locked, which is safe for its writer; only names of tables are read.
    """
    try:
        uri = f"{path.as_uri()}?immutable=1"
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            tables = _tables(connection)
    except DAMAGED:
        return None
    return _tracker(tables) is not None if tables else None


def _tables(connection: sqlite3.Connection) -> set[str]:
    query = "SELECT name FROM sqlite_master WHERE type = 'table'"
    return {str(name) for (name,) in connection.execute(query)}


def _tracker(tables: set[str]) -> Tracker | None:
    known = ((one, database) for one in trackers() if (database := one.database))
    return next((one for one, database in known if tables.issuperset(database.tables)), None)


def trackers() -> list[Tracker]:
    """Return the trackers that have databases."""
    return [one for one in registry.records(Tracker) if one.database is not None]


def rewritten() -> set[str]:
    """Return the trackers that open their databases for each write, and record no end."""
    return {one.name for one in trackers() if one.database and one.database.is_rewritten}


def _standing_for(path: Path) -> TrackerDatabase | None:
    """Return the kind of database for which a file stands by its path; None: it is plain."""
    for one in trackers():
        if one.database and one.database.paths and re.fullmatch(one.database.paths, str(path)):
            return one.database
    return None


def place_of(path: Path) -> Path:
    """Return what shares the names of its runs: a database, or the directories of all writers."""
    return path.parents[1] if is_part(path) else path


def is_part(path: Path) -> bool:
    """Return True for a file that stands for a directory, whose runs a database may get later."""
    return _standing_for(path) is not None


def is_named_as_one(path: Path) -> bool:
    """Return True if a file may be a tracker's database, by its name or its path."""
    return DATABASE.fullmatch(path.name) is not None or _standing_for(path) is not None


def opener_of(path: Path) -> Code | None:
    """Return the code that opens a file that is no SQLite database, but is read as one."""
    for one in trackers():
        if one.database and registry.ask(one, one.database.is_file, path):
            return one.database.open_file
    return None


def is_read_as_one(path: Path) -> bool:
    """Return True for a file that is no SQLite database, but is read as one, such as a journal."""
    return opener_of(path) is not None


# Databases of trackers, which are plugins: how they are opened, and what all of them need.
#
# Read `database` first (how a tracker's database is opened).


MOST_ROWS = 10_000
"""Rows read at once."""


def columns(connection: Connection, table: str) -> set[str]:
    """Return the names of a table's columns: versions of a tracker differ in them."""
    return {str(row[1]) for row in connection.execute(f"PRAGMA table_info({table})")}


def newest_row(connection: Connection, table: str) -> int:
    """Return the id of the newest row of a table; 0 if it is empty."""
    return int(connection.execute(f"SELECT coalesce(max(rowid), 0) FROM {table}").fetchone()[0])


def tracked(
    run: TrackedRun, directory: Path, source: tuple[Path, str | None], /, **more: Any
) -> Job:
    """Return a run as its tracker has it, and `more` that it does not record."""
    return Job(
        *(run.name, directory, (source,)),
        params=as_json(run.params),
        status=run.status,
        started=run.started,
        ended=run.ended,
        **more,
    )
