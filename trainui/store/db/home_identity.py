"""The identity of a home: detects a copy, from which nothing of its original may be changed.

A home has a random id, in its database and in `home.json`, and its database notes where it is. A
copied home (`cp -a`, an unpacked backup) has the id and the runs of its original, whose directories
and processes it would take for its own. It is a copy if it is somewhere else than noted and a home
with its id is still there, or that place cannot be looked at. Neither host name nor boot counts:
a container gets new ones at each start. Where several homes share a PostgreSQL, the file of each
has what else the database notes.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import sqlite3
import sys
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import asdict
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainui import paths, settings, system
from trainui.errors import CopiedHomeError, TrainuiError
from trainui.paths import Home
from trainui.record import dataclass
from trainui.store.db import home_look, sqlite_file, statements
from trainui.store.db.statements import Connection

if TYPE_CHECKING:
    from trainui.model.records import RunRecord

LOOKS_EVERY = 10.0
"""Seconds for which a look at another home is used."""

DECIDE = (
    "`trainui worker start --as-copy` makes it a home of its own, `--moved` says that it replaces "
    "the other one"
)

PATH_COLUMNS = (
    ("runs", "id", "directory"),
    ("stages", "id", "directory"),
    ("attempts", "id", "directory"),
    ("attempts", "id", "checkpoint"),
    ("sources", "id", "key"),
)
"""Columns with one path each: table, key, column."""

JSON_COLUMNS = (
    ("runs", "id", "submission_json"),
    ("runs", "id", "params_json"),
    ("stages", "id", "definition_json"),
    ("stages", "id", "result_json"),
    ("attempts", "id", "definition_json"),
    ("attempts", "id", "inputs_json"),
    ("attempts", "id", "kept_json"),
    ("attempts", "id", "result_json"),
    ("events", "id", "data_json"),
    ("sources", "id", "state_json"),
)
"""Columns with paths in JSON, e.g. in a command with `${run_dir}`."""

_OF_HOST = {
    "runs": "host = ?",
    "stages": "run_id IN (SELECT id FROM runs WHERE host = ?)",
    "events": "run_id IN (SELECT id FROM runs WHERE host = ?)",
    "attempts": "host = ?",
    "sources": "owner IN (SELECT stages.id FROM stages JOIN runs ON runs.id = run_id "
    "WHERE host = ?)",
}
"""The condition that a row belongs to a run of a host."""


class Kind(Enum):
    """How a home stands to what its database notes."""

    UNNOTED = "unnoted"
    """It has no id yet."""
    SAME = "same"
    """It is where it was noted."""
    MOVED = "moved"
    """It was renamed or restored: no other home has its id."""
    COPY = "copy"
    """A home with its id is where this one was noted."""
    UNKNOWN = "unknown"
    """The noted place cannot be looked at."""
    FOREIGN = "foreign"
    """Its database has another id than its file: it was put there."""
    ELSEWHERE = "elsewhere"
    """It was moved or restored, but processes of its stages run in another directory."""


STARTS = frozenset({Kind.UNNOTED, Kind.SAME, Kind.MOVED})
"""Kinds of homes that may be changed, and in which a worker may start."""


@dataclass(frozen=True, slots=True)
class Noted:
    """What the database notes of a home."""

    id: str
    root: str
    """Its path as it was given: the directories of its runs begin with it."""
    path: str
    """The same without links."""
    place: str
    """Device and inode."""
    mount: str
    """The mountpoint of its file system."""

    @property
    def roots(self) -> tuple[str, ...]:
        """The paths that the directories of its runs may begin with."""
        return tuple(dict.fromkeys((self.root, self.path)))


@dataclass(frozen=True, slots=True)
class Standing:
    """How a home stands to what its database notes, and why."""

    kind: Kind
    root: Path
    noted: Noted | None = None
    original: str = ""
    """The path of the other home."""
    why: str = ""

    @property
    def words(self) -> str:
        """Return in a few words what is wrong with it, with both paths; empty if nothing is."""
        if self.kind in STARTS:
            return ""
        return {
            Kind.COPY: f"{self.root} is a copy of the home {self.original}",
            Kind.UNKNOWN: f"{self.root} may be a copy of the home {self.original}, which "
            f"cannot be looked at ({self.why})",
            Kind.FOREIGN: f"the database in {self.root} is that of another home, {self.original}",
            Kind.ELSEWHERE: f"{self.root} has the runs of the home {self.original}, of which "
            f"processes still run elsewhere ({self.why})",
        }[self.kind]

    @property
    def advice(self) -> str:
        """Return the same with what to do about it."""
        return f"{self.words}: nothing can be changed from here; {DECIDE}"

    def check(self) -> None:
        """Raise CopiedHomeError if nothing may be changed from this home."""
        if self.kind not in STARTS:
            raise CopiedHomeError(self.advice)


def id_of(home: Home) -> str:
    """Return the id in a home's file; empty if it has none yet."""
    return str(_read(home).get("id", ""))


def standing_of(database: Path | None, home: Home) -> Standing:
    """Return how a home stands to what is noted of it; `UNNOTED` if that cannot be read.

    `database` is its SQLite file; None: the database is on a server. Those who need the database
    report why it cannot be read. It is opened only if something has changed: a screen asks every
    two seconds, and would not rest.
    """
    files = [home.root, home.identity, *([database] if database else [])]
    state = tuple(_state_of(file) for file in files)
    found = _standing(database, home, state, 0)
    if found.kind in STARTS:
        return found
    return _standing(database, home, state, 1 + int(time.monotonic() / LOOKS_EVERY))


def _state_of(file: Path) -> tuple[int, ...] | None:
    """Return what changes if a file or directory is replaced, or `home.json` is written."""
    found = system.look(file)
    return None if found is None else (found.st_dev, found.st_ino)


@lru_cache(maxsize=8)
def _standing(database: Path | None, home: Home, _state: object, _time: int) -> Standing:
    try:
        if database is None or not database.exists():
            return look(None, home)
        with closing(sqlite_file.connect_to_look(database)) as connection:
            return look(connection, home)
    except (sqlite3.Error, OSError, TrainuiError):
        return Standing(Kind.UNNOTED, home.root)


def check() -> None:
    """Raise CopiedHomeError if nothing may be changed from this home."""
    standing_of(sqlite_file.store_file(), paths.home()).check()


def check_run(run: RunRecord) -> None:
    """Raise CopiedHomeError for a run that belongs to the home that this one was copied from."""
    if run.original is not None:
        raise CopiedHomeError(
            f"{run.name} ({run.id}) is a run of the home {run.original}, of which this one is a "
            f"copy, and is in {run.directory}: it can only be read here; use the other home"
        )


def look(connection: Connection | None, home: Home) -> Standing:
    """Return how a home stands to what is noted of it.

    Without a connection, its processes that run elsewhere are not searched for.
    """
    written = _read(home)
    noted = _noted(connection, written)
    if noted is None:
        return Standing(Kind.UNNOTED, home.root)
    path, place = os.path.realpath(home.root), home_look.place_of(str(home.root))
    moved_to = str(written.get("moved_to") or "")
    if moved_to and _is_another(_look(moved_to), noted.id, place):
        return Standing(Kind.COPY, home.root, noted, moved_to)
    if (path, place) == (noted.path, noted.place):
        return Standing(Kind.SAME, home.root, noted)
    if written.get("id", noted.id) != noted.id:
        return Standing(Kind.FOREIGN, home.root, noted, noted.path)
    if path != noted.path and (found := _by_noted_path(home, noted, place)) is not None:
        return found
    if connection and (pids := running_elsewhere(connection, noted.roots, home)):
        return Standing(Kind.ELSEWHERE, home.root, noted, noted.path, pids)
    return Standing(Kind.MOVED, home.root, noted)


def _by_noted_path(home: Home, noted: Noted, place: str) -> Standing | None:
    """Return how a home stands by what is at its noted path; None: it is no longer there."""
    there = _look(noted.path)
    if there.get("place") == place:
        return Standing(Kind.SAME, home.root, noted)  # by a link or a second mount
    if _is_another(there, noted.id, place):
        return Standing(Kind.COPY, home.root, noted, noted.path)
    why = str(there.get("error", ""))
    if not (why or place == noted.place or noted.mount in system.file_system_types()):
        why = f"no file system is mounted at {noted.mount}"
    return Standing(Kind.UNKNOWN, home.root, noted, noted.path, why) if why else None


def settle(connection: Connection, home: Home) -> bool:
    """Note a home that has no id yet or was moved, with new paths for its runs.

    It runs in a write transaction. Returns True if there was nothing to do.

    Raises:
        CopiedHomeError: it is a copy, or cannot be shown not to be one.
    """
    found = look(connection, home)
    found.check()
    is_shared = not isinstance(connection, sqlite3.Connection)
    is_noted = found.noted is not None and (is_shared or _row(connection) is not None)
    if found.kind is not Kind.SAME or not is_noted:
        note(connection, home, found.noted)
        return False
    if found.noted is not None and _read(home) != asdict(found.noted):
        with suppress(OSError):  # e.g. a full disk; the database has the same
            _write(home, asdict(found.noted))
    return True


def note(
    connection: Connection, home: Home, before: Noted | None, *, as_new: bool = False
) -> Noted:
    """Note where a home is now, and change the paths of its runs to that.

    `as_new`: with a new id.
    """
    is_shared = not isinstance(connection, sqlite3.Connection)
    path = os.path.realpath(paths.make_private(home.root))
    now = Noted(
        id=os.urandom(16).hex() if as_new or before is None else before.id,
        root=str(home.root),
        path=path,
        place=home_look.place_of(path),
        mount=_mount_of(path),
    )
    if before is not None and not (is_shared and as_new):  # those are of the original
        host = settings.host() if is_shared else None
        for old in before.roots:
            move_runs(connection, old, now.root, host)
    if not is_shared:
        connection.execute("DELETE FROM homes")
        statements.insert(connection, "homes", [asdict(now)])
    _write(home, asdict(now))
    return now


def give_up(original: Home, home: Home) -> None:
    """Write into the original that this home replaces it, if that is possible."""
    with suppress(OSError):
        _write(original, {**_read(original), "moved_to": os.path.realpath(home.root)})


def _read(home: Home) -> dict[str, Any]:
    return system.read_object(home.identity) or {}


def _write(home: Home, content: Mapping[str, Any]) -> None:
    paths.write_private(home.identity, json.dumps(content) + "\n")


def _noted(connection: Connection | None, written: Mapping[str, Any]) -> Noted | None:
    """Return what is noted of this home; None if nothing is yet.

    The file counts where the database lacks it, e.g. if its log was lost when it was copied.
    """
    if (row := _row(connection)) is not None:
        return row
    names = Noted.__dataclass_fields__
    known = {name: written[name] for name in names if name in written}
    return Noted(**known) if len(known) == len(names) else None


def _row(connection: Connection | None) -> Noted | None:
    """Return what a SQLite database notes of its home."""
    if not isinstance(connection, sqlite3.Connection):
        return None
    names = ", ".join(Noted.__dataclass_fields__)
    row = connection.execute(f"SELECT {names} FROM homes").fetchone()
    return None if row is None else Noted(*row)


def _is_another(there: Mapping[str, Any], home_id: str, place: str) -> bool:
    """Return True if a place that was looked at is another home with this id."""
    return home_id in there.get("ids", ()) and there.get("place") != place


def _look(path: str) -> dict[str, Any]:
    """Look at another home; `error` says why that was not possible."""
    return _look_now(path, int(time.monotonic() / LOOKS_EVERY))


@lru_cache(maxsize=8)
def _look_now(path: str, _time: int) -> dict[str, Any]:
    import subprocess  # rarely needed

    # in a child process, since a file system may not answer, and then nothing ends the look
    child = subprocess.Popen(
        [sys.executable, "-IS", home_look.__file__, path],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd="/",
    )
    try:
        said, _ = child.communicate(timeout=system.ANSWERS_WITHIN)
        found = json.loads(said)
    except subprocess.TimeoutExpired:
        child.kill()  # it is not waited for
        return {"error": f"no answer in {system.ANSWERS_WITHIN:.0f} s"}
    except ValueError:
        return {"error": f"exit code {child.returncode}"}
    return found if isinstance(found, dict) else {"error": "no answer"}


def _mount_of(path: str) -> str:
    """Return the mountpoint of the file system that a path without links is on."""
    known = system.file_system_types()
    return next((str(up) for up in (Path(path), *Path(path).parents) if str(up) in known), "/")


def moved_path(path: str, old: Iterable[str], new: str) -> str:
    """Return where a path is after a home moved from one of its `old` paths; itself if outside."""
    for one in old:
        if path.startswith(f"{one}/"):
            return new + path[len(one) :]
    return path


def move_runs(connection: Connection, old: str, new: str, host: str | None = None) -> None:
    """Replace the path of a home in all paths below it; on a shared database, of one host's runs.

    In texts it is replaced where it is not the end of a longer path.
    """
    if old == new:
        return
    for table, key, column in PATH_COLUMNS:
        _move_column(connection, (table, key, column), f"{old}/", new, host)
    for table, key, column in JSON_COLUMNS:
        _move_column(connection, (table, key, column), f"{old}/", new, host, is_json=True)


def _move_column(
    connection: Connection,
    place: tuple[str, str, str],
    old: str,
    new: str,
    host: str | None,
    *,
    is_json: bool = False,
) -> None:
    table, key, column = place
    if is_json:
        old, new = (json.dumps(one, ensure_ascii=False)[1:-1] for one in (old, new))
    condition, parameters = f"{column} LIKE ? ESCAPE '!'", [f"{'%' * is_json}{_escaped(old)}%"]
    if host is not None:
        condition, parameters = f"{condition} AND {_OF_HOST[table]}", [*parameters, host]
    found = connection.execute(
        f"SELECT {key}, {column} FROM {table} WHERE {condition}", tuple(parameters)
    ).fetchall()
    pattern = re.compile(rf"(?<![\w./-]){re.escape(old)}" if is_json else f"^{re.escape(old)}")
    for row_id, text in found:
        changed = pattern.sub(lambda _: f"{new}/", text)
        if changed != text:
            connection.execute(
                f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (changed, row_id)
            )


def _escaped(text: str) -> str:
    return re.sub(r"([!%_])", r"!\1", text)


def running_elsewhere(connection: Connection, roots: Collection[str], home: Home) -> str:
    """Return the processes of a home's stages that run in another directory: stages and pids.

    `roots` are the paths that the home had. An attempt's lock, or its log, shows where it runs.
    """
    return ", ".join(f"{stage}: pid {pid}" for pid, stage in _elsewhere(connection, roots, home))


def _elsewhere(
    connection: Connection, roots: Collection[str], home: Home
) -> Iterator[tuple[int, str]]:
    from trainui.supervisor import protocol  # rarely needed
    from trainui.supervisor.supervise import list_processes

    names = protocol.IDENTITY
    found: dict[int, dict[str, str]] = {}
    for process in list_processes():
        if not process.dead and process.pid != os.getpid():
            identity = _variables_of(process.pid, names)
            if all(identity.get(name) for name in names):
                found[process.pid] = identity
    for pid, identity in found.items():
        run_id, stage, number, run_dir = (identity[name] for name in names)
        row = connection.execute(
            "SELECT runs.directory, stages.directory FROM stages JOIN runs ON runs.id = run_id "
            "WHERE run_id = ? AND stages.name = ?",
            (run_id, stage),
        ).fetchone()
        if row is None or row[0] != run_dir:
            continue
        own = moved_path(row[1], roots, str(home.root))
        if own != row[1] or str(home.root) in roots:
            attempt = paths.attempt_directory(Path(own), int(number))
            logs = [attempt / protocol.STDOUT_FILE, attempt / protocol.STDERR_FILE]
            if not _is_locked(attempt / protocol.LOCK_FILE) and not _writes(pid, logs):
                yield pid, stage


def _variables_of(pid: int, names: tuple[str, ...]) -> dict[str, str]:
    try:
        environ = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return {}
    pairs = (os.fsdecode(one).partition("=") for one in environ)
    return {name: value for name, _, value in pairs if name in names}


def _is_locked(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _writes(pid: int, logs: Iterable[Path]) -> bool:
    """Return True if a process has the logs of an attempt, or one of them, as its output."""
    for descriptor, log in enumerate(logs, start=1):
        with suppress(OSError):
            if os.path.samefile(f"/proc/{pid}/fd/{descriptor}", log):  # noqa: PTH121
                return True
    return False
