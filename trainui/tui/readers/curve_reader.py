"""Reads a stage's curves for the visible plots, in the reader thread.

Unchanged data is cached: a series until a point of its stage is stored, and a window of it until
the query changes.

An alert is drawn at the step that it reports, on its own metric. A stall is drawn at the last
point before it, on every metric. NaN values are marked by `plot`, with the step of the first one.
"""

from __future__ import annotations

import bisect
import math
import sys
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from trainui.model.headline_metric import CURVE, headline, is_clock, is_headline, lower_is_better
from trainui.model.records import Event, SeriesSummary, StageRecord
from trainui.model.states import ALERT, EARLY, PRUNE, QUIET_ALERT, STALLED, Status
from trainui.pipeline.matrix import mean, moments
from trainui.store.db.statements import Connection
from trainui.store.points import plot_windows, point_sources, read_points
from trainui.store.points.plot_points import Axis
from trainui.store.read import event_feed, headlines
from trainui.text import harmless
from trainui.tui.axis_marks import round_stride
from trainui.tui.curve_data import (
    ALL_IN_ONE,
    NO_VERDICT,
    Annotation,
    Candidate,
    Chart,
    Curves,
    CurvesWanted,
    LineGroup,
    PlotLine,
    PlotOptions,
    PlottedSeries,
    SeedVerdict,
    fold_choices,
    groups,
)
from trainui.tui.numbers import exact_step
from trainui.tui.readers import series
from trainui.tui.readers.series import CurvesRequest, OtherRuns, seed_verdict, sources
from trainui.tui.readers.stage_values import NanSteps, SweepMemberReader
from trainui.tui.styled_text import Pairs, label_of

if TYPE_CHECKING:
    from trainui.store.points.plot_windows import Extent, Plotted

MOST = 50
"""The newest events of a stage that are read."""


StageAlert = tuple[Event, Mapping[str, Any]]
"""An alert, a stall or a pruning, and its data: `metric` (none: all metrics) and `step` (none: a
stall, or the pruning of a metric without steps)."""

FIRST_CHARTS = 8
"""Metrics that are read before the pane's size is known."""

CACHE_SIZE = 1200
"""Entries of the cache."""

_SERIES, _NAMES = "series", "names"
"""The cache keys of a stage's series by name, and of their names."""

MOST_LINES, MOST_FOLDED = 24, 64
"""Most series of a plot: lines beyond this could not be distinguished, and reading more series for
one band takes too long."""

STATISTICS = "scipy.stats"
"""The module that a verdict needs, and that takes a second to import."""

MOST_SHARED = 100
"""Metrics of which another run needs one in common to be offered for a comparison."""

PERIOD = 0.9
"""Seconds between two readings of live charts: once a second looks live, and reading them as
often as their summaries would cost several times as much."""


class _Drawn(NamedTuple):
    """The last reading of charts, which is shown until the next one."""

    what: object = None
    """What they depend on, except the points."""
    charts: tuple[Chart, ...] = ()
    figures: tuple[SeriesSummary, ...] = ()
    """Of the same points."""
    at: float = -math.inf
    """When they were read (`time.monotonic`)."""


def read_alerts(connection: Connection, stage: StageRecord) -> list[StageAlert]:
    """Return the alerts, stalls, prunings and the early stop of a stage, the oldest first."""
    kinds = (ALERT, EARLY, QUIET_ALERT, STALLED, PRUNE)
    return [*event_feed.stage_alerts(connection, stage, kinds, most=MOST)]


def annotations_of(
    found: Sequence[StageAlert], name: str, line: PlotLine, axis: Axis, attempt: int | None
) -> tuple[Annotation, ...]:
    """Return the annotations of one metric; with `attempt`, only those of this attempt."""
    return tuple(
        Annotation(x, _words_of(event))
        for event, data in found
        if data.get("metric") in (None, name) and attempt in (None, event.attempt)
        if not math.isnan(x := _place(event, data.get("step", math.nan), line, axis))
    )


def _words_of(event: Event) -> str:
    words = harmless(event.text.removeprefix(f"{event.stage}: "))
    return words if event.kind != STALLED or STALLED in words else f"{STALLED}: {words}"


def _place(event: Event, step: float, line: PlotLine, axis: Axis) -> float:
    """Return the x position of an alert or a stall; NaN if it is before the visible window."""
    by_time = math.isnan(step)
    if axis == Axis.STEP and not by_time:
        return step
    sought, among = (event.time / 1e6, line.times) if by_time else (step, line.steps)
    known = [(value, x) for value, x in zip(among, line.at, strict=True) if value == value]
    at = bisect.bisect_right([value for value, _ in known], sought) - 1
    return known[at][1] if at >= 0 else math.nan


def whole_extent(extents: Sequence[Extent], *, live: bool) -> tuple[float, float]:
    """Return the x range of all curves; for live ones with some room at the right.

    The only place of all points is in its middle.
    """
    if not extents:
        return 0.0, 1.0
    low, high = min(one.low for one in extents), max(one.high for one in extents)
    if low == high:
        margin = max(0.5, math.ulp(low) * 1000)
        return low - margin, high + margin
    stride = round_stride(high - low, 16) if live else 0.0
    if stride:
        high = low + stride * (int((high - low) / stride) + 1)
    return low, high


def positive_extent(extent: tuple[float, float], axis: Axis) -> tuple[float, float]:
    """Return the part of an extent that a logarithmic axis can show."""
    low, high = extent
    if high <= 0:
        return 1.0, 10.0
    if low <= 0:
        low = 1.0 if axis == Axis.STEP and high > 1 else high / 1000
    return low, high if high > low else low * 10


def plot_line(
    source: PlottedSeries,
    plotted: Plotted,
    window: tuple[float, float],
    wanted: CurvesWanted,
    *,
    lower: bool | None,
) -> PlotLine:
    """Return the line of a series in a window of the x axis; its best is the lowest, if `lower`."""
    view = wanted.view
    found = plotted.window(*window, wanted.columns, weight=view.smoothing, log=view.log_x)
    best = None if lower is None else plotted.best(lower=lower)
    has_old = bool((found.old_minimum == found.old_minimum).any())
    odd = found.odd.nonzero()[0]
    return PlotLine(
        label=source.label,
        index=source.index,
        own=source.own,
        at=tuple(found.at.tolist()),
        steps=tuple(found.steps.tolist()),
        times=tuple(found.times.tolist()),
        lows=tuple(found.minimum.tolist()),
        highs=tuple(found.maximum.tolist()),
        means=tuple(found.mean.tolist()),
        smooths=tuple(found.smooth.tolist()),
        lasts=tuple(found.last.tolist()),
        odd=tuple(zip(odd.tolist(), found.odd[odd].tolist(), strict=True)),
        old_lows=tuple(found.old_minimum.tolist()) if has_old else (),
        old_highs=tuple(found.old_maximum.tolist()) if has_old else (),
        boundaries=found.boundaries,
        end=plotted.extent.high if plotted.extent is not None else 0.0,
        best=best and (best.value, best.step, best.x),
        last=plotted.last(),
        pruned=source.pruned,
        completed=source.completed,
        live=source.live,
        pairs=source.pairs,
        key=f"{source.owner} {source.attempt or ''}",
    )


def folded(lines: Sequence[PlotLine], pairs: Pairs, *, smoothed: bool = False) -> PlotLine:
    """Return the mean of lines, with the range over all of them as its band.

    Each line counts from its first to its last point; between two of its points its value is
    interpolated, and at the last one of each column it is exact, unless `smoothed`. The best value
    is the mean of the best values of the lines that have completed, as in tables, else of all; the
    last one is that of the lines that got furthest, whatever the width of the plot.
    """
    import numpy as np

    found = moments([_filled(line.smooths) for line in lines])
    means, counts = found.means, found.counts
    stated = found if smoothed else moments([_filled(line.lasts) for line in lines])
    points = np.fmax.reduce([line.at for line in lines])
    at = np.where(counts > 0, points, np.nan)
    last, of_all = (max((x for x in xs if x == x), default=0.0) for xs in (at, points))
    # before the last points, if these have no mean: they are NaN
    end = float(last) if last < of_all else max(line.end for line in lines)
    steps = np.fmax.reduce([line.steps for line in lines])
    shown, numbers, low, high = (
        np.where(np.isnan(at), np.nan, columns)
        for columns in (
            means,
            stated.means,
            np.fmin.reduce([_filled(line.lows) for line in lines]),
            np.fmax.reduce([_filled(line.highs) for line in lines]),
        )
    )
    done = [line for line in lines if line.completed] or lines
    bests = [line.best[0] for line in done if line.best is not None]
    kinds: dict[int, int] = {}
    for column, kind in (odd for line in lines for odd in line.odd):
        kinds[column] = kinds.get(column, 0) | kind
    values = tuple(shown.tolist())
    return PlotLine(
        label=label_of(pairs),
        index=min(line.index for line in lines),
        own=any(line.own for line in lines),
        at=tuple(at.tolist()),
        steps=tuple(steps.tolist()),
        times=tuple(np.fmax.reduce([line.times for line in lines]).tolist()),
        lows=tuple(low.tolist()),
        highs=tuple(high.tolist()),
        means=values,
        smooths=values,
        lasts=tuple(numbers.tolist()),
        odd=tuple(sorted(kinds.items())),
        end=end,
        best=(mean(bests), math.nan, math.nan) if bests else None,
        last=_last(lines),
        members=tuple(line.smooths for line in lines),
        counts=tuple(counts.tolist()),
        deviations=tuple(stated.deviations.tolist()),
        live=any(line.live for line in lines),
        nan_since=min((one.nan_since for one in lines if one.nan_since is not None), default=None),
        pairs=pairs,
        key=f"mean of {min(lines, key=lambda line: line.index).key}",
    )


def _last(lines: Sequence[PlotLine]) -> tuple[float, float] | None:
    """Return the mean of the last values of the lines that got furthest, and their step."""
    known = [line.last for line in lines if line.last is not None]
    if len(known) < len(lines):
        return None
    end = max(step for _, step in known)
    values = [value for value, step in known if step == end and math.isfinite(value)]
    return (mean(values) if values else math.nan), end


def _filled(values: Sequence[float]) -> list[float]:
    """Interpolate the columns between two points."""
    found = [value if math.isfinite(value) else math.nan for value in values]
    known = [at for at, value in enumerate(values) if math.isfinite(value)]
    for left, right in pairwise(known):
        for at in range(left + 1, right):
            share = (at - left) / (right - left)
            found[at] = values[left] + (values[right] - values[left]) * share
    return found


class CurveReader:
    """Reads curves, with a cache."""

    def __init__(self, groups: SweepMemberReader | None = None) -> None:
        """Create a reader; `groups` finds the best members of a large sweep."""
        self._groups = groups or SweepMemberReader()
        self._cache: dict[str, tuple[object, dict[Hashable, Any]]] = {}
        """By stage id: the state of its points, and what was read of them."""
        self._alerts: list[StageAlert] = []
        self._nan_steps = NanSteps()
        self._nan: Mapping[str, Mapping[str, float]] = {}
        """By stage id and metric, the step of the first NaN value."""
        self._drawn = _Drawn()
        self._shows_first, self._is_verdict_due = False, False
        """True if other curves are read than before, and if a verdict waits for the next reading:
        they are shown before the second that it takes to import SciPy."""
        self._runs = OtherRuns()
        self._names: Sequence[str] = ()
        """The metrics of the stage that was read last."""

    def read(
        self,
        connection: Connection,
        stage: StageRecord,
        stages: Sequence[StageRecord],
        wanted: CurvesWanted,
    ) -> Curves:
        """Answer a query for a stage's curves."""
        request = CurvesRequest(connection, stage, stages, wanted)
        if not headlines.has_series(connection, stage.id):
            return Curves(wanted, in_sweep=len(request.siblings) > 1)
        self._check_version(connection, stage.id)
        self._names = headlines.names_of(connection, stage.id)
        figures = self._figures(connection, stage.id, wanted.attempt)
        if (search := stage.definition.objective) is not None:
            figures = tuple(sorted(figures, key=lambda one: one.name != search.metric))
        first = self._first(request, figures)
        names = wanted.names
        if names is None:
            in_order = sorted(
                figures, key=lambda one: (one.name not in first, not is_headline(one.name))
            )
            names = tuple(figure.name for figure in in_order[:FIRST_CHARTS])
        elif names == ("",):
            names = first[:1]
            request = replace(request, wanted=replace(wanted, names=names))
        converted = self._converted(request, names)
        lines, choice = self._sources(request)
        self._read_annotations(request, lines)
        what = (wanted, names, tuple(lines), tuple(self._alerts))
        now, before = time.monotonic(), self._drawn
        self._shows_first, self._is_verdict_due = before.what != what, False
        if fresh := before.what != what or before.at + PERIOD <= now:
            known = {figure.name for figure in figures}
            if converted is not None:
                view = replace(wanted.view, window=converted.window)
                request = replace(request, wanted=replace(wanted, view=view))
            charts = tuple(self._chart(request, name, lines) for name in names if name in known)
            self._drawn = _Drawn(what, charts, figures, now)
        return Curves(
            wanted,
            self._drawn.figures,
            self._drawn.charts,
            self._candidates(request, figures),
            converted,
            series.axes(figures, connection, stage),
            choice=choice,
            in_sweep=len(request.siblings) > 1,
            first=first,
            left_out=self._left_out(request, names, lines),
            folds=fold_choices(lines),
            due=math.inf if fresh and not self._is_verdict_due else self._drawn.at + PERIOD,
        )

    @property
    def drawn_at(self) -> float:
        """When the charts that are shown were read (`time.monotonic`)."""
        return self._drawn.at

    def _first(self, request: CurvesRequest, figures: Sequence[SeriesSummary]) -> tuple[str, ...]:
        """Return the metrics to show first."""
        stage, compared = request.stage, request.wanted.compared
        if compared.runs:
            shared = self._runs.shared(request.connection, (stage.run_id, *compared.runs))
            own = {one.name for one in figures}
            if found := tuple(name for name in shared if name in own):
                return found
        counts = {one.name: one.count for one in figures}
        least = 1 if stage.status == Status.RUNNING else CURVE
        main = headline(
            list(counts), stage.definition.objective, lambda name: counts[name] >= least
        )
        return () if main is None else (main,)

    def _left_out(
        self, request: CurvesRequest, names: Sequence[str], lines: Sequence[PlottedSeries]
    ) -> tuple[str, ...]:
        """Return the compared runs of which the first metric has no line."""
        runs, axis = request.wanted.compared.runs, request.wanted.view.axis
        if not runs or not names:
            return ()
        connection, drawn = request.connection, {request.stage.run_id}
        with_points = [
            one
            for one in lines
            if self._plotted(connection, one, names[0], axis).extent is not None
        ]
        units = {
            one.run: self._counts_epochs(connection, one.owner, names[0]) for one in with_points
        }
        other: dict[str, str] = {}  # by run, what its points are over
        for one in with_points:
            if axis == Axis.STEP and units[one.run] != units[with_points[0].run]:
                other[one.run] = f"over {'epochs' if units[one.run] else 'steps'}"
            else:
                drawn.add(one.run)
        missing = [run_id for run_id in runs if run_id not in drawn]
        return self._runs.left_out(connection, missing, names[0], other) if missing else ()

    def compared_stage(self, connection: Connection, runs: Sequence[str]) -> tuple[str, str] | None:
        """Return the run and the stage that others are compared with; None: none has metrics."""
        return self._runs.compared_stage(connection, runs)

    def _candidates(
        self, request: CurvesRequest, figures: Sequence[SeriesSummary]
    ) -> tuple[Candidate, ...]:
        if not request.wanted.candidates:
            return ()
        metric = (request.wanted.names or ("",))[0]
        shared = [one.name for one in figures if not is_clock(one.name)]
        runs = self._runs.offered(request, shared[:MOST_SHARED])
        lower = lower_is_better(metric, request.stage.definition.objective)
        return series.read_candidates(request, runs, metric, lower=lower)

    def _sources(self, request: CurvesRequest) -> tuple[list[PlottedSeries], str]:
        """Return the series to draw, and which these are if there are too many."""
        found, compared = sources(request, self._runs.read), request.wanted.compared
        if len(found) <= MOST_FOLDED and len(groups(found, compared.fold)) <= MOST_LINES:
            return found, ""
        most = MOST_FOLDED if compared.fold == ALL_IN_ONE else MOST_LINES
        if len(found) <= most:
            return found, ""
        members = request.siblings if compared.sweep else []
        group = self._groups.read(request.connection, members) if members else None
        if group is None or not (best := group.best_first(members)[:most]):
            return found[:most], f"{most} of {len(found)} drawn"
        drawn = {one.id for one in best}
        words = f"the best {len(best)} of {len(members)} by {group.metric}"
        return [one for one in found if one.owner in drawn], words

    def _converted(self, request: CurvesRequest, names: Sequence[str]) -> PlotOptions | None:
        """Convert the window and the cursor from before a change of the axis, by the steps."""
        connection, wanted, before = request.connection, request.wanted, request.wanted.view.convert
        if before is None or not names:
            return None
        own = PlottedSeries(request.stage.id, "", 0, wanted.attempt, own=True)
        source, target = (
            self._plotted(connection, own, names[0], axis)
            for axis in (before.axis, wanted.view.axis)
        )

        def convert(x: float) -> float:
            return target.x_at(source.step_at(x))

        window, cursor = before.window, before.cursor
        if window is not None:
            low, high = convert(window[0]), convert(window[1])
            window = (low, high) if high > low and not (wanted.view.log_x and low <= 0) else None
        if cursor is not None:
            cursor = at if math.isfinite(at := convert(cursor)) else None
        return replace(before, axis=wanted.view.axis, window=window, cursor=cursor)

    def _read_annotations(self, request: CurvesRequest, lines: Sequence[PlottedSeries]) -> None:
        """Read the stage's alerts and where the lines have NaN."""
        self._alerts = read_alerts(request.connection, request.stage)
        before = self._nan
        self._nan = self._nan_steps.read(request.connection, [one.owner for one in lines])
        if self._nan is not before:
            self._drawn = _Drawn()

    def _check_version(self, connection: Connection, owner: str) -> None:
        """Drop what was read of a stage if its points have changed, and all if it is too much."""
        state = plot_windows.points_state(connection, owner)
        if sum(len(found) for _, found in self._cache.values()) > CACHE_SIZE:
            self._cache.clear()
        if owner not in self._cache or self._cache[owner][0] != state:
            self._cache[owner] = state, {}

    def _cached(self, owner: str, key: Hashable, make: Callable[[], Any]) -> Any:
        found = self._cache.setdefault(owner, (None, {}))[1]
        if key not in found:
            found[key] = make()
        return found[key]

    def _figures(
        self, connection: Connection, owner: str, attempt: int | None
    ) -> tuple[SeriesSummary, ...]:
        """Return the figures of a stage's series; `attempt`: only those of its points."""
        known = self._cached(
            owner,
            _SERIES,
            lambda: {one.name: one for one in read_points.series(connection, [owner])},
        )
        found: tuple[SeriesSummary, ...] = self._cached(
            owner,
            ("figures", attempt),
            lambda: tuple(
                summary
                for one in known.values()
                if (summary := read_points.summary_of(connection, "", one, attempt)) is not None
            ),
        )
        return found

    def _name_in(self, connection: Connection, owner: str, name: str) -> str:
        """Return the name that a stage has for a metric of the stage that is read."""
        self._check_version(connection, owner)
        own = self._cached(owner, _NAMES, partial(headlines.names_of, connection, owner))
        return series.name_in(own, name, self._names)

    def _counts_epochs(self, connection: Connection, owner: str, name: str) -> bool:
        """Return True if the steps of a series are epochs."""
        name = self._name_in(connection, owner, name)
        read = partial(point_sources.counted_in_epochs, connection, owner)
        return name in self._cached(owner, point_sources.EPOCHS, read)

    def _plotted(
        self, connection: Connection, source: PlottedSeries, name: str, axis: Axis
    ) -> Plotted:
        owner, attempt = source.owner, source.attempt
        name = self._name_in(connection, owner, name)
        if axis == Axis.EPOCH and self._counts_epochs(connection, owner, name):
            axis = Axis.STEP
        stored = self._cache[owner][1].get(_SERIES, {})
        known = stored[name].segments if name in stored else None
        found: Plotted = self._cached(
            owner,
            (name, axis, attempt),
            lambda: plot_windows.Plotted(
                connection, owner, name, axis, attempt=attempt, known=known
            ),
        )
        return found

    def _chart(self, request: CurvesRequest, name: str, sources: Sequence[PlottedSeries]) -> Chart:
        connection, wanted, view = request.connection, request.wanted, request.wanted.view
        plotted = [
            (source, one)
            for source in sources
            if (one := self._plotted(connection, source, name, view.axis)).extent is not None
        ]
        in_epochs = False
        if view.axis == Axis.STEP:
            # an evaluation of checkpoints counts as its training does
            whole = {one.id for one in request.stages if one.definition.gathers}
            known = (one for one, _ in plotted if one.owner not in whole)
            first = next((self._counts_epochs(connection, one.owner, name) for one in known), False)
            units = [
                first if one.owner in whole else self._counts_epochs(connection, one.owner, name)
                for one, _ in plotted
            ]
            in_epochs = bool(units) and units[0]
            plotted = [pair for pair, unit in zip(plotted, units, strict=True) if unit == in_epochs]
        unit = "epoch" if in_epochs else "step"
        extents = [one.extent for _, one in plotted if one.extent is not None]
        live = any(source.live for source, _ in plotted)
        extent = whole_extent(extents, live=live)
        if view.log_x:
            extent = positive_extent(extent, view.axis)
        low, high = view.window or extent
        search = request.stage.definition.objective
        lower = lower_is_better(name, search)
        drawn = {
            source: self._line(source, one, name, (low, high), wanted, lower=lower)
            for source, one in plotted
        }
        own = next((line for line in drawn.values() if line.own), None)
        found = annotations_of(self._alerts, name, own, view.axis, wanted.attempt) if own else ()
        is_whole = request.stage.definition.gathers and (search is None or search.metric == name)
        if own is not None and own.best is not None and is_whole:
            words = f"best: {unit} {exact_step(own.best[1])}"
            found = (*found, Annotation(own.best[2], words, is_alert=False))
        parts = groups(list(drawn), wanted.compared.fold)
        lines = tuple(
            folded([drawn[one] for one in some], pairs, smoothed=bool(view.smoothing))
            if len(some) > 1
            else drawn[some[0]]
            for pairs, some in parts
        )
        is_page = len(wanted.names or ()) == 1 and wanted.compared.fold is None
        chart = Chart(
            *(name, low, high, lines, extent, found, view.log_x, unit, NO_VERDICT, search),
            whole_sweep=wanted.compared.sweep,
        )
        return replace(chart, verdict=self._verdict(request, chart, parts)) if is_page else chart

    def _verdict(
        self, request: CurvesRequest, chart: Chart, parts: Sequence[LineGroup]
    ) -> SeedVerdict:
        """Return the verdict on two lines, of several on the best two means over seeds."""
        lower = chart.lower_is_better
        if len(parts) <= 2:
            return seed_verdict(request, parts, chart.name, lower=lower)
        means = [
            (line.best[0], at)
            for at, line in enumerate(chart.lines)
            if line.members and line.best is not None and not line.diverged
        ]
        if lower is None or len(means) < 2:
            return NO_VERDICT
        if self._shows_first and STATISTICS not in sys.modules:
            self._is_verdict_due = True
            return NO_VERDICT
        (_, best), (_, second) = sorted(means, reverse=not lower)[:2]
        pair = parts[second], parts[best]
        return seed_verdict(request, pair, chart.name, lower=lower, of_several=True)

    def _line(
        self,
        source: PlottedSeries,
        plotted: Plotted,
        name: str,
        window: tuple[float, float],
        wanted: CurvesWanted,
        *,
        lower: bool | None,
    ) -> PlotLine:
        view = wanted.view
        options = (view.axis, view.log_x, view.smoothing, wanted.columns)
        line: PlotLine = self._cached(
            source.owner,
            (name, window, options, source, lower),
            lambda: plot_line(source, plotted, window, wanted, lower=lower),
        )
        found = self._nan.get(source.owner, {}) if source.attempt is None else {}
        since = found.get(plotted.name)
        return line if since is None else replace(line, nan_since=since)
