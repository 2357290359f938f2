"""Finds trainings that may be the same one, written by two loggers in different directories.

Two trainings hardly have values that are equal to the last digit at the same time.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path

import numpy as np

from trainui import clock
from trainui.metrics.discovery import default_sources, tracker_runs
from trainui.metrics.discovery.trainings import Job, Training
from trainui.metrics.files.decoder_choice import DecoderChoice, find_decoder
from trainui.metrics.files.tail import GrowingFile, UnreadableFileError
from trainui.metrics.formats import UnknownFormatError
from trainui.metrics.formats.table import Decoded
from trainui.metrics.trackers import database
from trainui.store.points.source_record import SourceRecord

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
        copy = database.copies.get(run.path)
        if copy is None or copy.tracker is None:
            return Decoded()
        return copy.tracker.points(copy.connection, run.run, {})[0]
    with closing(GrowingFile(name)) as file:
        record, reading = SourceRecord(0, "", ""), DecoderChoice(doubtful=True)
        decoder = find_decoder(file, record, reading, complete=False)
        if decoder is None:
            return Decoded()
        block = file.read(0, _EXAMINED)
        return decoder.decode(block[: decoder.cut(block)], 0)
