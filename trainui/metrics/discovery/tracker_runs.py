"""The runs of trackers as sources: a run of a database, or a W&B log."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from trainui.metrics import trackers
from trainui.metrics.discovery.source_file import SourceFile
from trainui.metrics.files import lenient_files
from trainui.metrics.files.decoder_choice import DecoderChoice
from trainui.metrics.files.tail import UnreadableFileError
from trainui.plugin import Format, TrackedRun, registry
from trainui.plugin.registry import PluginError
from trainui.store.points.point_sources import key_of
from trainui.supervisor.protocol import RUN_TAG

DATABASE = re.compile(r".*\.(db|sqlite3?)")
"""Names of files that may be a tracker's database."""

_MARKED_BYTES = 1 << 20


def of_database(path: Path, *, since: float = 0) -> list[TrackedRun]:
    """Return the runs of a tracker's database; none if it is another one, or cannot be read.

    One that was not written `since` (seconds since 1970) is not read.
    """
    files = (path, path.with_name(f"{path.name}-wal"))
    if max(map(lenient_files.modified, files)) < since or not any(map(is_marked, files)):
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
    return DATABASE.fullmatch(file.name) is not None or trackers.is_read_as_one(file)


def is_marked(file: Path) -> bool:
    """Return True if a database may be a tracker's: others may be large, and are not copied."""
    head = lenient_files.head(file, _MARKED_BYTES)
    return any(one.database.marker in head for one in trackers.trackers() if one.database)


def sources(path: Path, runs: Iterable[TrackedRun], since: float) -> Iterator[SourceFile]:
    """Yield the sources of some runs of a database, the oldest first.

    The first run that the attempt started adds no prefix, nor do those of earlier attempts.
    """
    runs = list(runs)
    others = [run.id for run in runs if (run.started or math.inf) >= since][1:]
    names = Counter[str]()
    for run in runs:
        prefix = ""
        if run.id in others or run.parent:
            names[run.name] += 1
            prefix = f"{run.name}/" if names[run.name] == 1 else f"{run.name}-{names[run.name]}/"
        yield SourceFile(
            f"{key_of(path)}#{run.id}",
            path,
            DecoderChoice(prefix=prefix, doubtful=True),
            family="tracker",
            run=run.id,
        )


def may_be_database(path: Path, format_: str | None) -> bool:
    """Return True if a named file is a database; only likely files are opened."""
    is_named = format_ in {one.name for one in trackers.trackers()}
    return (is_named or DATABASE.fullmatch(path.name) is not None) and trackers.is_database(path)


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
