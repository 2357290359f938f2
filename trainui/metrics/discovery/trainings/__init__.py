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
from pathlib import Path

from trainui import mounts
from trainui.metrics.discovery import default_sources, process_files
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


def below(path: Path) -> list[Training]:
    """Return the trainings in a directory and below it, or that of a file.

    Raises:
        OSError: the path cannot be read.
        UnreadableFileError: it is a damaged database.
    """
    if path.is_file():
        # raises if it is damaged
        if database.is_database(path) and database.copies.get(path, at_once=True) is None:
            raise UnreadableFileError(f"{path} is being written; try again")
        place = Place(path.parent, (), (path.name,))
        found = _marked(place) or _by(frameworks.plain, place)
        return tracker_files.in_databases(place) or ([found] if found is not None else [])
    os.scandir(path).close()  # raises if it is not a readable directory
    return tracker_files.with_resumed(_below(path.absolute(), 0, [MOST_ENTRIES]))


def _below(path: Path, depth: int, left: list[int]) -> Iterator[Training]:
    place = Place.of(path)
    left[0] -= len(place.directories) + len(place.files)
    if left[0] < 0:
        return
    if (marked := _marked(place)) is not None:
        yield marked
        return
    yield from tracker_files.in_databases(place)
    if (plain := _by(frameworks.plain, place)) is not None:
        yield plain
    for name in place.directories if depth < MAX_DEPTH else ():
        if not _SKIPPED.fullmatch(name) and not mounts.is_silent_below(f"{path}", f"{path / name}"):
            yield from _below(path / name, depth + 1, left)


def _marked(place: Place) -> Training | None:
    """Return the training of a directory with a marker; None if it has none."""
    return next(filter(None, (_by(find, place) for find in FINDERS)), None)


def _by(find: Callable[[Place], Training | None], place: Place) -> Training | None:
    try:
        return find(place)
    except OSError:
        return None  # something in it cannot be read, or was deleted meanwhile: others still can
