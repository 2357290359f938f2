"""A folded sweep as a table: its members' states, differing parameters and headline metric."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple, overload

from rich.cells import cell_len

from trainui import clock, text
from trainui.braille import plot_lines
from trainui.model.records import StageRecord
from trainui.model.states import DIVERGED, NAN, Status
from trainui.pipeline.masking import mask
from trainui.pipeline.matrix import TRIAL, Spread, folds
from trainui.text import SYMBOLS, harmless
from trainui.tui.graph_layout import RANKS, counts
from trainui.tui.numbers import elapsed, exact_step, number, number_of, shortened, state_style, step
from trainui.tui.run_page.overview import trouble
from trainui.tui.snapshot import NOTHING, MatrixDetail, SearchDetail, StageValue
from trainui.tui.styled_text import Row, Segment, cut, cut_end, fit, packed, told_apart, width_of

PLOT_HEIGHT, LEAST_POINTS = 3, 3
"""Lines of the plot of the best value so far, and the completed trials without which it is not."""

TIME, VALUE, STEP, MOST_TITLE, LEAST_PARAM = 7, 10, 9, 21, 4
"""Widths of the columns in characters."""

MOST = 12
"""Maximum number of lines of a table of means; the others are counted."""

MOST_PARAM, STATE, LABEL = 16, 11, 10
"""Widths of the columns, and of the labels above the table, in characters."""

LEAST_REASON = 12
"""Characters below which a line does not say why a trial was pruned or failed."""


def search_rows(group: MatrixDetail, width: int) -> list[Row]:
    """Return the lines of a search; empty if the stage has none."""
    if group.search is None:
        return []
    values = best_so_far(group.search, lower=bool(group.lower))
    rows = _plot(values, width) if len(values) >= LEAST_POINTS else []
    if shares := group.search.importance:
        parts = (Segment(f"{harmless(name)} {share:.0%}  ") for name, share in shares.items())
        rows += packed((Segment("importance  ", "dim"), *parts), width)
    return rows


def best_so_far(search: SearchDetail, *, lower: bool) -> list[float]:
    """Return the best value up to each completed trial, in the order of their numbers."""
    values: list[float] = []
    for one in sorted(search.trials.values(), key=lambda one: one.number):
        if one.state == "complete" and one.value is not None:
            best = min if lower else max
            values.append(best(values[-1], one.value) if values else one.value)
    return values


def _plot(values: list[float], width: int) -> list[Row]:
    """Plot the best value over the completed trials, between its first and its last value."""
    first, last = number(values[0]), number(values[-1])
    columns = max(2, min(2 * (width - len(first) - len(last) - 2), 2 * width // 3 * 2))
    drawn = [values[index * len(values) // columns] for index in range(columns)]
    lines = plot_lines(drawn, drawn, PLOT_HEIGHT)
    starts = [first, *[" " * len(first)] * (PLOT_HEIGHT - 1)]
    ends = ["", "", last]
    if values[0] < values[-1]:
        starts, ends = starts[::-1], ends[::-1]
    rows: list[Row] = [(), (Segment(f"best so far, over {len(values)} completed trials", "dim"),)]
    for start, line, end in zip(starts, lines, ends, strict=True):
        rows.append((Segment(f"{start} ", "dim"), Segment(line, "good"), Segment(f" {end}")))
    return [cut(row, width) for row in rows]


PLAIN = (Status.COMPLETED, Status.PENDING)
"""States for which the symbol is enough."""


class MemberColumns(NamedTuple):
    """Widths of the members' columns; 0: not shown."""

    params: Mapping[str, int]
    time: int
    value: int
    step: int
    others: Sequence[str] = ()
    """The titles of further metrics' columns."""
    shortened: Mapping[str, Mapping[str, str]] = NOTHING
    """By parameter, the values that are too long for their column, and what stands for them."""

    def short(self, key: str, value: str) -> str:
        """Return a value as it is shown: so that no two look alike."""
        shown: Mapping[str, str] = self.shortened.get(key, {})
        return shown.get(value, value)

    @classmethod
    def fitting(
        cls,
        params: Mapping[str, int],
        values: Mapping[str, Sequence[str]],
        value: int,
        width: int,
        *,
        steps: bool,
        word: int,
    ) -> MemberColumns:
        """Return the columns that fit.

        First the step goes, then the time; then the metric's heading and the widest parameters are
        shortened.
        """
        names = 2 + sum(one + 2 for one in params.values())
        own = value + 2 if value else 0
        step = STEP if steps and names + own + STEP <= width else 0
        time = TIME if names + own + step + TIME <= width or not value else 0
        value = min(value, max(VALUE, width - names - time - step - 2 - word))
        room = width - 2 - (value + 2 if value else 0) - time - step
        widths = narrowed(params, room, values)
        shortened = {
            key: dict(zip(values[key], told_apart(values[key], width), strict=True))
            for key, width in widths.items()
            if any(cell_len(one) > width for one in values.get(key, ()))
        }
        return cls(widths, time, value, step, shortened=shortened)

    def with_others(self, titles: Iterable[str], room: int) -> MemberColumns:
        """Return the columns with those of further metrics that fit into so many characters."""
        room -= 2 + sum(width + 2 for width in self.params.values()) + self.time + self.step
        room -= self.value + 2 if self.value else 0
        widths = accumulate(_other_width(title) for title in titles)
        fitting = (title for title, width in zip(titles, widths, strict=True) if width <= room)
        return self._replace(others=tuple(fitting))

    def head(self, metric: str, unit: str) -> Row:
        """Return the column headings; `unit`: what the metric's steps count."""
        names = "".join(f"{fitted(key, width)}  " for key, width in self.params.items())
        value = cut_end(metric, self.value) if self.value else ""
        titles = [("time", self.time), (value, self.value and self.value + 2)]
        titles += [(f"at {unit}", self.step)]
        titles += [(cut_end(one, MOST_TITLE), _other_width(one)) for one in self.others]
        line = "".join(fit(title, width, right=True) for title, width in titles)
        return (Segment(f"  {names}{line}", "dim"),)

    def row(
        self,
        stage: StageRecord,
        params: Mapping[str, str],
        group: MatrixDetail,
        word: str,
        *,
        now: int,
        leads: bool,
        is_ill: bool,
    ) -> Row:
        """Return the line of a member, with the words of its state.

        `leads`: it is the best; `is_ill`: the words have an alert.
        """
        value, trial = group.shown.get(stage.name), None
        if group.search is not None:
            trial = group.search.trials.get(stage.name)
        is_broken = stage.name in group.broken
        texts = (
            f"{fit(self.short(key, params.get(key, '')), width)}  "
            for key, width in self.params.items()
        )
        ticks = stage.status == Status.RUNNING and stage.lost_at is None
        spent = elapsed(stage.worked_until(now), ticks=ticks)
        shown = "" if value is None else f"{'!' * is_broken}{number(value)}"
        value_style = "bad" if is_broken else "good" if leads and value is not None else ""
        style = "bad" if stage.stalled else state_style(stage.status)
        at = why = ""
        if trial is not None:
            why = trial.pruning.words if trial.pruning else harmless(trial.reason or "")
            why = "" if stage.status == Status.COMPLETED else why  # it ended before it was pruned
            # where it ran again, or was pruned after its best value, the step is another one's
            at = "" if trial.step is None or trial.value != value else step(trial.step)
        return (
            Segment(f"{SYMBOLS[stage.status]} ", style),
            Segment("".join(texts), "strong"),
            Segment(fit(spent, self.time, right=True), "dim"),
            Segment(fit(shown, self.value + 2 if self.value else 0, right=True), value_style),
            Segment(fit(at, self.step, right=True), "dim"),
            *(_other(title, group.others[title].get(stage.name)) for title in self.others),
            Segment(f"  {word}" if word else "", "bad" if is_ill else style),
            Segment(f"  {why}" if why else "", "dim"),
        )


def state_word(stage: StageRecord) -> str:
    """Return the word of a member's state; empty if its symbol is enough."""
    if stage.lost_at is not None:
        return text.state_word(stage.status, is_lost=True)
    return "stalled" if stage.stalled else "" if stage.status in PLAIN else str(stage.status)


def narrowed(
    widths: Mapping[str, int], room: int, values: Mapping[str, Sequence[str]]
) -> Mapping[str, int]:
    """Return widths of columns, two characters apart, that fit into so many characters.

    First headings are cut, then the widest texts; numbers stay whole. Then the last columns go.
    """
    found = dict(widths)
    least = {key: max(map(cell_len, values.get(key, ())), default=0) for key in widths}
    for numbers_alone in (True, False):
        while sum(one + 2 for one in found.values()) > room:
            wide = [key for key in found if found[key] > max(least[key], LEAST_PARAM)]
            if not wide:
                break
            found[max(wide, key=lambda key: found[key])] -= 1
        if numbers_alone:
            texts = [key for key in least if not all(map(_is_number, values.get(key, ())))]
            least |= dict.fromkeys(texts, 0)
    while len(found) > 1 and sum(one + 2 for one in found.values()) > room:
        found.popitem()
    return found


def _is_number(text: str) -> bool:
    return not text or number_of(text) is not None


def _other_width(title: str) -> int:
    """Return the width of a further metric's column, with the space before it."""
    return min(max(cell_len(title), VALUE), MOST_TITLE) + 2


def _other(title: str, found: StageValue | None) -> Segment:
    shown = "" if found is None else f"{'!' * found.is_broken}{number(found.value)}"
    style = "bad" if found is not None and found.is_broken else "dim"
    return Segment(fit(shown, _other_width(title), right=True), style)


def fitted(text: str, width: int) -> str:
    """Return a text as wide as its column, cut at its end."""
    return fit(cut_end(text, width), width)


def folded_rows(
    members: Sequence[StageRecord], group: MatrixDetail | None, width: int
) -> list[Row]:
    """Return a line for each fold that has begun, the best mean first; empty if nothing is folded.

    As in the plots, those of which a member has a NaN come last.
    """
    found = folds(members)
    if not found:
        return []
    values = group.values if group is not None else {}
    by_id = {one.id: values[one.name] for one in members if one.name in values}
    broken = group.broken if group is not None else frozenset()
    lines = [
        (fold, fold.spread(by_id), sum(one.name in broken for one in fold.members))
        for fold in found
        if any(one.attempt for one in fold.members)
    ]
    if group is not None and group.lower is not None:
        sign = 1 if group.lower else -1
        lines.sort(key=lambda one: (one[1].mean is None, one[2] > 0, sign * (one[1].mean or 0.0)))
    shown = lines[:MOST]
    values_of = [_values(spread, nan) for _, spread, nan in shown]
    params = [params_of(fold.params) for fold, _, _ in shown]
    widths = _widths(params, width - 2 - max(map(width_of, values_of), default=0))
    metric = f"{group.title}, mean " if group is not None else ""
    heads = _cells({name: name for name in widths}, widths)
    head = f"{'  ' * bool(heads)}{heads}{metric}over {harmless(found[0].over)}"
    rows: list[Row] = [(), (Segment(head, "dim"),)]
    rows += [
        (Segment(f"  {_cells(own, widths)}", "strong"), *row)
        for own, row in zip(params, values_of, strict=True)
    ]
    if len(lines) > MOST:
        rows.append((Segment(f"  {len(lines) - MOST} more", "dim"),))
    if len(lines) < len(found):
        rows.append((Segment(f"  {len(found) - len(lines)} not started", "dim"),))
    return [cut(row, width) for row in rows]


def params_of(values: Mapping[str, object]) -> dict[str, str]:
    """Return parameters as a table shows them: without secrets, long numbers shortened."""
    shown = mask(values).items()
    return {harmless(key): shortened(harmless(str(value))) for key, value in shown}


def _widths(folds: Sequence[Mapping[str, str]], room: int) -> Mapping[str, int]:
    """Return the width of each parameter's column; where not all fit, of a trial's number alone."""
    names = dict.fromkeys(name for params in folds for name in params)
    texts = {name: (name, *(params.get(name, "") for params in folds)) for name in names}
    whole = {name: max(map(cell_len, some)) for name, some in texts.items()}
    values = {name: some[1:] for name, some in texts.items()}
    found = narrowed(whole, room, values)
    return {TRIAL: whole[TRIAL]} if found != whole and TRIAL in whole else found


def _cells(params: Mapping[str, str], widths: Mapping[str, int]) -> str:
    return "".join(f"{fitted(params.get(name, ''), width)}  " for name, width in widths.items())


def _values(spread: Spread, nan: int) -> Row:
    """Return the mean, the deviation, and how many of the members they cover."""
    shown = "" if spread.mean is None else f"{number(spread.mean)} "
    deviation = "" if spread.deviation is None else f"± {number(spread.deviation)} "
    return (
        Segment(f"{shown}{deviation} ".lstrip()),
        Segment(spread.words, "dim"),
        Segment(f"  !{nan} NaN" if nan else "", "bad"),
    )


NO_METRIC = MatrixDetail("", None, {})
"""The values of a sweep without metrics."""


class SweepTable:
    """The part of a sweep's table that does not change: parameters and column widths."""

    def __init__(self, members: Sequence[StageRecord]) -> None:
        self.params = {one.name: params_of(one.definition.member_values) for one in members}
        texts = [*self.params.values()]
        names = dict.fromkeys(name for own in texts for name in own)
        found = {name: {own.get(name) for own in texts} for name in names}
        self.same = {name: texts[0].get(name, "") for name in names if len(found[name]) == 1}
        """The parameters with one common value."""
        self.widths = {
            name: min(max(cell_len(one or "") for one in (name, *some)), MOST_PARAM)
            for name, some in found.items()
            if len(some) > 1
        }
        """The widths of the parameters that differ."""
        self.values = {name: [one for one in found[name] if one] for name in self.widths}
        """Their values."""

    @property
    def width(self) -> int:
        """The most characters that a line may need: parameters, time, metric and state."""
        params = sum(width + 2 for width in self.widths.values())
        return 2 + params + TIME + 2 + MOST_TITLE + 2 + STATE


class SweepRows(Sequence[Row]):
    """The lines of a sweep, rendered lazily because there may be thousands of members."""

    def __init__(
        self,
        members: Sequence[StageRecord],
        group: MatrixDetail | None,
        *,
        width: int,
        table: SweepTable | None = None,
        foot: Sequence[Row] = (),
        alerts: Mapping[str, str] | None = None,
        now: Callable[[], int] = clock.now,
    ) -> None:
        """Render the heading; `table` may be reused, `foot` are lines below the members.

        `now` returns until when a running member has worked, each time its line is rendered.
        """
        group = group or NO_METRIC
        self._table = table if table is not None else SweepTable(members)
        self._group, self._width, self._foot, self._now = group, width, foot, now
        self._ordered, self._alerts = _ordered(members, group), alerts or {}
        self._counts = {name: one.split(" ")[-1] for name, one in group.progress.items()}
        """How far members are, without the unit: `86/125`."""
        trials = group.search.trials.values() if group.search is not None else ()
        title = group.column if group.metric else ""
        value = max(VALUE, min(cell_len(title), MOST_TITLE)) if title else 0
        words = {*map(state_word, members), *self._alerts.values(), *self._counts.values()}
        word = max(map(cell_len, words), default=0)
        self._columns = MemberColumns.fitting(
            *(self._table.widths, self._table.values, value, width),
            steps=any(one.step is not None for one in trials),
            word=word,
        )
        with_nan = [one for one in members if one.name in group.nan_since]
        word = max([word, *(cell_len(self._words(one)[1]) for one in with_nan)])
        self._columns = self._columns.with_others(group.others, width - word - 2)
        self._head = self._heading(members)

    def _heading(self, members: Sequence[StageRecord]) -> list[Row]:
        table, group, width = self._table, self._group, self._width - 1
        rows: list[Row] = packed(_states(members, self._alerts, group), width)
        if table.same:
            shared = (Segment(f"{key}={value}  ") for key, value in table.same.items())
            rows += packed((Segment("all have  ", "dim"), *shared), width, LABEL)
        if group.metric:
            best = next(iter(group.best_first(members)), self._ordered[0])
            of_one = Segment("one member  " * bool(folds(members)), "dim")  # not a mean, as below
            found = _best(best, table.params[best.name], table.widths, group)
            rows += packed((*found, of_one), width, LABEL)
            rows += search_rows(group, width)
        rows += folded_rows(members, group if group.metric else None, width)
        unit = group.unit(group.metric)
        head = self._columns.head(group.column if group.metric else "", unit)
        return [*rows, (), cut(head, self._width)]

    def __len__(self) -> int:
        return len(self._head) + len(self._ordered) + len(self._foot)

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Row]: ...

    def __getitem__(self, index: int | slice) -> Row | Sequence[Row]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        index = range(len(self))[index]
        if index < len(self._head):
            return self._head[index]
        place = index - len(self._head)
        if place < len(self._ordered):
            return _whole(self._member(place), self._width)
        return self._foot[place - len(self._ordered)]

    def _member(self, place: int) -> Row:
        stage, group = self._ordered[place], self._group
        leads = place == 0 and group.lower is not None and group.may_lead(stage)
        params = self._table.params[stage.name]
        is_ill = stage.name in self._group.broken or stage.name in self._alerts
        now = self._now()
        rows = [
            self._columns.row(stage, params, group, word, now=now, leads=leads, is_ill=is_ill)
            for word in self._words(stage)
        ]
        return next((row for row in rows if width_of(row) <= self._width), rows[-1])

    def _words(self, stage: StageRecord) -> list[str]:
        """Return the words of a member's state, progress and alert, the longest first."""
        is_broken = stage.name in self._group.broken
        alert = self._alerts.get(stage.name, text.TROUBLE[DIVERGED][1] if is_broken else "")
        since = self._group.nan_since.get(stage.name)
        alerts = [alert] if since is None else [f"{alert} since {exact_step(since)}", alert]
        if since is not None and (metric := self._group.nan_metrics.get(stage.name)):
            alerts.insert(0, f"{metric} {alerts[0]}")
        state, count = state_word(stage), self._counts.get(stage.name, "")
        progress = self._group.progress.get(stage.name, "")
        state = "" if progress and state == Status.RUNNING else state
        found = [(state, progress, one) for one in alerts]
        found += [(state, count, alerts[-1]), (state, "", alerts[-1]), ("", "", alerts[-1])]
        words = (" ".join(filter(None, some)) for some in found)
        return [*dict.fromkeys(one for one in words if one)] or [""]


def _whole(row: Row, width: int) -> Row:
    """Cut the reason, the last segment, of a line that is too wide; else drop the state's word."""
    if width_of(row) <= width:
        return row
    *short, _word, _why = row
    if width - width_of(row[:-1]) >= LEAST_REASON:
        return cut(row, width)
    return row[:-1] if width_of(row[:-1]) <= width else cut(tuple(short), width)


def _ordered(members: Sequence[StageRecord], group: MatrixDetail) -> list[StageRecord]:
    """Return the members with a value, the best first, and then the others by state."""
    known = group.in_order(members)
    names = {one.name for one in known}
    rest = [one for one in members if one.name not in names]
    return [*known, *sorted(rest, key=lambda one: RANKS[one.status])]


def _states(members: Sequence[StageRecord], alerts: Mapping[str, str], group: MatrixDetail) -> Row:
    """Return how many members are in each state, stalled, or have alerts, and the first NaN."""
    spans = [
        Segment(f"{SYMBOLS[status]} {count} {status}  ", state_style(status))
        for status, count in counts(members)
    ]
    own = {one.name: text.TROUBLE[DIVERGED][1] for one in members if one.name in group.broken}
    own |= {one.name: alerts[one.name] for one in members if one.name in alerts}
    found = [one._replace(text=f"{one.text.strip()}  ") for one in trouble(members, own)]
    if group.nan_since:
        words = " since" if len(group.nan_since) == 1 else ", first at"
        metrics = set(group.nan_metrics.values())
        nan = text.TROUBLE[NAN][1]
        word = next((own[one] for one in group.nan_since if own.get(one, nan) != nan), nan)
        which = f"{next(iter(metrics))} {'is ' * (word == nan)}" if len(metrics) == 1 else ""
        units = {group.unit(metric) for metric in metrics} or {group.unit(group.metric)}
        unit = next(iter(units)) if len(units) == 1 else "step"
        since = f"{which}{word}{words} {unit} {exact_step(min(group.nan_since.values()))}  "
        found = [one._replace(text=one.text.replace(f"{word}  ", since)) for one in found]
    return (*spans, Segment(f"of {len(members)}  ", "dim"), *found)


def _best(
    stage: StageRecord, params: Mapping[str, str], differing: Iterable[str], group: MatrixDetail
) -> Row:
    if group.lower is None or stage.name not in group.values or not group.may_lead(stage):
        which_value = Segment(f" ({'last' if group.lower is None else 'best'} value)", "dim")
        return (Segment("metric    ", "dim"), Segment(group.metric), which_value)
    which = (Segment(f"{key}={params.get(key, '')}  ", "strong") for key in differing)
    value = Segment(f"{group.metric} {number(group.values[stage.name])}  ", "good")
    unit = group.unit(group.metric)
    step = "" if group.best_step is None else f"at {unit} {exact_step(group.best_step)}  "
    return (Segment("best      ", "dim"), value, *which, Segment(step, "dim"))
