"""How curves are looked at: axis, part, smoothing, scale, cursor; what each key makes of it.

The rule that lives here: a window is never wider than what there is, and never so narrow that
nothing can be told apart.
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
"""Weights of what came before (`store.points.smoothing`), as the key cycles through them."""

MOST_PINNED = 100
"""Pinned metrics that are remembered, of all pipelines together."""

NARROWEST = 1e-9
"""Of the whole: the least part that is shown."""

Window = tuple[float, float]

Choice = TypeVar("Choice")

AXES = {
    Axis.STEP: "step",
    Axis.EPOCH: "epoch",
    Axis.RELATIVE: "time since the first point",
    Axis.GPU: "GPU time",
    Axis.WALL: "time",
}
"""What the axes are called."""


COMPARED = {
    Compare.NOTHING: "alone",
    Compare.ATTEMPTS: "its attempts",
    Compare.STAGES: "the stages of its matrix",
    Compare.RUNS: "this stage in other runs",
}
"""What is said of a comparison."""

MARKED = "the marked runs"


@dataclass(frozen=True, slots=True)
class PlotOptions:
    """How a stage's curves are looked at."""

    axis: Axis = Axis.STEP
    window: Window | None = None
    """The part of the axis to be seen; None: all."""
    smoothing: float = 0.0
    log: bool = False
    cursor: float | None = None
    """Where on the axis; None: nowhere."""
    compare: Compare = Compare.NOTHING

    @property
    def words(self) -> list[str]:
        """How it differs from a plain look, in few words."""
        found = [] if self.axis == Axis.STEP else [f"over {AXES[self.axis]}"]
        found += [COMPARED[self.compare]] if self.compare != Compare.NOTHING else []
        found += [f"smoothing {self.smoothing:g}"] if self.smoothing else []
        return [*found, "log scale"] if self.log else found

    def smoother(self) -> PlotOptions:
        """Smooth more, or not at all after the most."""
        return replace(self, smoothing=after(SMOOTHINGS, self.smoothing))

    def along(self, axis: Axis) -> PlotOptions:
        """Draw over another axis, all of it."""
        return replace(self, axis=axis, window=None, cursor=None)

    def zoomed(self, factor: float, shown: Window, extent: Window, around: float) -> PlotOptions:
        """Show a part that is `factor` times as wide, the place `around` staying where it is."""
        low = around - (around - shown[0]) * factor
        high = around + (shown[1] - around) * factor
        return self._showing(low, high, extent)

    def panned(self, share: float, shown: Window, extent: Window) -> PlotOptions:
        """Show what is beside, by a share of what is shown."""
        by = (shown[1] - shown[0]) * share
        by = max(min(by, extent[1] - shown[1]), extent[0] - shown[0])
        return self._showing(shown[0] + by, shown[1] + by, extent)

    def pointed(self, x: float | None) -> PlotOptions:
        """Put the cursor somewhere."""
        return replace(self, cursor=x)

    def whole(self) -> PlotOptions:
        """Show all, with no cursor."""
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
    """Return the choice after the present one, the first after the last."""
    at = choices.index(present) if present in choices else -1
    return choices[(at + 1) % len(choices)]


@dataclass(slots=True)
class CurvesState:
    """What a person has chosen of a run's curves: shared by the pane and the page of one metric."""

    view: PlotOptions = field(default_factory=PlotOptions)
    metric: str = ""
    """The one with the cursor, as the store has it; empty: the first one."""
    pinned: list[str] = field(default_factory=list)
    """Those that stand first, in the order in which they were marked."""
    filter: tuple[str, ...] = ()
    """Parts of names: only metrics with all of them are shown."""
    runs: tuple[str, ...] = ()
    """Ids of the runs that were marked to be compared; none: all of the pipeline."""
    attempt: int | None = None
    """The attempt of the stage that is looked at; None: its last one, curves stitched."""
    time: float | None = None
    """When the point was made that was pointed at last and whose log was not shown yet."""
    kept: Mapping[str, object] = field(default_factory=dict)
    """What of it is remembered for another time: plain data, as `recalled` takes it."""

    @classmethod
    def recalled(cls, kept: Mapping[str, object]) -> CurvesState:
        """Return a desk with what was chosen before; what is not understood is left out."""
        axis, smoothing, pinned = kept.get("axis"), kept.get("smoothing"), kept.get("pinned")
        view = PlotOptions(
            axis=next((one for one in Axis if one == axis), Axis.STEP),
            smoothing=next((one for one in SMOOTHINGS if one == smoothing), 0.0),
            log=kept.get("log") is True,
        )
        names = pinned if isinstance(pinned, list) else []
        return cls(view, pinned=[name for name in names if isinstance(name, str)], kept=kept)

    def choose(self, view: PlotOptions) -> None:
        """Look at the curves in a way that a person has chosen: all but the part is remembered."""
        self.view = view
        self.kept = {
            "axis": str(view.axis),
            "smoothing": view.smoothing,
            "log": view.log,
            "pinned": self.pinned[-MOST_PINNED:],
        }

    @property
    def words(self) -> list[str]:
        """How the curves are looked at, in few words."""
        of = [] if self.attempt is None else [f"attempt {self.attempt}"]
        chosen = {COMPARED[Compare.RUNS]: MARKED} if self.runs else {}
        return [*of, *(chosen.get(words, words) for words in self.view.words)]

    def pin(self, metric: str) -> bool:
        """Let a metric stand first, or no more; returns whether it does."""
        if metric in self.pinned:
            self.pinned.remove(metric)
            return False
        self.pinned.append(metric)
        return True

    def shown(self, figures: Sequence[CurveData]) -> list[CurveData]:
        """Return the metrics that fit the filter: pinned ones first, those of the clock last.

        With no filter, times of day are left out where there is anything else: they are an axis.
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
