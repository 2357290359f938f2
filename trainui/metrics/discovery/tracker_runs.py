"""The runs of trackers as sources: a run of a database, or a W&B log; and whose each is.

Several trainings share the databases of Trackio, Optuna and MLflow. The rule: a run belongs to the
attempt that its tag names, or that printed its name, as Trackio and Optuna do. If the attempt
printed none, the run is its own if no other attempt ran when the run began.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainui.metrics import lenient_files, trackers
from trainui.metrics.source_file import DecoderChoice, SourceFile
from trainui.metrics.tail import UnreadableFileError
from trainui.plugin import Format, TrackedRun, Tracker, registry
from trainui.plugin.registry import PluginError
from trainui.store.points.point_sources import key_of
from trainui.supervisor import protocol
from trainui.supervisor.protocol import RUN_TAG
from trainui.system import plain_files, storage

if TYPE_CHECKING:
    from trainui.store.runs.metrics_progress import Rival

_MARKED_BYTES = 1 << 20


def of_database(path: Path, *, since: float = 0) -> list[TrackedRun]:
    """Return the runs of a tracker's database; none if it is another one, or cannot be read.

    One that was not written `since` (seconds since 1970) is not read.
    """
    files = (path, path.with_name(f"{path.name}-wal"))
    is_marked_one = any(map(is_marked, files)) or trackers.is_read_as_one(path)
    if max(map(lenient_files.modified, files)) < since or not is_marked_one:
        return []
    return _read(path, "runs")


def jobs(path: Path) -> list[TrackedRun]:
    """Return the runs or trials in a tracker's database; none if it is another database."""
    if not is_marked(path) and not trackers.is_read_as_one(path):
        return []
    return _read(path, "jobs")


def _read(path: Path, which: str) -> list[TrackedRun]:
    """Return the runs that have an id: values in a damaged database may be of any type."""
    try:
        copy = trackers.copies.get(path, at_once=True)
        if copy is None or copy.tracker is None or copy.tracker.database is None:
            return []
        about = copy.tracker.database
        code = (about.jobs or about.runs) if which == "jobs" else about.runs
        runs = registry.run(copy.tracker, code, copy.connection, passes=trackers.DAMAGED)
    except (UnreadableFileError, PluginError, OSError, *trackers.DAMAGED):
        return []
    sound = (run for run in runs if isinstance(run.id, str))
    return [replace(run, name=str(run.name), tracker=copy.tracker.name) for run in sound]


def is_trackers(file: Path) -> bool:
    """Return True if a database has a tracker's tables; its content is not read.

    A new one, or one that is being changed, is judged by its text.
    """
    files = (file, file.with_name(f"{file.name}-wal"))
    return any(map(is_marked, files)) and trackers.has_tracker(file) is not False


def is_for_several(file: Path) -> bool:
    """Return True for a file in which several trainings have runs: a database, or a journal."""
    return trackers.is_named_as_one(file) or trackers.is_read_as_one(file)


def is_marked(file: Path) -> bool:
    """Return True if a database may be a tracker's: others may be large, and are not copied."""
    head = lenient_files.head(file, _MARKED_BYTES)
    return any(one.database.marker in head for one in trackers.trackers() if one.database)


def sources(
    found: Iterable[tuple[Path, Iterable[TrackedRun]]], since: float
) -> Iterator[SourceFile]:
    """Yield the sources of runs in databases, those of one database with the oldest first.

    The first run that the attempt started adds no prefix, nor do those of earlier attempts.
    """
    by_place: dict[Path, list[tuple[Path, TrackedRun]]] = {}
    for path, runs in found:
        by_place.setdefault(trackers.place_of(path), []).extend((path, run) for run in runs)
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
    is_named = format_ in {one.name for one in trackers.trackers()}
    return (is_named or trackers.is_named_as_one(path)) and (
        trackers.is_database(path) or trackers.is_read_as_one(path)
    )


def named(name: str) -> SourceFile | None:
    """Return the source that is named as one run of a database, `mlflow.db#RUN`; else None."""
    text, mark, run = name.partition("#")
    path = Path(text)
    if not mark or not (trackers.is_database(path) or trackers.is_read_as_one(path)):
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
        if new := [path for path in mine if lenient_files.modified(path) >= since]:
            prefixes |= registry.ask(plugin, plugin.prefixes, new) or {}
    return [
        replace(one, reading=replace(one.reading, prefix=prefixes[one.path]))
        if one.path in prefixes
        else one
        for one in found
    ]


_PRINTED_BLOCK = 1 << 20
_MOST_PRINTED = 16 << 20
"""Bytes of each stream that are searched: a run is usually named near the beginning."""

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
            with plain_files.open_plain(stream) as file:
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
        return storage.has_remote() and bool(storage.remote_mount(str(stream.readlink())))
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
        if trackers.place_of(path) == path:
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
        return {run for path, mark, run in keys if mark and trackers.is_part(Path(path))}
