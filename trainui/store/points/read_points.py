"""Reading points: stitched series as statistics, or point by point.

A series is read as segments: its chunks, and its parts of tails. Stitching joins its attempts into
one curve. The rules: where a later attempt starts at a step, earlier attempts' points from that
step on are superseded. Within an attempt, a step that goes backwards supersedes nothing, with two
exceptions: a file rewritten with another history is replaced by it as a whole; and a writer that
reports a restart supersedes everything that the attempt had before, from its first step on.

Plain SQL on a read-only driver connection, since the screen's first frame uses it; numpy is
imported only where points are decoded. Each read is one transaction.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from functools import lru_cache
from typing import NamedTuple, TypeVar

from trainui.model.headline_metric import CURVE, headline, importance
from trainui.model.records import SeriesSummary
from trainui.model.states import Status
from trainui.record import dataclass
from trainui.store.db.engine import read_transaction
from trainui.store.db.statements import Connection
from trainui.store.points import chunks
from trainui.store.points.chunks import NO_TIME, Bools, Points, Stats, TailPart, step_number
from trainui.store.read import headlines

RESTART = 1_000_000
"""Generations from here on, in multiples, supersede those of all files of their attempt."""

KEPT_TAILS = 256
"""Decoded tails that are cached: those of a few live stages, some megabytes."""

Key = TypeVar("Key")


class History(NamedTuple):
    """The attempt, source and generation of some points, ordered as they supersede each other."""

    attempt: int
    source_id: int
    generation: int


class PointSegment(NamedTuple):
    """A segment of one series with one history: a chunk, or a part of a tail."""

    history: History
    stats: Stats
    chunk_id: int | None
    """The chunk with its points; None: they are in `tail`."""
    tail: TailPart | None = None


class HistoryStart(NamedTuple):
    """The start of a history, or of a segment."""

    history: History
    ordinal: int
    step: float


def cuts_of_starts(starts: Iterable[HistoryStart]) -> dict[History, float]:
    """Return the step from which each history's points are superseded; infinity if they are not."""
    first = _earliest((start.history, start) for start in starts)
    attempts = _earliest((history.attempt, start) for history, start in first.items())
    return {history: _cut(history, first, attempts) for history in first}


def _earliest(starts: Iterable[tuple[Key, HistoryStart]]) -> dict[Key, HistoryStart]:
    """Return the start of what was read first, by key."""
    found: dict[Key, HistoryStart] = {}
    for key, start in starts:
        known = found.get(key)
        if known is None or start.ordinal < known.ordinal:
            found[key] = start
    return found


def _cut(
    history: History, first: dict[History, HistoryStart], attempts: dict[int, HistoryStart]
) -> float:
    later = [start.step for number, start in attempts.items() if number > history.attempt]
    rewritten = [
        start.step
        for other, start in first.items()
        if other.attempt == history.attempt
        and other.generation > history.generation
        and (other.source_id == history.source_id or other.generation >= RESTART)
    ]
    return min(later + rewritten, default=math.inf)


def describe_tail(part: TailPart) -> Stats:
    """Return the statistics of a part of a tail, without numpy."""
    finite = [value for value in part.values if math.isfinite(value)]
    last = part.values[-1]
    return Stats(
        n=len(part.values),
        first_ordinal=part.ordinals[0],
        last_ordinal=part.ordinals[-1],
        first_step=step_number(part.steps[0]),
        last_step=step_number(part.steps[-1]),
        low_step=step_number(min(part.steps)),
        high_step=step_number(max(part.steps)),
        minimum=min(finite, default=None),
        maximum=max(finite, default=None),
        total=sum(finite),
        nonfinite=len(part.values) - len(finite),
        last=None if math.isnan(last) else last,
    )


def keep_points(points: Points, cut: float) -> Points:
    """Return the points that are not superseded."""
    mask = points.steps < cut
    return points if bool(mask.all()) else points[mask]


def summary(stage: str, name: str, kept: Sequence[Stats], read: int) -> SeriesSummary:
    """Summarise a series of `read` points from the statistics of those not superseded."""
    count = sum(stats.n for stats in kept)
    last = max(kept, key=lambda stats: stats.last_ordinal)
    return SeriesSummary(
        stage=stage,
        name=name,
        count=count,
        superseded=read - count,
        first_step=min(kept, key=lambda stats: stats.first_ordinal).first_step,
        last_step=last.last_step,
        last=math.nan if last.last is None else last.last,
        min=min((s.minimum for s in kept if s.minimum is not None), default=None),
        max=max((s.maximum for s in kept if s.maximum is not None), default=None),
        nonfinite=sum(stats.nonfinite for stats in kept),
    )


Owners = Mapping[str, str] | Iterable[str]
"""Ids of stages or names of jobs; as a mapping, each with its display name."""


@dataclass(frozen=True, slots=True)
class SeriesSegments:
    """One series and the segments with its points."""

    owner: str
    name: str
    segments: tuple[PointSegment, ...]
    """In the order in which their first points were read."""


def series(connection: Connection, owners: Owners) -> list[SeriesSegments]:
    """Return the series of some owners, in the order in which they were first seen."""
    with read_transaction(connection):
        return [found for owner in owners for found in series_of(connection, owner)]


def series_of(
    connection: Connection, owner: str, name: str | None = None
) -> Iterator[SeriesSegments]:
    """Yield an owner's series, or the one with this name, inside a `read_transaction`."""
    names: dict[int, str] = {
        series_id: found
        for series_id, found in connection.execute(
            "SELECT id, name FROM series WHERE owner = ? ORDER BY id", (owner,)
        )
        if name is None or found == name
    }
    segments: dict[int, list[PointSegment]] = {series_id: [] for series_id in names}
    for series_id in names:
        segments[series_id] += _chunks_of(connection, series_id)
    for series_id, segment in tails_of(connection, owner, segments.keys()):
        segments[series_id].append(segment)
    for series_id, found in segments.items():
        found.sort(key=lambda segment: segment.stats.first_ordinal)
        yield SeriesSegments(owner, names[series_id], tuple(found))


def _chunks_of(connection: Connection, series_id: int) -> list[PointSegment]:
    found = connection.execute(
        "SELECT chunk_id, figures FROM chunk_figures WHERE series_id = ?", (series_id,)
    )
    unpacked = ((chunk_id, *chunks.unpack_figures(figures)) for chunk_id, figures in found)
    return [
        PointSegment(History(*history), stats, chunk_id) for chunk_id, history, stats in unpacked
    ]


def tails_of(
    connection: Connection, owner: str, of: Set[int]
) -> Iterator[tuple[int, PointSegment]]:
    """Yield the parts of an owner's tails for some series, each with the id of its series.

    Must run inside a `read_transaction`.
    """
    for attempt, source_id, generation, blob in connection.execute(
        "SELECT tails.attempt, source_id, tails.generation, points FROM tails "
        "JOIN sources ON sources.id = source_id WHERE owner = ? ORDER BY tails.id",
        (owner,),
    ):
        parts = _parts_of(History(attempt, source_id, generation), blob)
        yield from ((series_id, parts[series_id]) for series_id in parts.keys() & of)


@lru_cache(maxsize=KEPT_TAILS)
def _parts_of(history: History, blob: bytes) -> dict[int, PointSegment]:
    """Return the parts of a tail by series; cached, since a tail is read many times."""
    return {
        part.series_id: PointSegment(history, describe_tail(part), None, part)
        for part in chunks.unpack_tail(blob)
    }


def load(
    connection: Connection,
    segment: PointSegment,
    read: Callable[..., Points] = chunks.unpack_chunk,
) -> Points:
    """Return the points of a segment; `read` decodes the columns of a chunk."""
    if segment.tail is not None:
        return segment.tail.points
    row = connection.execute(
        "SELECT n, float_steps, ordinals, steps, numbers, times FROM chunks WHERE id = ?",
        (segment.chunk_id,),
    ).fetchone()
    return read(*row)


def segments_of(connection: Connection, owner: str, name: str) -> tuple[PointSegment, ...]:
    """Return the segments of one series; none if there is no such series."""
    return next((found.segments for found in series_of(connection, owner, name)), ())


def cuts_of(segments: Sequence[PointSegment]) -> dict[History, float]:
    """Return the step from which each history of some segments is superseded."""
    histories = {segment.history for segment in segments}
    if len(histories) == 1:  # the usual case
        return dict.fromkeys(histories, math.inf)
    return cuts_of_starts(
        HistoryStart(segment.history, segment.stats.first_ordinal, segment.stats.first_step)
        for segment in segments
    )


def step_of(connection: Connection, owner: str, name: str, value: float) -> int | float | None:
    """Return the first step at which a series had a value."""
    for segment, cut in with_cuts(segments_of(connection, owner, name)):
        low, high = segment.stats.minimum, segment.stats.maximum
        if low is None or high is None or not low <= value <= high:
            continue
        kept = keep_points(load(connection, segment), cut)
        at = (kept.values == value).nonzero()[0]
        if len(at):
            step = float(kept.steps[at[0]])
            return int(step) if step.is_integer() else step
    return None


def with_cuts(segments: tuple[PointSegment, ...]) -> list[tuple[PointSegment, float]]:
    """Return the segments with points not superseded, each with the step where it is cut."""
    cuts = cuts_of(segments)
    return [
        (segment, cuts[segment.history])
        for segment in segments
        if segment.stats.low_step < cuts[segment.history]
    ]


def summaries(
    connection: Connection,
    owners: Owners,
    name: str | None = None,
    *,
    attempt: int | None = None,
) -> list[SeriesSummary]:
    """Return the statistics of some owners' series, in the order in which they were first seen.

    With `attempt`, they are those of its points, as if there were no others.
    """
    shown = owners if isinstance(owners, Mapping) else {owner: owner for owner in owners}
    with read_transaction(connection):
        return [
            summary
            for owner in shown
            for found in series_of(connection, owner, name)
            if (summary := summary_of(connection, shown[owner], found, attempt)) is not None
        ]


def summary_of(
    connection: Connection, stage: str, found: SeriesSegments, attempt: int | None = None
) -> SeriesSummary | None:
    """Return the statistics of one series; None if no point is of `attempt`.

    Must run inside a `read_transaction`.
    """
    some = [one for one in found.segments if attempt in (None, one.history.attempt)]
    if not some:
        return None
    read = sum(segment.stats.n for segment in some)
    cuts = cuts_of(some)
    if len(cuts) == 1:  # one attempt: nothing is superseded
        return summary(stage, found.name, [segment.stats for segment in some], read)
    kept = (_kept_stats(connection, segment, cuts[segment.history]) for segment in some)
    return summary(stage, found.name, [one for one in kept if one is not None], read)


def _kept_stats(connection: Connection, segment: PointSegment, cut: float) -> Stats | None:
    if segment.stats.high_step < cut:
        return segment.stats
    if segment.stats.low_step >= cut:
        return None
    return chunks.describe(keep_points(load(connection, segment), cut))


class Point(NamedTuple):
    """One stored point."""

    owner: str
    name: str
    attempt: int
    step: int | float
    value: float
    time: int | None
    """Microseconds since 1970 in UTC."""


def points(connection: Connection, owners: Owners, name: str | None = None) -> Iterator[Point]:
    """Yield every stored point, also superseded ones, owner by owner in the order read."""
    with read_transaction(connection):
        for owner in owners:
            flows: dict[tuple[int, History], list[PointSegment]] = {}
            found = list(series_of(connection, owner, name))
            for at, one in enumerate(found):
                for segment in one.segments:
                    flows.setdefault((at, segment.history), []).append(segment)
            streams = (_flow(connection, found[at], at, of) for (at, _), of in flows.items())
            for *_order, point in heapq.merge(*streams):
                yield point


def _flow(
    connection: Connection, of: SeriesSegments, at: int, segments: list[PointSegment]
) -> Iterator[tuple[int, int, int, Point]]:
    """Yield the points of one history of a series, each with its sort key in the order read."""
    for segment in segments:
        loaded = load(connection, segment)
        columns = (loaded.ordinals, loaded.steps, loaded.values, loaded.times)
        numbers = zip(*(column.tolist() for column in columns), strict=True)
        for index, (ordinal, step, value, time) in enumerate(numbers):
            known = None if time == NO_TIME else time
            step = chunks.step_number(step)
            point = Point(of.owner, of.name, segment.history.attempt, step, value, known)
            yield ordinal, at, index, point


@dataclass(frozen=True, slots=True)
class ExportBlock:
    """Up to `chunks.CHUNK_POINTS` points of one series and one attempt."""

    owner: str
    name: str
    attempt: int
    points: Points
    superseded: Bools
    """True for points that a later attempt replaced."""

    def __len__(self) -> int:
        return len(self.points)


def blocks(
    connection: Connection, owners: Owners, name: str | None = None
) -> Iterator[ExportBlock]:
    """Yield all points of some owners, also superseded ones, series by series.

    All blocks are read in one transaction, which begins with the first.
    """
    with read_transaction(connection):
        for owner in owners:
            for series in series_of(connection, owner, name):
                yield from _blocks_of(connection, series)


def _blocks_of(connection: Connection, series: SeriesSegments) -> Iterator[ExportBlock]:
    cuts = cuts_of(series.segments)
    for segment in series.segments:
        points = load(connection, segment)
        superseded = points.steps >= cuts[segment.history]
        yield ExportBlock(series.owner, series.name, segment.history.attempt, points, superseded)


def step_at(connection: Connection, owner: str, time: int) -> int | float | None:
    """Return the step that an owner had reached at a time in microseconds; None if unknown.

    Of several series, the one with the highest steps is used: others may count epochs.
    """
    with read_transaction(connection):
        found = [one.segments for one in series_of(connection, owner) if one.segments]
        furthest = max(found, key=lambda one: one[-1].stats.last_step, default=())
        for segment in reversed(furthest):
            points = load(connection, segment)
            reached = points.steps[(points.times != NO_TIME) & (points.times <= time)]
            if len(reached):
                return chunks.step_number(reached[-1].item())
    return None


def first_step(connection: Connection, owner: str, attempt: int) -> float | None:
    """Return the step of an attempt's first point; None if it has none.

    Of several series, the one with the highest steps is used: others may count epochs.
    """
    with read_transaction(connection):
        parts = [
            [one.stats for one in series.segments if one.history.attempt == attempt]
            for series in series_of(connection, owner)
        ]
    furthest = max(filter(None, parts), key=lambda one: one[-1].high_step, default=None)
    return None if furthest is None else min(one.low_step for one in furthest)


def count_of_attempt(connection: Connection, owner: str, attempt: int) -> int:
    """Return the number of points that an attempt has written to the series with the most."""
    with read_transaction(connection):
        counts = (
            sum(part.stats.n for part in one.segments if part.history.attempt == attempt)
            for one in series_of(connection, owner)
        )
        return max(counts, default=0)


class SourceProblem(NamedTuple):
    """A source that cannot be read."""

    owner: str
    key: str
    problem: str
    """Why, in words."""


def problems(connection: Connection, owners: Owners) -> list[SourceProblem]:
    """Return the sources of some owners that cannot be read, and why."""
    return [
        SourceProblem(owner, *row)
        for owner in owners
        for row in connection.execute(
            "SELECT key, problem FROM sources WHERE owner = ? AND problem IS NOT NULL ORDER BY id",
            (owner,),
        )
    ]


# The metric by which a run is shown, chosen among those of its stages.


def headline_of_run(
    connection: Connection, run_id: str
) -> tuple[headlines.HeadlineStage, str] | None:
    """Return the metric by which a run is shown, and a stage that has it; None: there is none.

    A search's metric comes first, then the most important loss or score with a curve.
    """
    found: list[tuple[tuple[bool, bool, bool, int], headlines.HeadlineStage, str]] = []
    for stage in headlines.headline_stages(connection, run_id):
        has_curve = curves_of(connection, stage.id, Status(stage.status))
        name = headline(stage.names, stage.search, has_curve)
        if name is not None:
            is_searched = stage.search is not None and stage.search.metric == name
            rank = importance(name)
            key = (not is_searched, rank is None, not has_curve(name), rank or 0)
            found.append((key, stage, name))
    return min(found, key=lambda one: one[0])[1:] if found else None


def curves_of(connection: Connection, stage_id: str, status: Status) -> Callable[[str], bool]:
    """Return a function that returns True for a stage's metrics with a curve, or with one to come.

    A running stage's metric has one from its first point on, so that its second changes nothing.
    """
    least = 1 if status == Status.RUNNING else CURVE

    def has_curve(name: str) -> bool:
        found = summaries(connection, [stage_id], name)
        return bool(found) and found[0].count >= least

    return has_curve
