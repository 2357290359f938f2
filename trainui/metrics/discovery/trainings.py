"""Finds the trainings below a directory that trainui did not start, by the files they left.

A directory with a marker (a tracker's or a framework's own file) is one training with all that is
in it. Files with usual names elsewhere are a training for each directory. Nothing is written,
locked or followed through a link.

The trainings of frameworks that write open formats are found by functions here (`_FINDERS`), those
of trackers by plugins.
"""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any

from trainui import system
from trainui.metrics import lenient, trackers
from trainui.metrics.discovery import default_sources, file_writers
from trainui.metrics.lenient import flat as flat
from trainui.metrics.tail import UnreadableFileError
from trainui.metrics.trackers import tracked
from trainui.plugin import Format, Place, Tracker, registry
from trainui.plugin import Job as Job
from trainui.plugin import Training as Training
from trainui.plugin.records import study_of

MOST_ENTRIES = 500_000
"""Directory entries that are examined, as a limit for e.g. a whole home directory."""

MAX_DEPTH = 12
"""Levels of directories that are searched: deeper ones are caches and packages."""

MOST_SKEW = 3600.0
"""Seconds that the clock of a file's machine may be ahead; a later time is no recent write, but
of a clock that was changed."""

_QUIET = 60.0
"""Seconds without a change after which a training has ended whose tracker opens its file for each
write, and may record no end."""

_FRAMEWORK_QUIET = 60.0
"""A training that opens its files for each write has ended after so many seconds."""
_PLAIN_QUIET = 10.0
"""The same where the writer is not known, which usually keeps its files open."""

_SKIPPED = re.compile(r"__pycache__|node_modules|site-packages|artifacts|\.git|\.venv|\.cache")

_Find = Callable[[Place], Training | None]


def state(job: Job, open_paths: frozenset[str]) -> str:
    """Return `running`, `completed`, `failed`, `cancelled`, or `ended` if nobody knows how.

    `open_paths` are the files that processes have open for writing.
    """
    if job.status not in (None, "running"):
        return job.status
    if job.run and job.sources:  # a killed run stays `running` in its database
        file = str(job.sources[0][0]).partition("#")[0]
        runs = job.status is not None and str(Path(file).resolve()) in open_paths
    else:
        runs = job.status is not None or file_writers.is_any_below(job.directory, open_paths)
    age = time.time() - last_change(job) if job.quiet > 0 else math.inf
    is_recent = -MOST_SKEW < age < job.quiet
    return "running" if runs or is_recent else "ended"


def last_change(job: Job) -> float:
    """Return when a training's files changed last, in seconds since 1970."""
    if job.run:
        return job.ended or 0.0
    if job.sources is not None:
        return max((lenient.modified(path) for path, _format in job.sources), default=0.0)
    return max(map(lenient.modified, default_sources.usual_files(job.directory)), default=0.0)


LeftOut = dict[Path, str]
"""What a search passed over although it may have trainings -> why, and what to do."""


def below(path: Path, left_out: LeftOut | None = None) -> list[Training]:
    """Return the trainings in a directory and below it, or that of a file.

    Args:
        left_out: gets what was passed over.

    Raises:
        OSError: the path cannot be read.
        UnreadableFileError: it is a damaged database.
    """
    search = _Search({} if left_out is None else left_out)
    if path.is_file():
        # raises if it is damaged
        if trackers.is_database(path) and trackers.copies.get(path, at_once=True) is None:
            raise UnreadableFileError(f"{path} is being written; try again")
        place = Place(path.parent, (), (path.name,))
        found = _marked(place) or _by(plain, place)
        of_file = in_databases(place) or ([found] if found is not None else [])
        return [one for training in of_file for one in search.storable(training)]
    os.scandir(path).close()  # raises if it is not a readable directory
    found_below = list(search.below(path.absolute(), 0))
    for tracker in registry.records(Tracker):
        found_below = registry.ask(tracker, tracker.joined, found_below) or found_below
    return found_below


class _Search:
    """A search of a directory and those below it."""

    def __init__(self, left_out: LeftOut) -> None:
        self._left_out = left_out
        self._entries_left = MOST_ENTRIES

    def below(self, path: Path, depth: int) -> Iterator[Training]:
        place = Place.of(path)
        if place.problem is not None:
            self._left_out[path] = place.problem
        self._entries_left -= len(place.directories) + len(place.files)
        if self._entries_left < 0:
            self._left_out[path] = (
                f"only the first {MOST_ENTRIES:,} files and directories were examined; add this "
                "directory, or those that have trainings, alone"
            )
            return
        if (unread := default_sources.unread(path)) is not None:
            self._left_out[path] = (
                f"its files are {unread.label}'s, which are not read; {unread.unread}"
            )
            return
        if (marked := _marked(place)) is not None:
            yield from self.storable(marked)
            return
        yield from self._in_databases(place)
        if (found := _by(plain, place)) is not None:
            yield from self.storable(found)
        for name in place.directories:
            if _SKIPPED.fullmatch(name):
                continue
            if depth == MAX_DEPTH:
                self._left_out[path / name] = (
                    f"it is more than {MAX_DEPTH} levels deep; add it alone"
                )
            elif system.is_silent_below(f"{path}", f"{path / name}"):
                self._left_out[path / name] = "its file system does not answer; try again later"
            else:
                yield from self.below(path / name, depth + 1)

    def _in_databases(self, place: Place) -> Iterator[Training]:
        found = in_databases(place)
        for training in found:
            yield from self.storable(training)
        names = {name for name in place.files if trackers.is_named_as_one(place / name)}
        for name in names - {one.path.name for one in found}:
            if trackers.is_marked(place / name):
                try:
                    below(place / name)
                except (OSError, UnreadableFileError) as error:
                    self._left_out[place / name] = str(error)

    def storable(self, training: Training) -> Iterator[Training]:
        """Yield a training without the files whose names are not UTF-8; nothing if none is left.

        The store has UTF-8 text.
        """
        jobs = []
        for job in training.jobs:
            if job.sources is None:
                files, is_stored = default_sources.usual_files(job.directory), True
            else:
                files, is_stored = (path for path, _format in job.sources), False
            bad = {path for path in files if not _is_utf8(path)}
            for path in (job.directory, *bad):
                for place in (path, *path.parents) if not _is_utf8(path) else ():
                    if not _is_utf8(place) and _is_utf8(place.parent):
                        self._left_out[place] = "its name is not UTF-8 text; rename it"
            sources = job.sources and tuple(one for one in job.sources if one[0] not in bad)
            if _is_utf8(job.directory) and (is_stored or sources):
                log = job.log if job.log is not None and _is_utf8(job.log) else None
                jobs.append(replace(job, sources=sources, log=log))
        if jobs and _is_utf8(training.path):
            yield replace(training, jobs=tuple(jobs))


_SURROGATE = re.compile("[\ud800-\udfff]")


def _is_utf8(path: Path) -> bool:
    return _SURROGATE.search(str(path)) is None


def _marked(place: Place) -> Training | None:
    """Return the training of a directory with a marker; None if it has none."""
    trackers = registry.records(Tracker)
    asked: list[tuple[int, _Find]] = [
        (one.rank, partial(registry.ask, one, one.find)) for one in trackers
    ]
    finders = sorted([*asked, *_FINDERS], key=itemgetter(0))
    return next(filter(None, (_by(find, place) for _rank, find in finders)), None)


def _by(find: _Find, place: Place) -> Training | None:
    try:
        return find(place)
    except OSError:
        return None  # something in it cannot be read, or was deleted meanwhile: others still can


def in_databases(place: Place) -> list[Training]:
    """Return the runs in trackers' databases: those of one study are one training."""
    found: dict[str, Training] = {}
    others = [name for name in place.files if _is_read_as_database(place / name)]
    named = [name for name in place.files if trackers.is_named_as_one(place / name)]
    for name in dict.fromkeys((*named, *others)):
        for run in trackers.jobs(place / name):
            source = (Path(f"{place / name}#{run.id}"), None)
            is_rewritten = name in others or run.tracker in trackers.rewritten()
            if name in others and run.status == "running":
                run = replace(run, ended=(place / name).stat().st_mtime)  # the last sign of it
            job = tracked(
                run, place.path, source, run=run.id, quiet=_QUIET if is_rewritten else 0.0
            )
            title = run.name if study_of(run.id) == run.id else study_of(run.id)
            training = Training(run.tracker, title, place / name, (job,), run.objective)
            before = found.get(training.key)
            jobs = (*before.jobs, job) if before is not None else (job,)
            found[training.key] = replace(training, jobs=jobs)
    return list(found.values())


def _is_read_as_database(path: Path) -> bool:
    """Return True for a file with a usual name that is read as a database, such as a journal."""
    return default_sources.is_study(path) and trackers.is_read_as_one(path)


_VERSION = re.compile(r"version_\d+")

_PLAIN_KINDS = ("keras", "csv", "jsonl")
"""Kinds of a directory's files without a marker, most specific first; those of plugins come before
these, whose files have a history of their own."""


def ultralytics(place: Place) -> Training | None:
    """Return the training of a directory with `args.yaml` and `results.csv`."""
    if not place.has("args.yaml", "results.csv"):
        return None
    params = settings(place, "args.yaml")
    return of_directory("ultralytics", place, params=params, quiet=_FRAMEWORK_QUIET)


def lightning(place: Place) -> Training | None:
    """Return the training of a directory with `hparams.yaml`, or of `version_0/metrics.csv`."""
    is_version = _VERSION.fullmatch(place.path.name) is not None and place.has("metrics.csv")
    if not is_version and not place.has("hparams.yaml"):
        return None
    params = settings(place, "hparams.yaml")
    return of_directory("lightning", place, clear_name(place), params, quiet=_FRAMEWORK_QUIET)


def sb3(place: Place) -> Training | None:
    """Return the training of a directory with the `progress.csv` of Stable-Baselines3's logger."""
    log = next((one for one in ("progress.csv", "progress.json") if one in place.files), None)
    if log is None or b"time/" not in lenient.head(place / log):
        return None
    return of_directory("sb3", place)


def plain(place: Place) -> Training | None:
    """Return the training of the files with usual names in a directory; None if it has none."""
    kinds = {name: _kind(place, name) for name in place.files}
    found = {
        name: kind
        for name, kind in kinds.items()
        if kind
        and not default_sources.is_study(place / name)
        and not default_sources.is_trackers_own((place / name).parts)
    }
    if not found:
        return None
    plugins = sorted(registry.records(Format), key=lambda one: -one.precedence)
    known = [one.family for one in plugins if not one.one_directory]
    kind = next((one for one in (*known, *_PLAIN_KINDS) if one in found.values()), "log")
    sources = tuple(
        (place / name, None) for name, one in found.items() if one != "log" or kind == "log"
    )
    name, params = clear_name(place), settings(place, "args.yaml")
    job = Job(name, place.path, sources, params=params, log=place.log(), quiet=_PLAIN_QUIET)
    return Training(kind, name, place.path, (job,))


def _kind(place: Place, name: str) -> str | None:
    family = default_sources.family_of(place / name)
    if family == "csv":
        names = lenient.head(place / name).split(b"\n")[0].strip().split(b",")
        is_keras = names[0] == b"epoch" and b"loss" in names and b"step" not in names
        return "keras" if is_keras else "csv"
    return {"json": "jsonl", "text": "log"}.get(family or "", family)


def settings(place: Place, name: str) -> dict[str, Any]:
    """Return the flat settings in a YAML file of a directory; none if it has no such file."""
    return lenient.flat(lenient.load_yaml(place / name)) if place.has(name) else {}


_COMMON = re.compile(
    r"(version|run|exp)?_?\d*|logs?|csv|vis_data|metrics|out(put)?s?|results", re.IGNORECASE
)
"""Names of directories that many trainings have; trackers have more."""


def clear_name(place: Place) -> str:
    """Return a directory's name, behind that of its parent if it is a common one."""
    name = place.path.name
    is_common = _COMMON.fullmatch(name) or any(
        name.lower() in one.directories for one in registry.records(Tracker)
    )
    return f"{place.path.parent.name}/{name}" if is_common else name


def of_directory(
    kind: str,
    place: Place,
    name: str | None = None,
    params: Mapping[str, Any] | None = None,
    *,
    quiet: float = 0.0,
) -> Training:
    """Return the training of all files below a directory; without a name, it has the directory's.

    `quiet` is that of its job.
    """
    name = name or place.path.name
    job = Job(name, place.path, params=params or {}, log=place.log(), quiet=quiet)
    return Training(kind, name, place.path, (job,))


_FINDERS: tuple[tuple[int, _Find], ...] = (
    (40, ultralytics),
    (50, lightning),
    (80, sb3),
)
"""Of frameworks that write open formats, with their ranks among those of trackers. Each returns
the training of a directory with its marker; the first that does decides."""
