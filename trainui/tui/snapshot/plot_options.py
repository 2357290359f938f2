"""Plot options: x axis, window, smoothing, log scale and cursor.

A window is never wider than the data, and never narrower than floats can resolve.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from trainui.store.points.plot_series import Axis

SMOOTHINGS = (0.0, 0.6, 0.9, 0.97)
"""Smoothing weights (`store.points.plot_windows`), in the order in which the key cycles."""

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
    convert: PlotOptions | None = None
    """The options on the previous axis, until its window and cursor are converted to this one."""

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
        before = self.convert or self
        needed = before.window is not None or before.cursor is not None
        return replace(
            self,
            axis=axis,
            window=None,
            cursor=None,
            log_x=self.log_x and axis != Axis.WALL,
            convert=before if needed else None,
        )

    def converted(self, places: PlotOptions) -> PlotOptions:
        """Return the options with a window and a cursor that were converted to the axis."""
        return replace(self, window=places.window, cursor=places.cursor, convert=None)

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
