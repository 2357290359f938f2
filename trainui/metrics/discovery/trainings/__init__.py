"""Finds the trainings below a directory that trainui did not start, by the files they left.

A directory with a marker (a tracker's or a framework's own file) is one training with all that is
in it. Files with usual names elsewhere are a training for each directory. Nothing is written,
locked or followed through a link.

A kind of training is a function of a module here, in `FINDERS`. Read `frameworks` first.
"""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from trainui import mounts
from trainui.metrics.discovery import default_sources, process_files, tracker_runs
from trainui.metrics.discovery.configuration import flat as flat
from trainui.metrics.discovery.trainings import frameworks, tracker_files
from trainui.metrics.files import lenient_files
from trainui.metrics.files.tail import UnreadableFileError
from trainui.metrics.trackers import database
from trainui.plugin import Job as Job
from trainui.plugin import Place
from trainui.plugin import Training as Training

MOST_ENTRIES = 500_000
"""Directory entries that are examined, as a limit for e.g. a whole home directory."""

MAX_DEPTH = 12

MOST_SKEW = 3600.0
"""Seconds that the clock of a file's machine may be ahead; a later time is no recent write, but
of a clock that was changed."""

_SKIPPED = re.compile(r"__pycache__|node_modules|site-packages|artifacts|\.git|\.venv|\.cache")

FINDERS: Sequence[Callable[[Place], Training | None]] = (
    frameworks.hydra_multirun,
    frameworks.hydra_single,
    tracker_files.wandb,
    tracker_files.mlflow,
    frameworks.ultralytics,
    frameworks.lightning,
    frameworks.hugging_face,
    frameworks.dvclive,
    frameworks.sb3,
    frameworks.events,
)
"""Each returns the training of a directory with its marker; the first that does decides."""


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
        runs = job.status is not None or process_files.is_any_below(job.directory, open_paths)
    age = time.time() - last_change(job) if job.quiet > 0 else math.inf
    is_recent = -MOST_SKEW < age < job.quiet
    return "running" if runs or is_recent else "ended"


def last_change(job: Job) -> float:
    """Return when a training's files changed last, in seconds since 1970."""
    if job.run:
        return job.ended or 0.0
    if job.sources is not None:
        return max((lenient_files.modified(path) for path, _format in job.sources), default=0.0)
    return max(map(lenient_files.modified, default_sources.usual_files(job.directory)), default=0.0)


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
        if database.is_database(path) and database.copies.get(path, at_once=True) is None:
            raise UnreadableFileError(f"{path} is being written; try again")
        place = Place(path.parent, (), (path.name,))
        found = _marked(place) or _by(frameworks.plain, place)
        of_file = tracker_files.in_databases(place) or ([found] if found is not None else [])
        return [one for training in of_file for one in search.storable(training)]
    os.scandir(path).close()  # raises if it is not a readable directory
    return tracker_files.with_resumed(search.below(path.absolute(), 0))


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
        if (marked := _marked(place)) is not None:
            yield from self.storable(marked)
            return
        yield from self._in_databases(place)
        if (plain := _by(frameworks.plain, place)) is not None:
            yield from self.storable(plain)
        for name in place.directories:
            if _SKIPPED.fullmatch(name):
                continue
            if depth == MAX_DEPTH:
                self._left_out[path / name] = (
                    f"it is more than {MAX_DEPTH} levels deep; add it alone"
                )
            elif mounts.is_silent_below(f"{path}", f"{path / name}"):
                self._left_out[path / name] = "its file system does not answer; try again later"
            else:
                yield from self.below(path / name, depth + 1)

    def _in_databases(self, place: Place) -> Iterator[Training]:
        found = tracker_files.in_databases(place)
        for training in found:
            yield from self.storable(training)
        for name in {*place.fits(tracker_runs.DATABASE)} - {one.path.name for one in found}:
            if tracker_runs.is_marked(place / name):
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
    return next(filter(None, (_by(find, place) for find in FINDERS)), None)


def _by(find: Callable[[Place], Training | None], place: Place) -> Training | None:
    try:
        return find(place)
    except OSError:
        return None  # something in it cannot be read, or was deleted meanwhile: others still can
