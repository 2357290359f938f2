"""Curves as they were read: what is asked of the feed, and what it hands over, all frozen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from trainui.store.points.x_axis import Axis


class Compare(StrEnum):
    """What else is drawn into the plot of a metric."""

    NOTHING = "nothing"
    ATTEMPTS = "attempts"
    """The stage's attempts, each as a curve of its own."""
    STAGES = "stages"
    """The other members of the stage's matrix."""
    RUNS = "runs"
    """The same stage in other runs of the pipeline."""


@dataclass(frozen=True, slots=True)
class CurvesWanted:
    """What is to be read of a stage's metrics."""

    columns: int = 80
    """Columns of a plot, two for each character."""
    names: tuple[str, ...] | None = None
    """The metrics to be drawn, as the store has them; None: the first ones."""
    axis: Axis = Axis.STEP
    window: tuple[float, float] | None = None
    """The part of the axis to be seen; None: all."""
    smoothing: float = 0.0
    """The weight of what came before (`store.points.smoothing`); 0: as it is."""
    compare: Compare = Compare.NOTHING
    runs: tuple[str, ...] = ()
    """Ids of the runs that it is compared with; none: all of its pipeline, the newest ones."""
    attempt: int | None = None
    """The attempt that is looked at; None: all, stitched."""


@dataclass(frozen=True, slots=True)
class CurveData:
    """A metric of a stage in figures."""

    name: str
    """Harmless."""
    stored: str
    """As the store has it."""
    count: int
    last: float | None
    minimum: float | None
    maximum: float | None
    first_step: float | None
    last_step: float | None
    nonfinite: int
    superseded: int = 0


@dataclass(frozen=True, slots=True)
class PlotLine:
    """A series in the columns of a plot; empty columns are NaN."""

    label: str
    """What tells it from the other lines of the plot; harmless."""
    index: int
    """Its place among all that could be compared with it: colour and mark follow from that."""
    own: bool
    """Whether it is the one whose plot this is."""
    at: tuple[float, ...]
    """Where on the axis the last point of each column lies."""
    steps: tuple[float, ...]
    times: tuple[float, ...]
    """Seconds since 1970; NaN where that is not known."""
    lows: tuple[float, ...]
    highs: tuple[float, ...]
    means: tuple[float, ...]
    smooths: tuple[float, ...]
    """Smoothed, at the last point of each column; where nothing is smoothed, the means."""
    lasts: tuple[float, ...]
    """The value read last, NaN and infinities as they are."""
    odd: tuple[tuple[int, int], ...] = ()
    """The columns that hold what is not finite, each with what it is: `windows.NAN` and so on."""
    old_lows: tuple[float, ...] = ()
    """What later attempts superseded; nothing where there is none."""
    old_highs: tuple[float, ...] = ()
    boundaries: tuple[tuple[float, int], ...] = ()
    """Where attempts after the first begin, and their numbers."""
    end: float = 0.0
    """Where on the axis its last point lies, also outside of the window."""
    best: tuple[float, float, float] | None = None
    """The best value, its step, and where on the axis it is."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """Something that struck a metric."""

    x: float
    """Where on the axis."""
    words: str
    """Harmless."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A metric in a window of an axis."""

    name: str
    """As the store has it."""
    low: float
    high: float
    lines: tuple[PlotLine, ...]
    """The one whose plot this is first."""
    extent: tuple[float, float]
    """From where to where there is something to see."""
    marks: tuple[Annotation, ...] = ()
    """Where an alert struck, or the stage had stalled."""


@dataclass(frozen=True, slots=True)
class Curves:
    """The metrics of a stage."""

    wanted: CurvesWanted
    """What was asked for."""
    figures: tuple[CurveData, ...] = ()
    """All metrics, in the order in which they were first seen."""
    charts: tuple[Chart, ...] = ()
    """Those that were read."""
    comparisons: tuple[Compare, ...] = (Compare.NOTHING,)
    """What there is to compare with."""
    axes: tuple[Axis, ...] = (Axis.STEP,)
    """What the curves can be drawn over."""
    choice: str = ""
    """Which of many that could be compared are drawn, in words."""
    sampled: bool = False
    """Where nothing is stored yet, they show some points of the files alone."""
    due: float = math.inf
    """When the charts, being older than the figures, are to be read again (`time.monotonic`)."""

    def __len__(self) -> int:
        return len(self.figures)

    def chart(self, name: str) -> Chart | None:
        """Return the chart of a metric; None where it was not read."""
        return next((chart for chart in self.charts if chart.name == name), None)
