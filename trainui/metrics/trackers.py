"""Trackers: private copies of their databases, their runs as sources, and whose each run is.

Several trainings share the databases of some trackers. The rule: a run belongs to the attempt that
its tag names, or that printed its name. If the attempt printed none, the run is its own if no other
attempt ran when the run began.
"""

from __future__ import annotations

import math
import re
import shutil
import sqlite3
import tempfile
import time
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import field, replace
from functools import lru_cache
from pathlib import Path
from sqlite3 import Connection
from typing import TYPE_CHECKING, Any

from trainui import system
from trainui.metrics import lenient
from trainui.metrics.formats import DecoderChoice, SourceFile
from trainui.metrics.lenient import as_json
from trainui.metrics.tail import UnreadableFileError, look_at
from trainui.plugin import Format, Job, TrackedRun, Tracker, registry
from trainui.plugin.registry import PluginError
from trainui.record import dataclass
from trainui.store.points.point_sources import key_of
from trainui.supervisor import protocol
from trainui.supervisor.protocol import RUN_TAG

if TYPE_CHECKING:
    from trainui.store.runs.metrics_progress import Rival

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
"""Bytes at the beginning of a database and its side files, which change with each commit."""

MOST_ROWS = 10_000
"""Rows read at once."""

_MARKED_BYTES = 1 << 20
"""Bytes in which a tracker's table is named: its schema is at the beginning."""

_PRINTED_BLOCK, _MOST_PRINTED = 1 << 20, 16 << 20
"""Bytes of each stream that are searched at once, and in all: a run is usually named near the
beginning."""

_Version = tuple[Any, ...]
"""State of a database and its side files at one moment."""


# Reads a tracker's SQLite database from a private copy, so that its writer never notices.
#
# A reader that opens the database itself can make the tracker's own write fail, leaves side files
# behind, or reads half of a commit.


@dataclass(frozen=True, slots=True)
class DatabaseCopy:
    """A copy of a tracker's database, as it was at one moment."""

    version: _Version | None
    connection: sqlite3.Connection
    tracker: Tracker | None
    """None: it is of no known tracker."""


def is_database(path: Path) -> bool:
    """Return True if a file is an SQLite database."""
    return lenient.known_head(path, look_at(path)).startswith(MAGIC)


def version(path: Path) -> _Version | None:
    """Return the present state of a database; None if there is none."""
    tracker = _standing_for(path)
    if tracker is not None and tracker.database is not None and tracker.database.version:
        found = registry.ask(tracker, tracker.database.version, path)
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
        if (reads := _reader_of(path)) is not None and reads.database is not None:
            code = reads.database.open_file
            connection = registry.run(reads, code, path, passes=(OSError, *DAMAGED))
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
    return [lenient.head(path.with_name(path.name + side), _HEADER_BYTES) for side in ("", *SIDES)]


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
    known = ((one, database) for one in with_databases() if (database := one.database))
    return next((one for one, database in known if tables.issuperset(database.tables)), None)


def with_databases() -> list[Tracker]:
    """Return the trackers that have databases."""
    return [one for one in registry.records(Tracker) if one.database is not None]


def rewritten() -> set[str]:
    """Return the trackers that open their databases for each write, and record no end."""
    return {one.name for one in with_databases() if one.database and one.database.is_rewritten}


def _standing_for(path: Path) -> Tracker | None:
    """Return the tracker for whose database a file stands by its path; None: it is plain."""
    for one in with_databases():
        if one.database and one.database.paths and re.fullmatch(one.database.paths, str(path)):
            return one
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


def _reader_of(path: Path) -> Tracker | None:
    """Return the tracker that opens a file that is no SQLite database, but is read as one."""
    for one in with_databases():
        if one.database and registry.ask(one, one.database.is_file, path):
            return one
    return None


def is_read_as_one(path: Path) -> bool:
    """Return True for a file that is no SQLite database, but is read as one, such as a journal."""
    return _reader_of(path) is not None


# What the code of all trackers with databases needs.


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


# The runs of trackers as sources: a run of a database, or a log.


def of_database(path: Path, *, since: float = 0) -> list[TrackedRun]:
    """Return the runs of a tracker's database; none if it is another one, or cannot be read.

    One that was not written `since` (seconds since 1970) is not read.
    """
    files = (path, path.with_name(f"{path.name}-wal"))
    is_marked_one = any(map(is_marked, files)) or is_read_as_one(path)
    if max(map(lenient.modified, files)) < since or not is_marked_one:
        return []
    return _read(path, "runs")


def jobs(path: Path) -> list[TrackedRun]:
    """Return the runs or trials in a tracker's database; none if it is another database."""
    if not is_marked(path) and not is_read_as_one(path):
        return []
    return _read(path, "jobs")


def _read(path: Path, which: str) -> list[TrackedRun]:
    """Return the runs that have an id: values in a damaged database may be of any type."""
    try:
        copy = copies.get(path, at_once=True)
        if copy is None or copy.tracker is None or copy.tracker.database is None:
            return []
        about = copy.tracker.database
        code = (about.jobs or about.runs) if which == "jobs" else about.runs
        runs = registry.run(copy.tracker, code, copy.connection, passes=DAMAGED)
    except (UnreadableFileError, PluginError, OSError, *DAMAGED):
        return []
    sound = (run for run in runs if isinstance(run.id, str))
    return [replace(run, name=str(run.name), tracker=copy.tracker.name) for run in sound]


def is_trackers(file: Path) -> bool:
    """Return True if a database has a tracker's tables; its content is not read.

    A new one, or one that is being changed, is judged by its text.
    """
    files = (file, file.with_name(f"{file.name}-wal"))
    return any(map(is_marked, files)) and has_tracker(file) is not False


def is_for_several(file: Path) -> bool:
    """Return True for a file in which several trainings have runs: a database, or a journal."""
    return is_named_as_one(file) or is_read_as_one(file)


def is_marked(file: Path) -> bool:
    """Return True if a database may be a tracker's: others may be large, and are not copied."""
    head = lenient.head(file, _MARKED_BYTES)
    return any(one.database.marker in head for one in with_databases() if one.database)


def sources(
    found: Iterable[tuple[Path, Iterable[TrackedRun]]], since: float
) -> Iterator[SourceFile]:
    """Yield the sources of runs in databases, those of one database with the oldest first.

    The first run that the attempt started adds no prefix, nor do those of earlier attempts.
    """
    by_place: dict[Path, list[tuple[Path, TrackedRun]]] = {}
    for path, runs in found:
        by_place.setdefault(place_of(path), []).extend((path, run) for run in runs)
    parts = {run.id for pairs in by_place.values() for _path, run in pairs if run.database}
    for place, pairs in by_place.items():
        if any(place == path for path, _run in pairs):
            pairs = [(path, run) for path, run in pairs if run.id not in parts]
        else:
            pairs.sort(key=lambda pair: pair[1].started or math.inf)
        yield from _of_place(pairs, since)


def _of_place(pairs: Sequence[tuple[Path, TrackedRun]], since: float) -> Iterator[SourceFile]:
    new = dict.fromkeys(run.id for _path, run in pairs if (run.started or math.inf) >= since)
    names = Counter[str]()
    prefixes: dict[str, str] = {}
    for path, run in pairs:
        if run.id not in prefixes:
            prefixes[run.id] = ""
            if run.id in [*new][1:] or run.parent:
                names[run.name] += 1
                count = names[run.name]
                prefixes[run.id] = f"{run.name}/" if count == 1 else f"{run.name}-{count}/"
        yield SourceFile(
            f"{key_of(path)}#{run.id}",
            path,
            DecoderChoice(prefix=prefixes[run.id], doubtful=True),
            family="tracker",
            run=run.id,
        )


def may_be_database(path: Path, format_: str | None) -> bool:
    """Return True if a named file is a database; only likely files are opened."""
    is_named = format_ in {one.name for one in with_databases()}
    return (is_named or is_named_as_one(path)) and (is_database(path) or is_read_as_one(path))


def named(name: str) -> SourceFile | None:
    """Return the source that is named as one run of a database, `FILE.db#RUN`; else None."""
    text, mark, run = name.partition("#")
    path = Path(text)
    if not mark or not (is_database(path) or is_read_as_one(path)):
        return None
    return SourceFile(f"{key_of(path)}#{run}", path, DecoderChoice(), named=True, run=run)


def is_of(run: TrackedRun, attempt_dir: Path, since: float, *, alone: bool) -> bool:
    """Return True if an attempt started a run, which was `alone` if no other could have."""
    if RUN_TAG in run.tags:
        return run.tags[RUN_TAG] == str(attempt_dir)
    return alone and (run.started or -math.inf) >= since


def with_prefixes(found: Iterable[SourceFile], since: float) -> list[SourceFile]:
    """Return sources with the prefixes by which a format keeps the runs of one attempt apart.

    Runs from before it started, at `since`, are those of earlier attempts.
    """
    found = list(found)
    prefixes: dict[Path, str] = {}
    for plugin in registry.records(Format):
        mine = [one.path for one in found if plugin.prefixes and one.family == plugin.family]
        if new := [path for path in mine if lenient.modified(path) >= since]:
            prefixes |= registry.ask(plugin, plugin.prefixes, new) or {}
    return [
        replace(one, reading=replace(one.reading, prefix=prefixes[one.path]))
        if one.path in prefixes
        else one
        for one in found
    ]


_NamedRun = tuple[str, str, str]
"""Tracker, stem of the database's name or empty, and name of the run."""


class PrintedRuns:
    """The runs that the output of one attempt names."""

    def __init__(self, attempt_dir: Path) -> None:
        self._streams = [attempt_dir / protocol.STDOUT_FILE, attempt_dir / protocol.STDERR_FILE]
        self._offsets = dict.fromkeys(self._streams, 0)
        self._memory = defaultdict[str, dict[str, Any]](dict)
        """By tracker: what it keeps of the output so far."""
        self.places = set[str]()
        """The directories of databases that were named."""
        self.counts: Counter[_NamedRun] = Counter()
        """How often each run was named."""

    def update(self) -> Counter[_NamedRun]:
        """Search what was printed since the last call; return all that was named."""
        for stream in self._streams:
            if not _is_remote(stream):
                self._search(stream)
        return self.counts

    def _search(self, stream: Path) -> None:
        try:
            with system.open_plain(stream) as file:
                file.seek(self._offsets[stream])
                while self._offsets[stream] < _MOST_PRINTED and (
                    block := file.read(_PRINTED_BLOCK)
                ):
                    whole = block[: max(block.rfind(b"\n"), block.rfind(b"\r")) + 1]
                    if not whole and len(block) < _PRINTED_BLOCK:
                        return  # a line that is not finished
                    self._add(whole)
                    self._offsets[stream] += len(whole or block)
                    file.seek(self._offsets[stream])
        except OSError:
            return

    def _add(self, text: bytes) -> None:
        for tracker in registry.records(Tracker):
            named = registry.ask(tracker, tracker.printed, text, self._memory[tracker.name])
            for one in named or ():
                self.places.update([one.place] if one.place else [])
                if one.run:
                    self.counts[tracker.name, one.database, one.run] += 1


def _is_remote(stream: Path) -> bool:
    """Return True for a log that links to a file system which may not answer: an external run's."""
    try:
        return system.has_remote() and bool(system.remote_mount(str(stream.readlink())))
    except OSError:
        return False  # no link


printed_by = lru_cache(maxsize=1024)(PrintedRuns)
"""The runs that the output of an attempt names, shared by all that ask."""


def divide(
    path: Path,
    found: Iterable[TrackedRun],
    since: float,
    printed: PrintedRuns,
    rivals: Sequence[Rival],
) -> tuple[list[TrackedRun], list[TrackedRun]] | None:
    """Return those of the runs found in a database that are an attempt's, and those in doubt.

    What it and its rivals, which have run `since` it started, have printed decides. None if the
    output names no run of this tracker.
    """
    runs = list(found)
    tracker = runs[0].tracker if runs else ""
    if not any(named[0] == tracker for named in printed.update()):
        return None
    own: list[TrackedRun] = []
    doubtful: list[TrackedRun] = []
    for named in printed.counts:
        name = named[2]
        if named[0] != tracker:
            continue
        alike = [
            run for run in runs if run.name == name and named[1] in ("", run.database or path.stem)
        ]
        counts = ((one, printed_by(one.attempt_dir).update()) for one in rivals)
        others = [(one, known[named]) for one, known in counts]
        for run in alike:
            if (run.started or 0.0) >= since:
                (own if _is_own(run, alike, since, others) else doubtful).append(run)
    return sorted(own, key=runs.index), doubtful


def _is_own(
    run: TrackedRun, alike: Iterable[TrackedRun], since: float, others: Iterable[tuple[Rival, int]]
) -> bool:
    """Return True if no other can have started a run; `others` printed its name so often."""
    started = run.started or 0.0
    older = [one.started or 0.0 for one in alike if (one.started or 0.0) < since]
    return all(
        not rival.ran_at(started) or sum(map(rival.ran_at, older)) >= count
        for rival, count in others
    )


def is_near(rival: Rival, workdir: Path) -> bool:
    """Return True if another attempt works in a directory, below it or above it."""
    return rival.workdir.is_relative_to(workdir) or workdir.is_relative_to(rival.workdir)


@dataclass
class DatabaseRuns:
    """The runs of one attempt in databases that other attempts may write too."""

    attempt_dir: Path
    workdir: Path
    printed: PrintedRuns
    known: frozenset[str] = frozenset()
    """Keys of the stage's stored sources: a run of an earlier attempt may be continued."""
    doubtful: dict[Path, str] = field(default_factory=dict)
    """By database: the name of a run that may be another attempt's."""

    def runs_in(self, path: Path, rivals: Sequence[Rival], since: float) -> list[TrackedRun]:
        """Return the attempt's runs in a database; the other arguments are those of a search."""
        found = of_database(path, since=since)
        if not found:
            return []
        divided = divide(path, found, since, self.printed, rivals)
        own, doubtful = divided or ([], [])
        self.doubtful.pop(path, None)
        if doubtful:
            self.doubtful[path] = doubtful[0].name
        if place_of(path) == path:
            found = [run for run in found if run.id not in self._in_parts()]
        shared = not path.is_relative_to(self.workdir)
        near = [one for one in rivals if shared or is_near(one, self.workdir)]
        return [
            run
            for run in found
            if f"{key_of(path)}#{run.id}" in self.known
            or run in own
            or is_of(
                *(run, self.attempt_dir, since),
                alone=divided is None and not any(one.ran_at(run.started or 0) for one in near),
            )
        ]

    def _in_parts(self) -> set[str]:
        """Return the runs that were read from what their tracker moves into a database later."""
        keys = (key.rpartition("#") for key in self.known)
        return {run for path, mark, run in keys if mark and is_part(Path(path))}
