"""The schema and its revisions: checked on each open; a worker at its start upgrades by Alembic.

Alembic is imported only for an upgrade, before which all tables but those of points are backed up.
A new SQLite database is made from the SQL beside the migrations, which spares the first `run` the
import of SQLAlchemy.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from trainui import clock, paths, system
from trainui.errors import (
    SchemaOutdatedError,
    SchemaRefusedError,
    StoreError,
    StoreLockedError,
    UnfitEnvironmentError,
)
from trainui.store.db import postgres, sqlite_file, statements

if TYPE_CHECKING:
    import psycopg
    from alembic.config import Config

REVISIONS = ("0100",)
"""Those in `store.migrations.versions`, in order: databases at an earlier one are upgraded."""

HEAD = REVISIONS[-1]
"""The one that this version reads and writes."""

BEFORE_RELEASE = tuple(f"{number:04}" for number in range(1, 12))
"""Those of versions that were never released. Any other unknown revision is a later one."""


BULK_TABLES = frozenset({"chunks", "chunk_figures", "tails", "sources", "log_reads"})
"""Tables with points and file offsets: not backed up before an upgrade, since they may have many
gigabytes; without their points, the files must be read again."""

TABLES = Path(__file__).parents[1] / "migrations" / "tables.sql"
"""The SQL of a new SQLite database at `HEAD`; written by `python -m tests.migration.tables_sql`."""

UPGRADE_PATIENCE, LOOK_EVERY = 60.0, 0.02
"""Seconds to wait for another process's upgrade, and between two checks of its lock."""


def check_revision(found: str, where: str) -> None:
    """Check that a revision is `HEAD`.

    Raises:
        SchemaRefusedError: it is later, or from before the first release.
        SchemaOutdatedError: it can be upgraded.
    """
    if found == HEAD:
        return
    if found in BEFORE_RELEASE:
        raise SchemaRefusedError(
            f"{where}: created by a trainui from before the first release (schema {found}), which "
            "this one cannot read; keep a copy with `trainui backup`, end what it runs with "
            "`trainui worker stop --with-stages`, then set TRAINUI_HOME to a new directory"
        )
    if found not in REVISIONS:
        raise SchemaRefusedError(
            f"{where}: created by a newer trainui (schema {found}; this one supports {HEAD}); "
            "upgrade trainui, or set TRAINUI_HOME to another directory"
        )
    raise SchemaOutdatedError(
        f"{where}: of an older trainui (schema {found}; this one needs {HEAD}): upgrade it with "
        "`trainui worker start`, for which the older worker leaves; stages keep running"
    )


def make_file(file: Path) -> None:
    """Create a SQLite database and its directory if missing, or raise UnfitEnvironmentError."""
    paths.make_private(file.parent)
    if os.access(file, os.R_OK | os.W_OK):
        return  # closing it would release this process's POSIX locks on it without SQLite noticing
    try:
        if file.exists():
            os.close(os.open(file, os.O_RDWR | os.O_CLOEXEC))
        else:
            _make_new(file)
    except OSError as error:
        raise UnfitEnvironmentError(
            f"cannot open the database {file}: {error.strerror}; "
            "make it writable, or set TRAINUI_HOME to another directory"
        ) from error


def _make_new(file: Path) -> None:
    """Create a SQLite database if none exists: renamed into place when complete, never empty."""
    if (runs := sqlite_file.runs_on_record(file)) and statements.show_notice is not None:
        statements.show_notice(
            f"{file} did not exist, though there are runs in {runs}: creating a new one"
        )
    with _one_at_a_time(file):
        if file.exists():
            return
        unfinished = file.with_name(f".{file.name}.new")
        for suffix in ("", "-journal", "-wal", "-shm"):
            unfinished.with_name(f"{unfinished.name}{suffix}").unlink(missing_ok=True)
        os.close(os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        create(unfinished)
        unfinished.rename(file)


def fill_if_empty(file: Path) -> None:
    """Create the tables in a SQLite database that has none.

    Raises:
        SchemaRefusedError: it has those of a newer trainui, or from before the first release.
        SchemaOutdatedError: it has those of an older one.
    """
    if revision(file) == HEAD:
        return
    with _one_at_a_time(file):
        if (found := revision(file)) is not None:
            check_revision(found, str(file))
            return
        _check_empty(file)
        create(file)


def upgrade_file(url: str, file: Path) -> None:
    """Upgrade a SQLite database to `HEAD`; no other process may use it.

    Raises:
        SchemaRefusedError: it cannot be upgraded.
    """
    with _one_at_a_time(file):
        if _is_earlier(revision(file), str(file)):
            back_up(file, file.with_name(f"{file.name}.before-{HEAD}-{clock.now()}"))
            upgrade(url)


def _is_earlier(found: str | None, where: str) -> bool:
    """Return True if a database is at an earlier revision, False if it is empty or at `HEAD`."""
    if found is None:
        return False
    with suppress(SchemaOutdatedError):
        check_revision(found, where)
        return False
    return True


def _check_empty(file: Path) -> None:
    """Check that a database without a revision may be filled."""
    sqlite_file.check_not_lost(file)
    if file.stat().st_size:
        raise StoreError(f"{file} is not a trainui database: {sqlite_file.REPLACE}")


def revision(file: Path) -> str | None:
    """Return the revision, None for an empty database; raise NotPlainFileError if it is no file."""
    system.check_plain(file, file.stat().st_mode)
    with closing(sqlite_file.connect(file)) as connection:
        try:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return None
            raise
    return None if row is None else str(row[0])


def create(file: Path) -> None:
    """Create the tables at `HEAD` in an empty SQLite database, without importing SQLAlchemy.

    It has a write-ahead log from the start: a first writer that changed that would fail beside
    another process that reads or writes.
    """
    tables = TABLES.read_text(encoding="utf-8")
    with closing(sqlite3.connect(file)) as connection:
        with suppress(sqlite3.OperationalError):  # an empty file that somebody looks at
            connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(
            f"BEGIN IMMEDIATE;\n{tables}\nINSERT INTO alembic_version VALUES ('{HEAD}');\nCOMMIT;"
        )


def upgrade(url: str, to: str = "head") -> None:
    """Run the migrations up to a revision."""
    from alembic import command

    command.upgrade(alembic_config(url), to)


def alembic_config(url: str) -> Config:
    """Return Alembic's configuration for this database: without a file, without output."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parents[1] / "migrations"))
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


def fill_server_if_empty(url: str) -> None:
    """Create the tables in a PostgreSQL database that has none; raise as `fill_if_empty`."""
    if (found := server_revision(url)) is not None:
        check_revision(found, postgres.shown(url))
    else:
        upgrade(url)  # one at a time, like all writes


def upgrade_server(url: str) -> None:
    """Upgrade a PostgreSQL database to `HEAD`; backups are its administrator's task.

    Raises:
        SchemaRefusedError: it cannot be upgraded.
    """
    if _is_earlier(server_revision(url), postgres.shown(url)):
        upgrade(url)


def server_revision(url: str) -> str | None:
    """Return a PostgreSQL database's revision; None for an empty one."""
    with closing(postgres.connect(url, autocommit=True)) as connection:
        if connection.execute("SELECT to_regclass('alembic_version')").fetchone() == (None,):
            _check_encoding(connection, url)
            return None
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


def _check_encoding(connection: psycopg.Connection, url: str) -> None:
    """Check that a new PostgreSQL database can store all text."""
    encoding = connection.info.parameter_status("server_encoding")
    if encoding not in ("UTF8", "SQL_ASCII"):
        raise UnfitEnvironmentError(
            f"{postgres.shown(url)}: its encoding {encoding} cannot store all characters; "
            "create the database with ENCODING 'UTF8' TEMPLATE template0"
        )


def back_up(file: Path, target: Path) -> None:
    """Copy all tables except points into a new database, in one transaction."""
    import logging  # for an upgrade alone

    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        _copy(file, target)
    except BaseException:
        target.unlink()  # a partial copy must not look like a backup
        raise
    logging.getLogger(__name__).info("%s was copied to %s, without its points", file, target)


def _copy(file: Path, target: Path) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("ATTACH ? AS backup", (str(target),))
        connection.execute("BEGIN")
        tables = connection.execute(
            "SELECT name, sql FROM main.sqlite_master WHERE type = 'table' "
            "AND name NOT LIKE 'sqlite_%'"
        ).fetchall()
        for name, sql in tables:
            connection.execute(sql.replace("CREATE TABLE ", "CREATE TABLE backup.", 1))
            if name not in BULK_TABLES:
                connection.execute(f'INSERT INTO backup."{name}" SELECT * FROM main."{name}"')
        connection.execute("COMMIT")


@contextmanager
def _one_at_a_time(file: Path) -> Iterator[None]:
    """Let only one process upgrade at a time (file lock); the others wait for it."""
    lock = file.with_name(f"{file.name}{sqlite_file.UPGRADE_LOCK}")
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    give_up_at = time.monotonic() + UPGRADE_PATIENCE
    try:
        while not _lock(descriptor):
            if time.monotonic() > give_up_at:
                raise StoreLockedError(
                    f"{file}: another process is upgrading it, or hangs; try again"
                )
            time.sleep(LOOK_EVERY)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
