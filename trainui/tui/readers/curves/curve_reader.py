"""Reads a stage's curves for the visible plots, in the reader thread.

Unchanged data is cached: a series until a point of its stage is stored, and a window of it until
the query changes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from trainui.domain.headline_metric import is_clock, is_headline
from trainui.domain.metric_direction import lower_is_better
from trainui.domain.records import SeriesSummary, StageRecord
from trainui.store.db.protocol import Connection
from trainui.store.plotting import windows
from trainui.store.plotting.x_axis import Axis
from trainui.store.points import read_points, segments
from trainui.store.read import headlines
from trainui.tui.data.curves import (
    ALL_IN_ONE,
    Candidate,
    Chart,
    Curves,
    CurvesWanted,
    PlotLine,
    PlottedSeries,
)
from trainui.tui.data.plot_options import PlotOptions
from trainui.tui.readers.curves import chart_lines, series
from trainui.tui.readers.curves.annotations import StageAlert, annotations_of, read_alerts
from trainui.tui.readers.curves.folding import folded, groups
from trainui.tui.readers.curves.other_runs import OtherRuns
from trainui.tui.readers.curves.series import CurvesRequest, sources
from trainui.tui.readers.sweep_member_reader import NanSteps, SweepMemberReader

if TYPE_CHECKING:
    from trainui.store.plotting.windows import Plotted

FIRST_CHARTS = 8
"""Metrics that are read before the pane's size is known."""

CACHE_SIZE = 1200
"""Entries of the cache."""

_SERIES = "series"
"""The cache key of a stage's series by name."""

MOST_LINES, MOST_FOLDED = 24, 48
"""Most series of a plot: lines beyond this could not be distinguished, and reading more series for
one band takes too long."""

MOST_SHARED = 100
"""Metrics of which another run needs one in common to be offered for a comparison."""

PERIOD = 0.9
"""Seconds between two readings of live charts: once a second looks live, and reading them as
often as their summaries would cost several times as much."""


_NOT_DRAWN: tuple[object, tuple[Chart, ...], float] = None, (), 0.0
"""`CurveReader._drawn` before the first reading."""


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
        self._drawn = _NOT_DRAWN
        """The charts of the last reading, what they depend on except the points, and when to read
        them again (`time.monotonic`)."""
        self._runs = OtherRuns()

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
        figures = self._figures(connection, stage.id, wanted.attempt)
        if (search := stage.definition.search) is not None:
            figures = tuple(sorted(figures, key=lambda one: one.name != search.metric))
        names = wanted.names
        if names is None:
            first = sorted(figures, key=lambda figure: not is_headline(figure.name))
            names = tuple(figure.name for figure in first[:FIRST_CHARTS])
        converted = self._converted(request, names)
        lines, choice = self._sources(request)
        self._read_annotations(request, lines)
        what = (wanted, names, tuple(lines), tuple(self._alerts))
        now, (before, charts, due) = time.monotonic(), self._drawn
        if fresh := before != what or due <= now:
            known = {figure.name for figure in figures}
            if converted is not None:
                view = replace(wanted.view, window=converted.window)
                request = replace(request, wanted=replace(wanted, view=view))
            charts = tuple(self._chart(request, name, lines) for name in names if name in known)
            self._drawn = what, charts, now + PERIOD
        return Curves(
            wanted,
            figures,
            charts,
            self._candidates(request, figures),
            converted,
            series.axes(figures, connection, stage),
            choice=choice,
            in_sweep=len(request.siblings) > 1,
            due=math.inf if fresh else due,
        )

    def _candidates(
        self, request: CurvesRequest, figures: Sequence[SeriesSummary]
    ) -> tuple[Candidate, ...]:
        if not request.wanted.candidates:
            return ()
        metric = (request.wanted.names or ("",))[0]
        shared = [one.name for one in figures if not is_clock(one.name)]
        runs = self._runs.offered(request, shared[:MOST_SHARED])
        lower = lower_is_better(metric, request.stage.definition.search)
        return series.read_candidates(request, runs, metric, lower=lower)

    def _sources(self, request: CurvesRequest) -> tuple[list[PlottedSeries], str]:
        """Return the series to draw, and which these are if there are too many."""
        found, compared = sources(request, self._runs.read), request.wanted.compared
        most = MOST_FOLDED if compared.fold == ALL_IN_ONE else MOST_LINES
        if len(found) <= most:
            return found, ""
        members = request.siblings if compared.sweep else []
        group = self._groups.read(request.connection, members) if members else None
        if group is None or not (best := group.best_first(members)[: most - 1]):
            return found[:most], f"{most} of {len(found)} drawn"
        drawn = {request.stage.id, *(one.id for one in best)}
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
            self._drawn = _NOT_DRAWN

    def _check_version(self, connection: Connection, owner: str) -> None:
        """Drop what was read of a stage if its points have changed, and all if it is too much."""
        state = windows.state_of(connection, owner)
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
            owner, _SERIES, lambda: {one.name: one for one in segments.series(connection, [owner])}
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

    def _plotted(
        self, connection: Connection, source: PlottedSeries, name: str, axis: Axis
    ) -> Plotted:
        owner, attempt = source.owner, source.attempt
        self._check_version(connection, owner)
        stored = self._cache[owner][1].get(_SERIES, {})
        known = stored[name].segments if name in stored else None
        found: Plotted = self._cached(
            owner,
            (name, axis, attempt),
            lambda: windows.Plotted(connection, owner, name, axis, attempt=attempt, known=known),
        )
        return found

    def _chart(self, request: CurvesRequest, name: str, sources: Sequence[PlottedSeries]) -> Chart:
        connection, wanted, view = request.connection, request.wanted, request.wanted.view
        plotted = [
            (source, one)
            for source in sources
            if (one := self._plotted(connection, source, name, view.axis)).extent is not None
        ]
        extents = [one.extent for _, one in plotted if one.extent is not None]
        live = any(source.live for source, _ in plotted)
        extent = chart_lines.whole_extent(extents, live=live)
        if view.log_x:
            extent = chart_lines.positive_extent(extent, view.axis)
        low, high = view.window or extent
        search = request.stage.definition.search
        lower = lower_is_better(name, search)
        drawn = {
            source: self._line(source, one, name, (low, high), wanted, lower=lower)
            for source, one in plotted
        }
        own = next((line for line in drawn.values() if line.own), None)
        found = annotations_of(self._alerts, name, own, view.axis, wanted.attempt) if own else ()
        lines = tuple(
            folded([drawn[one] for one in some], label) if len(some) > 1 else drawn[some[0]]
            for label, some in groups(list(drawn), wanted.compared.fold)
        )
        return Chart(name, low, high, lines, extent, found, view.log_x, search)

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
            lambda: chart_lines.plot_line(source, plotted, window, wanted, lower=lower),
        )
        since = self._nan.get(source.owner, {}).get(name) if source.attempt is None else None
        return line if since is None else replace(line, nan_since=since)
