"""Plot options (x axis, window, smoothing, log scale, cursor) and the user's choices on curves.

A window is never wider than the data, and never narrower than floats can resolve.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from trainui.domain.progress_series import is_clock, is_moment
from trainui.store.points.x_axis import Axis
from trainui.tui.curves.model import Compare, CurveData

SMOOTHINGS = (0.0, 0.6, 0.9, 0.97)
"""Smoothing weights (`store.points.smoothing`), in the order in which the key cycles."""

MOST_PINNED = 100
"""The most pinned metrics that are saved, of all pipelines together."""

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


COMPARED = {
    Compare.NOTHING: "alone",
    Compare.ATTEMPTS: "all attempts",
    Compare.STAGES: "all sweep members",
    Compare.RUNS: "this stage in other runs",
}
"""Names of the comparisons on the screen."""

MARKED = "the marked runs"


@dataclass(frozen=True, slots=True)
class PlotOptions:
    """The options with which a stage's curves are plotted."""

    axis: Axis = Axis.STEP
    window: Window | None = None
    """The visible part of the axis; None: all."""
    smoothing: float = 0.0
    log: bool = False
    cursor: float | None = None
    """X position of the cursor; None: no cursor."""
    compare: Compare = Compare.NOTHING

    @property
    def words(self) -> list[str]:
        """Return the options that differ from the defaults, as short phrases."""
        found = [] if self.axis == Axis.STEP else [f"over {AXES[self.axis]}"]
        found += [COMPARED[self.compare]] if self.compare != Compare.NOTHING else []
        found += [f"smoothing {self.smoothing:g}"] if self.smoothing else []
        return [*found, "log scale"] if self.log else found

    def smoother(self) -> PlotOptions:
        """Return the next smoothing weight; after the last one none."""
        return replace(self, smoothing=after(SMOOTHINGS, self.smoothing))

    def along(self, axis: Axis) -> PlotOptions:
        """Return the options for another axis, all of it."""
        return replace(self, axis=axis, window=None, cursor=None)

    def zoomed(self, factor: float, shown: Window, extent: Window, around: float) -> PlotOptions:
        """Scale the window's width by `factor`, keeping the position `around` in place."""
        low = around - (around - shown[0]) * factor
        high = around + (shown[1] - around) * factor
        return self._showing(low, high, extent)

    def panned(self, share: float, shown: Window, extent: Window) -> PlotOptions:
        """Move the window by a share of its width."""
        by = (shown[1] - shown[0]) * share
        by = max(min(by, extent[1] - shown[1]), extent[0] - shown[0])
        return self._showing(shown[0] + by, shown[1] + by, extent)

    def pointed(self, x: float | None) -> PlotOptions:
        """Move or remove the cursor."""
        return replace(self, cursor=x)

    def whole(self) -> PlotOptions:
        """Show the whole axis, without a cursor."""
        return replace(self, window=None, cursor=None)

    def _showing(self, low: float, high: float, extent: Window) -> PlotOptions:
        least = (extent[1] - extent[0]) * NARROWEST
        if high - low < max(least, math.ulp(abs(high)) * 1000):
            return self
        if high - low >= extent[1] - extent[0]:
            return replace(self, window=None)
        by = max(extent[0] - low, 0.0) - max(high - extent[1], 0.0)
        return replace(self, window=(low + by, high + by))


def after(choices: Sequence[Choice], present: Choice) -> Choice:
    """Return the choice after the present one, cyclically."""
    at = choices.index(present) if present in choices else -1
    return choices[(at + 1) % len(choices)]


@dataclass(slots=True)
class CurvesState:
    """The user's choices on a run's curves, shared by the pane and the page of one metric."""

    view: PlotOptions = field(default_factory=PlotOptions)
    metric: str = ""
    """The selected metric, by its stored name; empty: the first one."""
    pinned: list[str] = field(default_factory=list)
    """Pinned metrics, which are shown first, in the order of pinning."""
    filter: tuple[str, ...] = ()
    """Words; only metrics whose names contain all of them are shown."""
    runs: tuple[str, ...] = ()
    """Ids of the marked runs to compare; empty: all of the pipeline."""
    time: float | None = None
    """Time of the point under the cursor, until the log has been scrolled to it."""
    saved: Mapping[str, object] = field(default_factory=dict)
    """The choices to save, as plain data; read by `restored`."""

    @classmethod
    def restored(cls, saved: Mapping[str, object]) -> CurvesState:
        """Restore saved choices; invalid values are ignored."""
        axis, smoothing, pinned = saved.get("axis"), saved.get("smoothing"), saved.get("pinned")
        view = PlotOptions(
            axis=next((one for one in Axis if one == axis), Axis.STEP),
            smoothing=next((one for one in SMOOTHINGS if one == smoothing), 0.0),
            log=saved.get("log") is True,
        )
        names = pinned if isinstance(pinned, list) else []
        return cls(view, pinned=[name for name in names if isinstance(name, str)], saved=saved)

    def choose(self, view: PlotOptions) -> None:
        """Apply plot options; all of them except window and cursor are saved."""
        self.view = view
        self.saved = {
            "axis": str(view.axis),
            "smoothing": view.smoothing,
            "log": view.log,
            "pinned": self.pinned[-MOST_PINNED:],
        }

    @property
    def words(self) -> list[str]:
        """Return the choices that differ from the defaults, as short phrases."""
        chosen = {COMPARED[Compare.RUNS]: MARKED} if self.runs else {}
        return [chosen.get(words, words) for words in self.view.words]

    def pin(self, metric: str) -> bool:
        """Pin or unpin a metric; return True if it is pinned now."""
        if metric in self.pinned:
            self.pinned.remove(metric)
            return False
        self.pinned.append(metric)
        return True

    def shown(self, figures: Sequence[CurveData]) -> list[CurveData]:
        """Return the metrics that pass the filter: pinned ones first, clock metrics last.

        Without a filter, times of day are left out unless there is nothing else; they are an axis.
        """
        fitting = [
            one for one in figures if all(word in one.name.casefold() for word in self.filter)
        ]
        if not self.filter:
            fitting = [one for one in fitting if not self._is_left_out(one)] or fitting
        return sorted(fitting, key=self._rank)

    def _is_left_out(self, one: CurveData) -> bool:
        return one.stored not in self.pinned and is_moment(one.name, one.minimum)

    def _rank(self, one: CurveData) -> tuple[int, bool]:
        place = self.pinned.index(one.stored) if one.stored in self.pinned else len(self.pinned)
        return place, is_clock(one.name)
