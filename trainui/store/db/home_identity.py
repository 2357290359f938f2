"""The identity of a home: detects a copy, from which nothing of its original may be changed.

A home has a random id, in its database and in `home.json`, and its database notes where it is. A
copied home (`cp -a`, an unpacked backup) has the id and the runs of its original, whose directories
and processes it would take for its own. It is a copy if it is somewhere else than noted and a home
with its id is still there, or that place cannot be looked at. Neither host name nor boot counts:
a container gets new ones at each start. Where several homes share a PostgreSQL, the file of each
has what else the database notes.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainui import paths, settings
from trainui.errors import CopiedHomeError, TrainuiError
from trainui.paths import Home
from trainui.store.db import home_look, relocation, sqlite_file, statements
from trainui.store.db.protocol import Connection
from trainui.system import mounts, plain_files

if TYPE_CHECKING:
    from trainui.model.records import RunRecord

LOOKS_EVERY = 10.0
"""Seconds for which a look at another home is used."""

DECIDE = (
    "`trainui worker start --as-copy` makes it a home of its own, `--moved` says that it replaces "
    "the other one"
)


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
    found = plain_files.look(file)
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
    if connection:
        from trainui.store.db import home_processes  # rarely needed

        if pids := home_processes.elsewhere(connection, noted.roots, home):
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
    if not (why or place == noted.place or noted.mount in mounts.kinds()):
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
            relocation.move(connection, old, now.root, host)
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
    return plain_files.read_object(home.identity) or {}


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
        said, _ = child.communicate(timeout=mounts.ANSWERS_WITHIN)
        found = json.loads(said)
    except subprocess.TimeoutExpired:
        child.kill()  # it is not waited for
        return {"error": f"no answer in {mounts.ANSWERS_WITHIN:.0f} s"}
    except ValueError:
        return {"error": f"exit code {child.returncode}"}
    return found if isinstance(found, dict) else {"error": "no answer"}


def _mount_of(path: str) -> str:
    """Return the mountpoint of the file system that a path without links is on."""
    known = mounts.kinds()
    return next((str(up) for up in (Path(path), *Path(path).parents) if str(up) in known), "/")
