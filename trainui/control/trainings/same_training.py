"""Finds trainings that are or may be one, written by two loggers in different directories.

Most loggers record nothing that proves it, so they are not merged; but two trainings hardly have
values that are equal to the last digit at the same time. W&B and TensorBoard record their host and
pid: those are joined. Since containers have equal ones, their times and values must be equal too.
"""

from __future__ import annotations

import glob
import itertools
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from trainui import clock
from trainui.metrics.discovery import default_sources, tracker_runs
from trainui.metrics.discovery.trainings import Job, Training
from trainui.metrics.files import lenient_files
from trainui.metrics.files.decoder_choice import decoded_parts
from trainui.metrics.files.tail import UnreadableFileError
from trainui.metrics.formats import UnknownFormatError
from trainui.metrics.formats.table import Decoded
from trainui.metrics.trackers import database, wandb

MOST_READ = 40
"""Trainings whose first values are read; that takes some milliseconds each."""

_EXAMINED = 1 << 16
"""Bytes at the start of a file."""

_MOST_FILES = 8
"""Files of a training that are examined."""

_LEAST, SHARE = 5, 0.9
"""The least number of equal values, and their least share of the training with fewer values."""

SHARE_OF_ONE_PID = 0.5
"""The share that suffices with other evidence: more than that of a schedule of learning rates."""

_SLACK = 10 * clock.SECOND
"""Microseconds by which records of the same end may differ: trackers round, or write late."""

_EVENTS = re.compile(r"(?:.*\.)?out\.tfevents\.(\d+)\.(.+)\.(\d+)\.\d+(?:\.v2)?")
"""The start, host and pid in the name of an event file; tensorboardX writes no pid."""

_LOGGED = re.compile(rb"^\S+ \S+ +\w+ +MainThread:(\d+) ", re.MULTILINE)
"""The pid in a line of W&B's own log."""

Span = tuple[int, float]
"""The start and the end of a training, in microseconds since 1970."""


def pairs(found: Sequence[Training], spans: Mapping[str, Span]) -> list[tuple[Training, Training]]:
    """Return the pairs that may be one, among trainings of one job each; `spans` are by key."""
    single = sorted((one for one in found if len(one.jobs) == 1), key=lambda one: spans[one.key][0])
    values: dict[str, frozenset[float]] = {}
    alike: list[tuple[Training, Training]] = []
    if len({one.kind for one in single}) < 2:
        return alike
    for pair in _overlapping(single, spans):
        for one in pair:
            if one.key not in values:
                values[one.key] = values_of(one.jobs[0])
        if are_alike(values[pair[0].key], values[pair[1].key]):
            alike.append(pair)
        if len(values) >= MOST_READ:
            break
    return alike


def _overlapping(
    found: Sequence[Training], spans: Mapping[str, Span]
) -> Iterator[tuple[Training, Training]]:
    """Yield the pairs of different trackers that ran at the same time, sorted by start."""
    for index, one in enumerate(found):
        for other in found[index + 1 :]:
            if spans[other.key][0] > spans[one.key][1] + _SLACK:
                break
            if one.kind != other.kind:
                yield one, other


def are_alike(one: frozenset[float], other: frozenset[float], share: float = SHARE) -> bool:
    """Return True if the first values of two trainings are equal, at least a share of them."""
    return len(one & other) >= max(_LEAST, share * min(len(one), len(other)))


def values_of(job: Job) -> frozenset[float]:
    """Return the first values of a training, as floats of 32 bits: TensorBoard has no others.

    Whole numbers are left out, since steps and epochs are equal in many trainings.
    """
    usual = default_sources.usual_files(job.directory) if job.sources is None else ()
    names = itertools.chain((path for path, _format in job.sources or ()), usual)
    found = set[float]()
    for name in itertools.islice(names, _MOST_FILES):
        with suppress(OSError, UnreadableFileError, UnknownFormatError, *database.DAMAGED):
            for points in _first_points(name).series.values():
                found.update(points.values.astype(np.float32).tolist())
    return frozenset(one for one in found if math.isfinite(one) and one != round(one))


def _first_points(name: Path) -> Decoded:
    run = tracker_runs.named(str(name))
    if run is not None:
        # the copy made by the search may be closed by now, if there are many databases
        copy = database.copies.get(run.path) or database.copies.get(run.path, at_once=True)
        if copy is None or copy.tracker is None:
            return Decoded()
        return copy.tracker.points(copy.connection, run.run, {})[0]
    return next(decoded_parts(name, _EXAMINED), Decoded())


@dataclass(frozen=True, slots=True)
class _WritingProcess:
    """The process that wrote a training, and when."""

    host: str
    pid: int
    started: float
    ended: float

    def may_be(self, other: _WritingProcess) -> bool:
        """Return True for the same pid on the same host at the same time."""
        is_same = (self.host, self.pid) == (other.host, other.pid)
        return is_same and self.started <= other.ended and other.started <= self.ended


def joined(found: Sequence[Training]) -> list[Training]:
    """Return the trainings, where those of one process are W&B's with the files of the other.

    One that fits several others is left alone.
    """
    others = {one.key: (one, writer) for one in found if (writer := _of_events(one)) is not None}
    if not others:
        return list(found)
    logs = [(one, writer) for one in found if (writer := _of_wandb(one)) is not None]
    known = cache(lambda key: values_of(trainings[key].jobs[0]))
    trainings = {one.key: one for one in found}
    share = SHARE_OF_ONE_PID
    pairs = [
        (one, other)
        for one, writer in logs
        for other, its in others.values()
        if writer.may_be(its) and are_alike(known(one.key), known(other.key), share)
    ]
    uses = Counter(training.key for pair in pairs for training in pair)
    single = {one.key: other for one, other in pairs if uses[one.key] == uses[other.key] == 1}
    parts = {other.key for other in single.values()}
    return [
        _with(one, single[one.key]) if one.key in single else one
        for one in found
        if one.key not in parts
    ]


def _of_events(training: Training) -> _WritingProcess | None:
    """Return the writer of a training's event files; None if there are none, or several."""
    if training.kind == "wandb" or len(training.jobs) > 1 or training.jobs[0].sources is not None:
        return None
    files = _event_files(training)
    marks = [mark for path in files if (mark := _EVENTS.fullmatch(path.name)) is not None]
    if len({(mark[2], mark[3]) for mark in marks}) != 1 or len(marks) < len(files):
        return None
    started, ended = min(int(mark[1]) for mark in marks), max(map(lenient_files.modified, files))
    return _WritingProcess(marks[0][2], int(marks[0][3]), started, ended)


def _of_wandb(training: Training) -> _WritingProcess | None:
    """Return the writer of a W&B run; None if it is not on record."""
    if training.kind != "wandb":
        return None
    logged = _LOGGED.search(lenient_files.head(training.path / "logs" / "debug.log"))
    file = next(training.path.glob("run-*.wandb"), None)
    about = wandb.describe(file) if logged is not None and file is not None else None
    if about is None or logged is None or "host" not in about.tags or about.started is None:
        return None
    return _WritingProcess(
        about.tags["host"], int(logged[1]), about.started, about.ended or about.started
    )


def _event_files(training: Training) -> list[Path]:
    files = default_sources.usual_files(training.jobs[0].directory)
    return [path for path in files if default_sources.family_of(path) == "tfevents"]


def _with(training: Training, other: Training) -> Training:
    """Return a W&B run with the event files of another training, and those still to come.

    Frameworks' own files there, e.g. of checkpoints, have the same values.
    """
    (mark,) = {_EVENTS.sub(r"\2.\3", path.name) for path in _event_files(other)}
    events = Path(f"{glob.escape(str(other.path))}/**/*.tfevents.*.{mark}.*")
    job, its = training.jobs[0], other.jobs[0]
    sources = (*(job.sources or ()), (events, None))
    job = replace(job, sources=sources, log=job.log or its.log)
    return replace(training, jobs=(job,), also=other.key)
