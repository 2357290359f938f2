"""Immutable records of the curves: the query with its plot options, and the data that answers it.

Also the values that are read off them: at the cursor, the leader of a comparison, the best point.

A window is never wider than the data, and never narrower than floats can resolve.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import field, replace
from typing import NamedTuple, TypeVar

from trainui.formatting import quantity
from trainui.model.definition import Search
from trainui.model.headline_metric import lower_is_better
from trainui.model.records import SeriesSummary
from trainui.model.states import ENDED, Status
from trainui.pipeline.matrix import TRIAL, is_repeat
from trainui.record import dataclass
from trainui.store.points.plot_points import Axis
from trainui.tui.styled_text import Pairs

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

NAN, ABOVE, BELOW = 1, 2, 4
"""Bit flags of the values in a column that are not finite, as in `store.points.plot_windows`."""

ENOUGH = 2 / 3
"""Share of the lines that must reach the place where all are compared, if there is no cursor."""

CLOSE = 1 / 2
"""Share of the way to that place from which lines are waited for while their stages run: members
that started together are a few points apart, and the one behind may be the best."""

ALL_IN_ONE = "*"
"""`Comparison.fold`: fold everything into one line."""

NOT_FOLDED = "-"
"""`Comparison.fold`: no parameter, also if there is a seed."""


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


@dataclass(frozen=True, slots=True)
class Comparison:
    """The other series drawn into a metric's plot."""

    attempts: tuple[int, ...] = ()
    """Numbers of the stage's attempts, one curve each."""
    members: tuple[str, ...] = ()
    """Stage ids of members of the stage's sweep."""
    runs: tuple[str, ...] = ()
    """Ids of runs, of which the same stage is drawn."""
    sweep: bool = False
    """True for all members of the stage's sweep."""
    fold: str | None = None
    """The parameter over which series are folded into mean and band; None: a seed if there is one,
    `NOT_FOLDED`: none."""
    only: bool = False
    """True if of a sweep exactly the chosen members are drawn: the stage itself is one of them, and
    is drawn alone if nothing is chosen."""

    def __bool__(self) -> bool:
        return bool(self.attempts or self.members or self.runs or self.sweep or self.only)

    @property
    def words(self) -> str:
        """A short description; empty without other series."""
        if self.sweep:
            return "sweep as one band" if self.fold == ALL_IN_ONE else "all sweep members"
        counts = ((self.attempts, "attempt"), (self.members, "sweep member"), (self.runs, "run"))
        parts = [quantity(len(some), word) for some, word in counts if some]
        if self.only and parts:
            return f"chosen: {', '.join(parts)}"
        return f"with {', '.join(parts)}" if parts else ""


@dataclass(frozen=True, slots=True)
class CurvesWanted:
    """A query for a stage's metrics."""

    columns: int = 80
    """Columns of a plot, two a character."""
    names: tuple[str, ...] | None = None
    """The metrics to read, by their stored names; None: the first ones; one that is empty: the
    metric that is shown first."""
    view: PlotOptions = field(default_factory=PlotOptions)
    """The options that the data depends on; without cursor and highlight."""
    compared: Comparison = Comparison()
    candidates: bool = False
    """Also read what the first metric can be compared with."""
    sought: tuple[str, ...] = ()
    """Words in the names of further runs that it can be compared with."""
    attempt: int | None = None
    """The attempt to show; None: all, stitched."""


@dataclass(frozen=True, slots=True)
class PlotLine:
    """A series binned into the columns of a plot; empty columns are NaN."""

    label: str
    """Distinguishes it from the other lines of the plot; safe to print."""
    index: int
    """Its index among all comparable lines."""
    own: bool
    """True for the stage that the plot belongs to."""
    at: tuple[float, ...]
    """X position of the last point of each column."""
    steps: tuple[float, ...]
    times: tuple[float, ...]
    """Seconds since 1970; NaN if unknown."""
    lows: tuple[float, ...]
    highs: tuple[float, ...]
    means: tuple[float, ...]
    smooths: tuple[float, ...]
    """Smoothed value at the last point of each column; without smoothing equal to `means`."""
    lasts: tuple[float, ...]
    """Last value of each column, including NaN and infinities."""
    odd: tuple[tuple[int, int], ...] = ()
    """Columns with values that are not finite, and the kinds (bits, e.g. `plot_windows.NAN`)."""
    old_lows: tuple[float, ...] = ()
    """Minima of points that later attempts superseded; empty if there are none."""
    old_highs: tuple[float, ...] = ()
    boundaries: tuple[tuple[float, int], ...] = ()
    """X positions at which the second and later attempts begin, and their numbers."""
    end: float = 0.0
    """X position of its last point, also outside the window."""
    best: tuple[float, float, float] | None = None
    """The best value, its step, and its x position; the latter two are NaN for a mean."""
    last: tuple[float, float] | None = None
    """The value read last, as `trainui metrics` gives it, and its step; None: unknown."""
    members: tuple[tuple[float, ...], ...] = ()
    """The smoothed values of the series that were folded into this line; empty: none were."""
    counts: tuple[int, ...] = ()
    """How many of them have a value in each column."""
    deviations: tuple[float, ...] = ()
    """Their standard deviation in each column; NaN below two values."""
    pruned: str = ""
    """Why its trial was pruned; empty: it was not."""
    completed: bool = False
    """True if it is a member of a sweep and has completed."""
    live: bool = False
    """True if more points may come."""
    nan_since: float | None = None
    """The step of its first NaN or infinite value, also outside the window; None: unknown."""
    pairs: tuple[tuple[str, str], ...] = ()
    """The parts of its label; empty: it has none (`names.Pairs`)."""
    key: str = ""
    """Identifies it in every plot, for its colour; empty: its label does."""

    @property
    def is_member(self) -> bool:
        """True if it has the name of one member of a sweep, which may be drawn alone."""
        return any(key for key, _ in self.pairs)

    @property
    def diverged(self) -> bool:
        """True if it has a NaN: it leads nothing."""
        return self.has_nan or self.nan_since is not None

    @property
    def has_nan(self) -> bool:
        """True if a value in the window is NaN."""
        return any(kind & NAN for _, kind in self.odd)

    @property
    def known(self) -> list[float]:
        """The x positions of the columns with a point."""
        return [x for x in self.at if x == x]


@dataclass(frozen=True, slots=True)
class Annotation:
    """An alert or a stall on a metric's plot, or an evaluation's best checkpoint."""

    x: float
    """X position."""
    words: str
    """Safe to print."""
    is_alert: bool = True


class SeedVerdict(NamedTuple):
    """The verdict on the difference of two lines over their seeds: more than noise, or not."""

    words: tuple[str, ...] = ()
    """Empty: they are not two configurations."""
    more: int | None = None
    """How many seeds more, of each, to start; None: they would tell nothing new."""
    configurations: tuple[tuple[str, str], ...] = ()
    """Those compared, by their runs' ids and their names."""
    is_told: bool = False
    """True if the difference is more than noise."""


NO_VERDICT = SeedVerdict()


@dataclass(frozen=True, slots=True)
class Chart:
    """A metric in a window of an axis."""

    name: str
    """The name as stored."""
    low: float
    high: float
    lines: tuple[PlotLine, ...]
    """The stage's own line first."""
    extent: tuple[float, float]
    """The first and the last x position that have data."""
    annotations: tuple[Annotation, ...] = ()
    """Alerts and stalls."""
    log_x: bool = False
    """True if the columns are on a logarithmic x axis."""
    unit: str = "step"
    """What a step of its lines counts: `step`, or `epoch`."""
    verdict: SeedVerdict = NO_VERDICT
    """The verdict on the difference of two lines over their seeds: more than noise, or not."""
    search: Search | None = field(default=None, hash=False)  # its space is a mapping
    """The search of the stage, whose goal says which value is better."""
    whole_sweep: bool = False
    """True if its lines are a whole sweep, so that none of them is the page's own."""

    def is_own(self, line: PlotLine) -> bool:
        """Return True for the line that the page is about."""
        return line.own and not self.whole_sweep

    @property
    def series_count(self) -> int:
        """The number of series drawn, those folded into a mean among them."""
        return sum(len(line.members) or 1 for line in self.lines)

    @property
    def lower_is_better(self) -> bool | None:
        """True if lower is better; None if it is unknown."""
        return lower_is_better(self.name, self.search)


@dataclass(frozen=True, slots=True)
class PlottedSeries:
    """A series that can be drawn as a line."""

    owner: str
    label: str
    """Distinguishes it from the others; safe to print."""
    index: int
    """Its index among all comparable series; it determines colour and mark."""
    attempt: int | None = None
    """Only the points of this attempt; None: all attempts, stitched."""
    own: bool = False
    """True for the stage that the plot belongs to."""
    status: Status = Status.COMPLETED
    """The state of its stage, or of its attempt."""
    params: tuple[tuple[str, str], ...] = ()
    """The parameters of its sweep or its run, as text."""
    run: str = ""
    """The id of its run, if that is another one."""
    elsewhere: bool = False
    """True if its run is of another pipeline."""
    pruned: str = ""
    """Why its stage was pruned; empty: it was not."""
    completed: bool = False
    """True if it is a member of a sweep and has completed."""
    over: str | None = None
    """The parameter that its sweep is folded over by its definition."""
    pairs: tuple[tuple[str, str], ...] = ()
    """The parts of its label; empty: it has none (`names.Pairs`)."""

    @property
    def live(self) -> bool:
        """True if more points may come."""
        return self.status not in ENDED


def differing_params(series: Iterable[PlottedSeries]) -> tuple[str, ...]:
    """Return the parameters in which series differ."""
    return differing_values([dict(one.params) for one in series])


def differing_values(known: Collection[Mapping[str, str]]) -> tuple[str, ...]:
    """Return the names of the values that differ."""
    names = dict.fromkeys(name for params in known for name in params)
    return tuple(name for name in names if len({params.get(name) for params in known}) > 1)


MEAN = ("", "mean")
"""The part of a name that says that a line is a mean."""


class LineGroup(NamedTuple):
    """The series that are folded into one line, and its name; one series keeps its own."""

    pairs: Pairs
    series: list[PlottedSeries]


def groups(series: Sequence[PlottedSeries], fold: str | None) -> list[LineGroup]:
    """Return the series by the line that they are folded into.

    `fold` is the parameter to fold over (`Comparison.fold`).
    """
    if fold == ALL_IN_ONE and len(series) > 1:
        return [LineGroup((("", f"all {len(series)}"),), list(series))]
    names = differing_params(series)
    declared = {one.over for one in series}
    folded = {
        name
        for name in names
        if (name in declared or is_repeat(name) if fold is None else name == fold)
    }
    kept = [name for name in names if name not in folded]
    found: dict[tuple[str | None, ...], list[PlottedSeries]] = {}
    for one in series:
        params = dict(one.params)
        repeated = any(name in params for name in folded)
        key = tuple(params.get(name) for name in kept) if repeated else (one.label,)
        found.setdefault(key, []).append(one)
    return [
        LineGroup(_own_name(some[0]) if len(some) == 1 else _named(some[0], kept, folded), some)
        for some in found.values()
    ]


def fold_choices(series: Sequence[PlottedSeries]) -> tuple[str | None, ...]:
    """Return what series can be averaged over: a seed, nothing, what repeats, and all."""
    if len(series) < 2:
        return (NOT_FOLDED,)
    names = dict.fromkeys(name for one in series for name, _ in one.params)
    by_seed = [some for _, some in groups(series, None)]
    parts = {name: [some for _, some in groups(series, name)] for name in names}
    repeated = [name for name, some in parts.items() if 1 < len(some) < len(series)]
    others = [name for name in repeated if parts[name] != by_seed]
    has_seed = len(by_seed) < len(series)
    return (*([None] if has_seed else []), NOT_FOLDED, *others, ALL_IN_ONE)


def fold_word(fold: str | None, choices: Sequence[str | None]) -> str:
    """Return over what lines are averaged, for a person; a choice that there is not is nothing."""
    words = {None: "the seeds", ALL_IN_ONE: "all", NOT_FOLDED: "nothing"}
    return words.get(fold, str(fold)) if fold in choices else "nothing"


def fold_words(fold: str | None, choices: Sequence[str | None]) -> str:
    """Return how lines are averaged: `averaged over the seeds`, or `each curve by itself`."""
    over = fold_word(fold, choices)
    return "each curve by itself" if over == "nothing" else f"averaged over {over}"


def next_fold(compared: Comparison, choices: Sequence[str | None]) -> tuple[Comparison, str]:
    """Return the comparison averaged over the next choice, and why that may not be expected."""
    if len(choices) < 2:
        return compared, "nothing to average: only one curve is drawn"
    present = compared.fold if compared.fold in choices else NOT_FOLDED
    changed = replace(compared, fold=after(choices, present))
    if changed.fold == ALL_IN_ONE and len(choices) == 2:
        return changed, "averaged over all: no two curves differ by a seed alone"
    return changed, ""


def _own_name(one: PlottedSeries) -> Pairs:
    return one.pairs or (("", one.label),)


def _named(one: PlottedSeries, names: Sequence[str], folded: Collection[str]) -> Pairs:
    """Return the parameters that differ between lines; of a single line all but the folded.

    A trial's number says enough.
    """
    params = dict(one.params)
    names = [TRIAL] if TRIAL in names else names
    names = names or [name for name in params if name not in folded]
    return tuple((name, params[name]) for name in names if name in params) or (MEAN,)


class Candidate(NamedTuple):
    """A series that can be drawn into a plot for comparison."""

    series: PlottedSeries
    params: Mapping[str, str]
    """The parameters in which the candidates differ."""
    summary: SeriesSummary | None
    """None: the metric has no values in it."""
    best: float | None
    nan_since: float | None
    """The step of its first NaN or infinite value; None: unknown."""
    unit: str = "step"
    """What its steps count: `step`, or `epoch`."""

    @property
    def is_out(self) -> bool:
        """True if it is not among the best: it has a NaN, or was pruned."""
        return bool(self.series.pruned or (self.summary is not None and self.summary.nonfinite))

    @property
    def field(self) -> str:
        """The field of `Comparison` for it."""
        if self.series.attempt is not None:
            return "attempts"
        return "runs" if self.series.run else "members"

    @property
    def key(self) -> int | str:
        """The attempt's number, the run's id, or the member's stage id."""
        return self.series.attempt or self.series.run or self.series.owner


@dataclass(frozen=True, slots=True)
class Curves:
    """The metrics of a stage."""

    wanted: CurvesWanted
    """The query that these curves answer."""
    figures: tuple[SeriesSummary, ...] = ()
    """All metrics, in the order in which they first appeared."""
    charts: tuple[Chart, ...] = ()
    """Only the metrics that were read."""
    candidates: tuple[Candidate, ...] = ()
    """What the first metric can be compared with; empty unless queried."""
    converted: PlotOptions | None = None
    """`wanted.view.convert`, with its window and cursor on the axis of the query."""
    axes: tuple[Axis, ...] = (Axis.STEP,)
    """The x axes that have data."""
    choice: str = ""
    """Which series are drawn if there are too many for one plot."""
    in_sweep: bool = False
    """True if the stage is one of several members of a sweep."""
    first: tuple[str, ...] = ()
    """The metrics to show first: those that the compared runs share, or that a sweep ranks by."""
    left_out: tuple[str, ...] = ()
    """The compared runs of which the first chart has no line, each with the reason."""
    folds: tuple[str | None, ...] = ()
    """What the lines can be averaged over (`Comparison.fold`)."""
    due: float = math.inf
    """When to read charts again that are older than `figures` (`time.monotonic`)."""

    def chart(self, name: str) -> Chart | None:
        """Return the chart of a metric; None if it was not read."""
        return next((chart for chart in self.charts if chart.name == name), None)


NOT_READ = Curves(CurvesWanted())
"""Placeholder for the metrics of a stage until they have been read."""


class CursorValue(NamedTuple):
    """A line's last point at or before an x position."""

    column: int
    """Column of dots; -1: outside of the window."""
    x: float
    step: float
    value: float
    smoothed: float
    time: float
    """Seconds since 1970; NaN if unknown."""


def value_at(line: PlotLine, view: PlotOptions, x: float) -> CursorValue | None:
    """Return a line's last point at or before `x`; None outside the line."""
    if x > line.end:
        return None
    is_best = line.best is not None and x == line.best[2]
    if is_best:
        column = next((at for at, place in enumerate(line.at) if place >= x), None)
    else:
        backwards = reversed(range(len(line.at)))
        column = next((at for at in backwards if line.at[at] <= x), None)
    if column is None:
        return None
    value, step, x = line.lasts[column], line.steps[column], line.at[column]
    if is_best and line.best is not None:  # it need not be the last point of its column
        value, step, x = line.best
    smoothed = line.smooths[column] if view.smoothing else value
    return CursorValue(column, x, step, value, smoothed, line.times[column])


def last_value(line: PlotLine, view: PlotOptions) -> CursorValue | None:
    """Return a line's last point, also outside of the window; its value is the one stored."""
    visible = value_at(line, view, last_x(line))
    if line.last is None:
        return visible
    value, step = line.last
    if visible is not None and visible.x == line.end:
        smoothed = visible.smoothed if view.smoothing else value
        return visible._replace(step=step, value=value, smoothed=smoothed)
    return CursorValue(-1, line.end, step, value, math.nan if view.smoothing else value, math.nan)


def last_x(line: PlotLine) -> float:
    """Return the x position of a line's last visible point; NaN if it has none."""
    return max(line.known, default=math.nan)


def x_positions(chart: Chart) -> list[float]:
    """Return the x positions of all visible points, in order."""
    return sorted({x for line in chart.lines for x in line.known})


def compared_x(chart: Chart, view: PlotOptions) -> float:
    """Return where lines are compared: at the cursor, else as far as most lines reach.

    Of two lines this is the end of the shorter one, and of several that of one which is still being
    written and not far behind. A pruned line, or one without a visible point, does not count, nor
    does a line that has only begun among several: they have no value there. NaN if no line has a
    visible point.
    """
    if view.cursor is not None:
        return view.cursor
    known = [line for line in chart.lines if line.known]
    known = [line for line in known if not line.pruned] or known
    if not known:
        return math.nan
    ends = sorted(map(last_x, known), reverse=True)
    most = ends[math.ceil(ENOUGH * len(ends)) - 1]
    behind = [end for line in known if line.live and (end := last_x(line)) >= CLOSE * most]
    return min([most, *behind])


def ranking(chart: Chart, view: PlotOptions) -> list[tuple[float, PlotLine]]:
    """Return the lines with their values at the compared position, the best first, NaN last.

    Empty for a single line, or if the metric's name does not say whether higher or lower is better.
    """
    lower = chart.lower_is_better
    if lower is None or len(chart.lines) < 2:
        return []
    x = compared_x(chart, view)
    found = [(one.smoothed, line) for line in chart.lines if (one := value_at(line, view, x))]
    known = [(value, line) for value, line in found if math.isfinite(value)]
    sign = 1 if lower else -1
    return sorted(known, key=lambda pair: (pair[1].diverged, sign * pair[0]))


def best_line(chart: Chart) -> PlotLine | None:
    """Return the line with the best value; None for a single line, or if that is unknown.

    Lines of pruned trials and those with a NaN come last, as in tables.
    """
    lower = chart.lower_is_better
    known = [(line.best[0], line) for line in chart.lines if line.best is not None]
    if lower is None or len(chart.lines) < 2 or not known:
        return None
    sign = 1 if lower else -1

    def key(pair: tuple[float, PlotLine]) -> tuple[bool, float]:
        return pair[1].diverged or bool(pair[1].pruned), sign * pair[0]

    return min(known, key=key)[1]
