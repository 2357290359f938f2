"""Joins what one process wrote with two loggers, W&B and TensorBoard, as one training.

Both record their host and pid; containers have equal ones, so values are compared, too.
"""

from __future__ import annotations

import glob
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from trainui.control.trainings import same_training
from trainui.metrics.discovery import default_sources
from trainui.metrics.discovery.trainings import Training
from trainui.metrics.files import peek
from trainui.metrics.trackers import wandb

_EVENTS = re.compile(r"(?:.*\.)?out\.tfevents\.(\d+)\.(.+)\.(\d+)\.\d+(?:\.v2)?")
"""The start, host and pid in the name of an event file; tensorboardX writes no pid."""

_LOGGED = re.compile(rb"^\S+ \S+ +\w+ +MainThread:(\d+) ", re.MULTILINE)
"""The pid in a line of W&B's own log."""


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
    """Return the trainings, where those of one process are W&B's with the files of the other."""
    others = {one.key: (one, writer) for one in found if (writer := _of_events(one)) is not None}
    if not others:
        return list(found)
    logs = [(one, writer) for one in found if (writer := _of_wandb(one)) is not None]
    values_of = cache(lambda key: same_training.values_of(trainings[key].jobs[0]))
    trainings = {one.key: one for one in found}
    share = same_training.SHARE_OF_ONE_PID
    pairs = [
        (one, other)
        for one, writer in logs
        for other, its in others.values()
        if writer.may_be(its)
        and same_training.are_alike(values_of(one.key), values_of(other.key), share)
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
    started, ended = min(int(mark[1]) for mark in marks), max(map(peek.modified, files))
    return _WritingProcess(marks[0][2], int(marks[0][3]), started, ended)


def _of_wandb(training: Training) -> _WritingProcess | None:
    """Return the writer of a W&B run; None if it is not on record."""
    if training.kind != "wandb":
        return None
    logged = _LOGGED.search(peek.head(training.path / "logs" / "debug.log"))
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
    """Return a W&B run with the event files of another training, and those still to come."""
    (mark,) = {_EVENTS.sub(r"\2.\3", path.name) for path in _event_files(other)}
    events = Path(f"{glob.escape(str(other.path))}/**/*.tfevents.*.{mark}.*")
    job, its = training.jobs[0], other.jobs[0]
    sources = (*(job.sources or ()), (events, None))
    job = replace(job, sources=sources, log=job.log or its.log)
    return replace(training, jobs=(job,), also=other.key)
