"""Plot options (x axis, window, smoothing, log scale, cursor) and the user's choices on curves.

A window is never wider than the data, and never narrower than floats can resolve.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from trainui.domain.headline_metric import is_clock, is_headline
from trainui.domain.records import SeriesSummary
from trainui.store.points.x_axis import Axis
from trainui.tui.curves.model import AxisPositions, Comparison

SMOOTHINGS = (0.0, 0.6, 0.9, 0.97)
"""Smoothing weights (`store.points.smoothing`), in the order in which the key cycles."""

MOST_PINNED = 100
"""The most pinned metrics that are saved, of all pipelines together."""

MOST_RUNS = 50
"""The most runs whose choices are saved, the last ones used."""

NARROWEST = 1e-9
"""The narrowest window, as a share of the whole axis."""

Window = tuple[float, float]

Choice = TypeVar("Choice")

AXES = {
    Axis.STEP: "step",
    Axis.EPOCH: "epoch",
    Axis.RELATIVE: "time since the first point",
    Axis.GPU: "GPU time",
    Axis.WALL: "time",
}
"""Names of the axes on the screen."""


@dataclass(frozen=True, slots=True)
class PlotOptions:
    """The options with which a metric is plotted; all but `log` belong to the run."""

    axis: Axis = Axis.STEP
    window: Window | None = None
    """The visible part of the axis; None: all."""
    smoothing: float = 0.0
    log: bool = False
    """A logarithmic y axis; it belongs to the metric."""
    log_x: bool = False
    cursor: float | None = None
    """X position of the cursor; None: no cursor."""
    highlight: str = ""
    """The label of the only bright line; empty: none."""
    convert: AxisPositions | None = None
    """The window and the cursor on the previous axis, until they are converted to this one."""

    @property
    def words(self) -> list[str]:
        """Return the options of the run that differ from the defaults, as short phrases."""
        found = [] if self.axis == Axis.STEP else [f"over {AXES[self.axis]}"]
        found += ["log x"] if self.log_x else []
        return [*found, f"smoothing {self.smoothing:g}"] if self.smoothing else found

    def with_other_x_scale(self) -> PlotOptions:
        """Return the options with a log x axis, or with a linear one again, for the same window."""
        fits = self.window is not None and self.window[0] > 0
        return replace(self, log_x=not self.log_x, window=self.window if fits else None)

    def along(self, axis: Axis) -> PlotOptions:
        """Return the options for another axis, on which the same part and point are shown."""
        before = self.convert or AxisPositions(self.axis, self.window, self.cursor)
        needed = before.window is not None or before.cursor is not None
        return replace(
            self,
            axis=axis,
            window=None,
            cursor=None,
            log_x=self.log_x and axis != Axis.WALL,
            convert=before if needed else None,
        )

    def converted(self, positions: AxisPositions) -> PlotOptions:
        """Return the options with the window and the cursor converted to the axis."""
        return replace(self, window=positions.window, cursor=positions.cursor, convert=None)

    def zoomed(self, factor: float, shown: Window, extent: Window, around: float) -> PlotOptions:
        """Scale the window's width by `factor`, keeping the position `around` in place."""
        (first, last), middle = self._scaled(*shown), self._scaled(around)[0]
        low = middle - (middle - first) * factor
        high = middle + (last - middle) * factor
        return self._showing(low, high, self._scaled(*extent))

    def panned(self, share: float, shown: Window, extent: Window) -> PlotOptions:
        """Move the window by a share of its width."""
        (low, high), (first, last) = self._scaled(*shown), self._scaled(*extent)
        by = max(min((high - low) * share, last - high), first - low)
        return self._showing(low + by, high + by, (first, last))

    def whole(self) -> PlotOptions:
        """Show the whole axis, without a cursor, and no line brighter than others."""
        return replace(self, window=None, cursor=None, highlight="", convert=None)

    def _scaled(self, *places: float) -> tuple[float, ...]:
        """Return positions on the scale of the axis: the logarithm if it is logarithmic."""
        return tuple(map(math.log, places)) if self.log_x else places

    def _showing(self, low: float, high: float, extent: tuple[float, ...]) -> PlotOptions:
        least = (extent[1] - extent[0]) * NARROWEST
        if high - low < max(least, math.ulp(abs(high)) * 1000):
            return self
        if high - low >= extent[1] - extent[0]:
            return replace(self, window=None)
        by = max(extent[0] - low, 0.0) - max(high - extent[1], 0.0)
        low, high = low + by, high + by
        window = (math.exp(low), math.exp(high)) if self.log_x else (low, high)
        return replace(self, window=window)


def after(choices: Sequence[Choice], present: Choice) -> Choice:
    """Return the choice after the present one, cyclically."""
    at = choices.index(present) if present in choices else -1
    return choices[(at + 1) % len(choices)]


@dataclass(slots=True)
class CurvesState:
    """The user's choices on a run's curves, shared by the pane and the page of one metric."""

    run_id: str = ""
    view: PlotOptions = field(default_factory=PlotOptions)
    log: set[str] = field(default_factory=set)
    """The metrics with a logarithmic y axis."""
    metric: str = ""
    """The selected metric, by its stored name; empty: the first one."""
    pinned: list[str] = field(default_factory=list)
    """Pinned metrics, which are shown first, in the order of pinning."""
    filter: tuple[str, ...] = ()
    """Words; only metrics whose names contain all of them are shown."""
    compared: Comparison = field(default_factory=Comparison)
    """What the curves are compared with."""
    all_members: bool = False
    """True while a folded sweep is selected: its members are drawn unless others are chosen."""
    time: float | None = None
    """Time of the point under the cursor, until the log has been scrolled to it."""
    saved: Mapping[str, Any] = field(default_factory=dict)
    """The choices to save, as plain data; read by `restored`."""

    @classmethod
    def restored(cls, saved: Mapping[str, Any], run_id: str) -> CurvesState:
        """Restore the saved choices of a run; invalid values are ignored."""
        runs, pinned = saved.get("runs"), saved.get("pinned")
        own = runs.get(run_id) if isinstance(runs, dict) else None
        own = own if isinstance(own, dict) else {}
        axis, smoothing, fold = own.get("axis"), own.get("smoothing"), own.get("fold")
        view = PlotOptions(
            axis=next((one for one in Axis if one == axis), Axis.STEP),
            smoothing=next((one for one in SMOOTHINGS if one == smoothing), 0.0),
            log_x=own.get("log_x") is True,
        )
        compared = Comparison(
            attempts=_items(own.get("attempts"), int),
            members=_items(own.get("members"), str),
            runs=_items(own.get("with_runs"), str),
            sweep=own.get("sweep") is True,
            fold=fold if isinstance(fold, str) else None,
        )
        return cls(
            run_id,
            view,
            set(_items(own.get("log"), str)),
            pinned=list(_items(pinned, str)),
            compared=compared,
            saved=saved,
        )

    @property
    def drawn(self) -> Comparison:
        """What is drawn beside the stage's own curves."""
        return self.compared or Comparison(sweep=self.all_members)

    def choose(self, view: PlotOptions) -> None:
        """Apply plot options; all of them except window and cursor are saved for the run."""
        self.view = view
        own = {
            "axis": str(view.axis) if view.axis != Axis.STEP else None,
            "smoothing": view.smoothing,
            "log_x": view.log_x,
            "log": sorted(self.log),
            "attempts": list(self.compared.attempts),
            "members": list(self.compared.members),
            "with_runs": list(self.compared.runs),
            "sweep": self.compared.sweep,
            "fold": self.compared.fold,
        }
        changed = {key: value for key, value in own.items() if value}
        before = self.saved.get("runs")
        runs = dict(before) if isinstance(before, dict) else {}
        runs.pop(self.run_id, None)
        if changed:
            runs[self.run_id] = changed
        kept = dict(list(runs.items())[-MOST_RUNS:])
        self.saved = {"pinned": self.pinned[-MOST_PINNED:], "runs": kept}

    def view_of(self, metric: str) -> PlotOptions:
        """Return the options with which a metric is plotted."""
        return replace(self.view, log=True) if metric in self.log else self.view

    def reset(self) -> None:
        """Set all options of the plots to their defaults, and remove the comparison."""
        self.log.clear()
        self.compared = Comparison()
        self.choose(PlotOptions())

    @property
    def words(self) -> list[str]:
        """Return the choices that differ from the defaults, as short phrases."""
        compared = [self.compared.words] if self.compared else []
        return [*compared, *self.view.words]

    def pin(self, metric: str) -> None:
        """Pin or unpin a metric."""
        if metric in self.pinned:
            self.pinned.remove(metric)
        else:
            self.pinned.append(metric)

    def shown(self, figures: Sequence[SeriesSummary]) -> list[SeriesSummary]:
        """Return the metrics that pass the filter: pinned ones, losses and scores, then others.

        Without a filter, clocks (epoch, time) are left out unless there is nothing else: they are
        axes.
        """
        fitting = [
            one for one in figures if all(word in one.name.casefold() for word in self.filter)
        ]
        hidden = self.hidden(figures)
        fitting = [one for one in fitting if one not in hidden] or fitting
        return sorted(fitting, key=self._rank)

    def hidden(self, figures: Sequence[SeriesSummary]) -> list[SeriesSummary]:
        """Return the clocks that are left out."""
        if self.filter:
            return []
        return [one for one in figures if one.name not in self.pinned and is_clock(one.name)]

    def _rank(self, one: SeriesSummary) -> tuple[int, bool]:
        if one.name in self.pinned:
            return self.pinned.index(one.name), False
        return len(self.pinned), not is_headline(one.name)


def _items(value: Any, kind: type[Choice]) -> tuple[Choice, ...]:
    """Return the items of a list that are of a kind; of anything else none."""
    return tuple(one for one in value if isinstance(one, kind)) if isinstance(value, list) else ()
