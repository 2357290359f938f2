"""The list of runs as lines of text: the columns and their contents, at any width."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from functools import partial
from heapq import nlargest
from itertools import chain, groupby, islice
from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len

from trainui.formatting import short_id
from trainui.model.headline_metric import names_part
from trainui.model.states import STALLED, UNFINISHED, Status
from trainui.record import dataclass
from trainui.store.read.run_list import RunDetails, RunLine, RunTrouble
from trainui.text import SYMBOLS, TROUBLE, harmless, state, trouble, verdict
from trainui.tui.numbers import (
    MOST_PARAMS,
    elapsed,
    number,
    params_of,
    progress_bar,
    shown_params,
    spark,
    state_style,
    swept_count,
    varied_and_partial,
    when,
)
from trainui.tui.snapshot import NOTHING, ListedMetrics, RunLive
from trainui.tui.styled_text import Row, Segment, cut, cut_end, fit, told_apart, width_of

if TYPE_CHECKING:
    from trainui.tui.snapshot import Eta

VALUE, LEAST_MEMBER, LEAST_STAGE = 8, 10, 3
"""Width of a metric's value with a space; the least of the best member's name beside it, and of a
running stage's name beside the remaining time."""

WORST = {"failed": "bad", "nan": "bad", "diverged": "bad", "stalled": "bad", "alert": "warn",
         "silent": "warn"}  # fmt: skip
"""The style of each kind of trouble, the worst first."""

MOST_LOOKED_AT, MOST_NAMES = 1000, 100
"""The most runs examined (a parameter that differs only among older ones gets no column), and the
most stages of a run whose names are measured."""

RECENT, RARE, SCREENFUL = 40, 8, 18
"""The newest runs, of which one in so many, and one of those on a screen of 24 lines, must have a
parameter for its column to take precedence over names and metrics: added trainings of many kinds
have each its own parameters."""

EXTERNAL_MARK, AGENT_MARK, NOTE_MARK = " ext", " agent", " “…”"
"""The marks behind the name of an external run, of one that an agent started, and of one with a
note, which may have no room on the second line. A verdict without a column has its symbol there."""

STEP_WIDTH = 9
"""Width of steps, e.g. `1.2M/3.4M`."""

LEAST_BOX, AGE = 8, 7
"""Characters of a box's name that are shown on any terminal, or all; of when it was last seen."""

NARROW, EDGES = 100, 2
"""Width of the list below which one space separates columns and not two; both ends of a line."""

COMFORTABLE, WORDS = 20, 40
"""Width up to which a name or a stage, and a run's trouble in words, takes precedence over columns
of rank `LITTLE` and above."""

LEAST_NAME, SHORT_NAME, NAME_SHARE = 12, 16, 6
"""Least width of names, and that up to which none is cut: names up to this share of the list's
width are cut only after all columns that can go have gone."""

FEW_METRICS, MANY_METRICS = 3, 4
"""Metrics of several pipelines above which the counts of stages give way to a parameter, and from
which further metrics do."""

SURE_METRICS = 2
"""The metrics that have columns before parameters have; the others may share one."""

LEAST_METRIC, MOST_METRIC, LEAST_OTHER = 10, 16, 6
"""Widths of a metric's column: the least, and that up to which its title takes precedence; and of a
name in the column of the others, below which the second line has it too."""

WITH_BEST = 110
"""Columns of the list from which the heading of the first metric says `best`."""

WITH_NAMES, LONG_NAME = 160, 60
"""Width of the list from which a name takes precedence up to this width."""

PARAM, LITTLE, OF_SOME = 2, 4, 5
"""Ranks: that of a parameter with several values, the least of a column that gives way, and that of
a parameter with one value, which runs of other pipelines do not have."""

MOST_PARAM = 16
"""Width of a parameter that takes precedence: of a sweep it has a range, e.g. `1.92e-5..0.0716`."""

LEAST_RANGE = 6
"""Width of a parameter of which some runs have a range or the number of its
values, e.g. `0.1..1` or `×12`."""

BAR, SPARK, FEW_STAGES = 10, 20, 48
"""Width of the progress bar, the most of a sparkline, and that up to which the names of running
stages take precedence over it."""

NOT_LIVE = RunLive()


class RowData(NamedTuple):
    """A run with the other data that its line shows."""

    run: RunLine
    now: int
    live: RunLive
    ending: Eta | None


class RowContext(NamedTuple):
    """The data that lines show besides the runs' records, by run id."""

    now: int
    endings: Mapping[str, Eta] = NOTHING
    live: Mapping[str, RunLive] = NOTHING
    details: Mapping[str, RunDetails] = NOTHING
    """What the second lines show."""

    def of(self, run: RunLine) -> RowData:
        """Return what a run's line shows."""
        live = self.live.get(run.id, NOT_LIVE)
        return RowData(run, self.now, live, self.endings.get(run.id))


Cells = Callable[[RowData, int], Sequence[Segment]]
"""Renders a run's cell: takes what its line shows and the width, to which the result is cut."""


def state_cells(row: RowData, _cells: int) -> list[Segment]:
    """Return the state; what is wrong with a run has a column of its own."""
    is_lost = row.run.lost is not None
    style = "warn" if is_lost else state_style(row.run.status)
    return [Segment(state(row.run.status, is_lost=is_lost), style)]


def name_cells(
    row: RowData, cells: int, shown: str = "", *, with_verdict: bool = False
) -> list[Segment]:
    """Return the name, the marks of an external run and of an agent's, the priority, and a note's.

    A name that is too long is `shown` otherwise, so that no two of the list look alike.
    """
    run = row.run
    marks = [Segment(EXTERNAL_MARK, "dim")] if run.is_external else []
    marks += [Segment(AGENT_MARK, "dim")] if run.started_by else []
    marks += [Segment(f" prio{run.priority:+d}", "warn")] if run.priority else []
    marks += [Segment(f" {verdict(run.verdict)[:1]}", "key")] * bool(run.verdict and with_verdict)
    marks += [Segment(NOTE_MARK, "key")] if run.note else []
    room = cells - sum(len(mark.text) for mark in marks)
    name = cut_end(shown or harmless(run.name), max(room, 1))
    return [Segment(name or " ", "strong" if run.status in UNFINISHED else ""), *marks]


def box_cells(row: RowData, cells: int, names: Sequence[Mapping[str, str]] = ()) -> list[Segment]:
    """Return the box; if it does not answer, with when it was last seen, where that has room.

    A name that is too long is that of `names`, of which the second ones leave room for the age.
    """
    run = row.run
    age = "" if run.seen_at is None else f" {when(run.seen_at)}"
    if cells - len(age) < min(len(run.box), LEAST_BOX):
        age = ""
    name = names[bool(age)].get(run.box, run.box) if names else run.box
    style = "accent" if run.seen_at is None else "dim"
    return [Segment(cut_end(name, cells - len(age)) + age, style)]


def trouble_cells(trouble: RunTrouble, cells: int) -> list[Segment]:
    """Return the counts of what is wrong, each in its colour.

    Where the words are too wide they go, last those of kinds with the same symbol, and that of a
    stage that is stalled, since its run's state is `running`.
    """
    kinds = trouble.kinds
    symbols = [TROUBLE[kind][0] for kind in kinds]
    repeated = {kind for kind in kinds if symbols.count(TROUBLE[kind][0]) > 1}
    for gap, worded in (("  ", {*kinds}), (" ", repeated), (" ", {STALLED}), (" ", set())):
        spans: list[Segment] = []
        for kind in kinds:
            symbol, word = TROUBLE[kind]
            count = f"{symbol}{getattr(trouble, kind)}"
            text = f"{count} {word}" if kind in worded else count
            spans += [Segment(gap), Segment(text, WORST[kind])]
        if width_of(tuple(spans[1:])) <= cells:
            break
    return list(cut(tuple(spans[1:]), cells))


def bar_cells(row: RowData, cells: int) -> list[Segment]:
    """Return the progress bar: completed stages, and the progress of a running one."""
    run = row.run
    part = row.live.progress if run.status == Status.RUNNING else 0.0
    full, empty = progress_bar(run.done + part, run.total, cells)
    return [Segment(full, state_style(run.status)), Segment(empty, "line")]


def stage_cells(row: RowData, cells: int, *, to_go: bool = False) -> list[Segment]:
    """Return the running stages, with the time `to_go`, else those that ended uncompleted."""
    run, words = row.run, ""
    if run.current:
        if to_go and row.ending is not None and not run.trouble.stalled:
            words = f" {row.ending.words(row.now)}"
        words = words if cells - len(words) >= LEAST_STAGE else ""
        return [Segment(listed(run.current, cells - len(words)), "accent"), Segment(words, "dim")]
    if run.failed and run.status != Status.COMPLETED:
        ended = Status.FAILED if run.status in UNFINISHED else run.status
        return [Segment(f"{SYMBOLS[ended]} {listed(run.failed, cells - 2)}", "dim")]
    return []


def _value(row: RowData) -> Segment:
    """Return the headline metric's value."""
    style = "bad" if row.live.broken else "" if row.run.status in UNFINISHED else "dim"
    return Segment(fit(number(row.live.value), VALUE - 1, right=True), style)


def value_cells(title: str) -> Cells:
    """Return what renders a metric's value; runs that are shown by another one are blank."""

    def cells_of(row: RowData, cells: int) -> list[Segment]:
        live, room = row.live, cells - VALUE
        if live.title != title or room <= 0:
            return [_value(row)] if live.title == title else []
        name = f" {cut_end(live.member, room)}" if live.member and room >= LEAST_MEMBER else ""
        room -= cell_len(name)
        found = [_value(row), Segment(name, "dim")]
        return [*found, Segment(" "), spark_cell(row, room)] if room > 1 else found

    return cells_of


def other_cells(names: Mapping[str, str], row: RowData, cells: int) -> list[Segment]:
    """Return the value of a metric without a column, with its name of `names`, by title."""
    name = names.get(row.live.title)
    if name is None:
        return []
    return [_value(row), Segment(f" {cut_end(name, cells - VALUE)}", "dim")]


def spark_cell(row: RowData, cells: int) -> Segment:
    """Return the sparkline of the headline metric."""
    return Segment(
        spark(row.live.values, cells), "curve-1" if row.run.status in UNFINISHED else "dim"
    )


def to_go_cells(row: RowData, _cells: int) -> list[Segment]:
    """Return the estimated remaining time; a run with a silent or stalled stage has none."""
    trouble = row.run.trouble
    if trouble.stalled:
        return [Segment("stalled", "bad")]
    if row.ending is None:
        return [Segment("silent", "warn")] if trouble.silent else []
    return [Segment(row.ending.words(row.now).replace("over ", ">"))]


def listed(names: Sequence[str], width: int) -> str:
    """Return the names; if they do not fit, the first one and the number of the others."""
    everything = ", ".join(harmless(name) for name in names[:width])  # there may be 10,000
    if len(names) == 1 or (len(names) <= width and cell_len(everything) <= width):
        return fit(everything, width)
    rest = f" +{len(names) - 1}"
    return fit(fit(harmless(names[0]), max(width - len(rest), 1)).rstrip() + rest, width)


TROUBLE_TITLE, OTHER_TITLE = "TROUBLE", "OTHER METRIC"
"""Titles of the columns with what is wrong, and with the metrics that have no column."""


BEST = "best"
"""The word of a metric's column that a sign stands for where the title does not fit."""

SIGNS = {True: "↓", False: "↑", None: ""}
"""The sign of the best value, by `lower is better`: the least one, or the greatest."""


SortValues = Callable[[], Mapping[str, float]]
"""Returns values by run id, as read so far."""


class RunColumn(NamedTuple):
    """A column of the list."""

    title: str
    least: int
    most: int
    cells: Cells
    rank: int = 0
    """0: always shown; the others are dropped from the highest rank down."""
    right: bool = False
    comfort: int = COMFORTABLE
    """Width up to which it takes precedence, if its rank is 2 or less."""
    whole: int = 0
    """Width at which its text is whole, if that is less than the most; 0: the most."""
    distinct: tuple[bool, int] = (False, 0)
    """How much a parameter says about the runs (`ColumnStats`); of one rank the least goes."""

    @property
    def comfortable(self) -> int:
        """The width that it should have before less important columns are shown."""
        return max(min(self.most, self.comfort), self.least) if self.rank <= 2 else self.least


class RunColumns:
    """The columns for one width of the list."""

    def __init__(
        self,
        width: int,
        facts: ColumnStats | None = None,
        ordering: str = "",
        values: SortValues | None = None,
        kept: Collection[str] = (),
        filtered: Mapping[str, SortValues] = NOTHING,
    ) -> None:
        """Choose the columns that fit, and determine their widths.

        The column that the list is sorted by gets an arrow; `values` returns the values that it is
        sorted by, unless another column has them; `filtered` has by title those that it is filtered
        by. The columns `kept` never go.
        """
        self.width, self.ordering = width, ordering
        self.facts = facts or ColumnStats()
        self.gap = 1 if width < NARROW else 2
        comfort = LONG_NAME if width >= WITH_NAMES else COMFORTABLE
        found = _with_values(_columns(self.facts, comfort, width), ordering, values)
        for title, of_metric in filtered.items():
            found = _with_values(found, title, of_metric) if title != ordering else found
        columns = [
            _with_room_for_mark(column) if column.title == ordering else column for column in found
        ]
        columns = [one._replace(rank=0) if one.title in kept else one for one in columns]
        self._shown = _laid_out(columns, width, self.gap)
        compared, shown = self.facts.params[: self.facts.compared], {*self.titles}
        is_crowded = bool(compared) and shown.isdisjoint(compared)
        if not shown.issuperset(self.facts.metrics) or (
            is_crowded and len(self.facts.metrics) > SURE_METRICS
        ):
            at = next(at for at, column in enumerate(columns) if column.title == "ELAPSED")
            columns.insert(at, self._other())
            further = {*self.facts.metric_names[SURE_METRICS:]}
            columns = [
                one._replace(rank=3) if one.rank and one.title in further else one
                for one in columns
            ]
            self._shown = _laid_out(columns, width, self.gap)
        self._others = self._other_names()
        if len({*self._others.values()}) < len(self._others):  # the second lines have them whole
            columns = [one for one in columns if one.title != OTHER_TITLE]
            self._shown = _laid_out(columns, width, self.gap)
        self._widths = {column.title: cells for column, cells in self._shown}
        self._names = _short_names(self.facts.names, self._widths["NAME"])
        box = self._widths.get("BOX", 0)
        self._boxes = [_short_names(self.facts.boxes, max(box - age, 1)) for age in (0, AGE)]
        used = EDGES + sum(cells for _, cells in self._shown) + self.gap * (len(self._shown) - 1)
        self._fits = used <= width

    def _other_names(self) -> Mapping[str, str]:
        """Return by title the names in the column of the metrics without one, if it is shown."""
        widths = {column.title: cells for column, cells in self._shown}
        room = widths.get(OTHER_TITLE, 0) - VALUE
        if room <= 0:
            return {}
        others = [title for title in self.facts.metrics if title not in widths]
        names = _without_groups([title.rpartition(" ")[0] for title in others], room - 1)
        signs = [self.facts.signs.get(title, "") for title in others]
        short = _short_names(names, room - 1)
        return {
            title: short.get(name, name) + sign  # without one it is the last value
            for title, name, sign in zip(others, names, signs, strict=True)
        }

    def _other(self) -> RunColumn:
        """Return the column of the metrics without one; it goes after all of them but the first."""

        def cells_of(row: RowData, cells: int) -> list[Segment]:
            return other_cells(self._others, row, cells)

        least = len(OTHER_TITLE)
        names = (title.rpartition(" ")[0] for title in self.facts.metrics)
        whole = max(VALUE + max(map(cell_len, names)) + 1, least)
        least = least if self.width < NARROW else min(whole, MOST_METRIC)
        return RunColumn(OTHER_TITLE, least, whole, cells_of, 1, comfort=whole, distinct=(True, 1))

    @property
    def titles(self) -> list[str]:
        """Titles of the shown columns, from left to right."""
        return [column.title for column, _ in self._shown]

    def title_at(self, x: int) -> str:
        """Return the title of the column at a character; empty if there is none."""
        at = 1
        for column, cells in self._shown:
            at += cells + self.gap
            if x < at:
                return column.title
        return ""

    def heading(self, *, reverse: bool = False) -> Row:
        """Return the heading, with an arrow at the sorted column."""
        arrow = "▴" if reverse else "▾"
        titles = self._titles()
        parts: list[str] = []
        for column, cells in self._shown:
            mark = arrow if column.title == self.ordering else ""
            title = cut_end(titles[column.title], cells - len(mark)) + mark
            parts.append(fit(title, cells, right=column.right))
        return cut((Segment(" " + (" " * self.gap).join(parts), "dim"),), self.width)

    def _titles(self) -> Mapping[str, str]:
        """Return the headings by title: those that would look alike without what they share.

        If a metric after the first has no room for `best`, all after the first have signs for it.
        """
        further = self.facts.metric_names[1:]
        narrow = {one.title for one, cells in self._shown if cell_len(one.title) > cells}
        signed = further if not narrow.isdisjoint(further) else ()
        found: dict[str, str] = {}
        signs: dict[str, str] = {}
        alike: dict[str, list[tuple[str, int]]] = {}
        for column, cells in self._shown:
            title, room = column.title, cells - (column.title == self.ordering)
            if title in signed or (cell_len(title) > room and title in self.facts.metrics):
                title, sign = _signed(title, self.facts)
                room, signs[column.title] = room - len(sign), sign
            found[column.title] = title
            alike.setdefault(cut_end(title, room), []).append((column.title, room))
        for short, some in alike.items():
            texts, room = [found[title] for title, _ in some], min(room for _, room in some)
            shown = told_apart(texts, room) if len(some) > 1 else [short]
            found |= {title: text for (title, _), text in zip(some, shown, strict=True)}
        return {title: text + signs.get(title, "") for title, text in found.items()}

    def second_row(self, run: RunLine, moment: RowContext, *, marked: bool = False) -> Row:
        """Return a run's second line: its id, what went wrong, its note, and what does not fit."""
        is_cut = cell_len(harmless(run.name)) > self._widths["NAME"]
        details = moment.details.get(run.id, RunDetails())
        reason = details.reason or ("no output" if details.stalls else "")
        reason = f": {reason}" if reason else ""
        symbol, style = SYMBOLS[details.status], state_style(details.status)
        if details.status == Status.QUEUED:
            style = ""  # amber is for trouble: to wait for a slot is none
        if details.stalls:
            symbol, style = TROUBLE["stalled"][0], "bad"
        stage = f"{symbol} {details.stage}{reason}" if details.stage else ""
        others = (item for item in shown_params(run).items() if item[0] not in self._widths)
        ending = None if run.trouble.stalled else moment.endings.get(run.id)
        words = "" if ending is None else ending.words(moment.now)
        room = self._widths.get("STAGE", 0) if run.current else 0
        is_shown = "TO GO" in self._widths or room - len(words) - 1 >= LEAST_STAGE
        to_go = f"{words} to go" if words and not is_shown else ""
        facts = [(self._metric_text(run, moment), ""), (stage, style)]
        if run.lost is not None:
            facts = [(run.lost.words, "warn"), *facts]
        if details.stalls or run.status in (Status.FAILED, Status.INTERRUPTED):
            facts.reverse()
        texts = (
            (run.name if is_cut else "", ""),
            (short_id(run.id) if run.id != run.name else "", "dim"),
            (to_go, ""),
            *facts,
            (f"{TROUBLE['nan'][0]} {details.nan}" if details.nan else "", "bad"),
            (", ".join(run.current) if len(run.current) > 1 and not stage else "", "accent"),
            (verdict(run.verdict) if "VERDICT" not in self._widths else "", "key"),
            (f"“{run.note}”" if run.note else "", "key"),
            ("  ".join(f"{name}={value}" for name, value in others), "dim"),
        )
        shown = [Segment(f"{harmless(text)}  ", style) for text, style in texts if text]
        indent = " " * (self._shown[0][1] + self.gap)
        mark = Segment("▌", "key") if marked else Segment(" ")
        return cut((mark, Segment(indent), *_dimmed_if_away(run, shown)), self.width)

    def _metric_text(self, run: RunLine, moment: RowContext) -> str:
        """Return the metric if no column shows it, and the sweep's best member if none names it."""
        live = moment.live.get(run.id)
        if live is None or live.metric is None:
            return ""
        width = self._widths.get(live.title)
        room = self._widths.get(OTHER_TITLE, 0) - VALUE
        if width is None and room > LEAST_OTHER and not live.member:
            return ""
        if width is None:
            return f"{live.title} {number(live.value)} {live.member}".rstrip()
        is_named = width >= VALUE + LEAST_MEMBER
        return "" if is_named or not live.member else f"{live.title} {live.member}"

    def row(self, run: RunLine, moment: RowContext, *, marked: bool = False) -> Row:
        """Return a run's line."""
        spans: list[Segment] = [Segment("▌", "key") if marked else Segment(" ")]
        gap = Segment(" " * self.gap)
        data = moment.of(run)
        for column, cells in self._shown:
            if column.title == "NAME":
                name, is_alone = self._names.get(harmless(run.name), ""), "VERDICT" in self._widths
                found = cut(tuple(name_cells(data, cells, name, with_verdict=not is_alone)), cells)
            elif column.title == "BOX":
                found = cut(tuple(box_cells(data, cells, self._boxes)), cells)
            elif column.title == "STAGE":
                to_go = "TO GO" not in self._widths
                found = cut(tuple(stage_cells(data, cells, to_go=to_go)), cells)
            else:
                found = cut(tuple(column.cells(data, cells)), cells)
            blank = Segment(" " * (cells - width_of(found)))
            spans += [blank, *found, gap] if column.right else [*found, blank, gap]
        spans = _dimmed_if_away(run, spans[:-1])
        return tuple(spans) if self._fits else cut(tuple(spans), self.width)


def _dimmed_if_away(run: RunLine, spans: list[Segment]) -> list[Segment]:
    """Dim what is known of a run whose box does not answer."""
    return spans if run.seen_at is None else [one._replace(style="dim") for one in spans]


def _signed(title: str, facts: ColumnStats) -> tuple[str, str]:
    """Return a metric's name from its title, and what stands for its last word; `last` stays."""
    name, blank, word = title.rpartition(" ")
    return name, facts.signs.get(title, "") if word == BEST else blank + word


def _without_groups(names: Sequence[str], width: int) -> list[str]:
    """Return `ep_rew_mean` for a `rollout/ep_rew_mean` without room; `train/loss` stays."""
    ends = [name.rpartition("/")[2] for name in names]
    return [
        end if cell_len(name) > width and ends.count(end) == 1 and not names_part(name) else name
        for name, end in zip(names, ends, strict=True)
    ]


def _short_names(names: Sequence[str], width: int) -> Mapping[str, str]:
    """Return by name what is shown in so many cells, if any is wider."""
    if all(cell_len(name) <= width for name in names):
        return {}
    return dict(zip(names, told_apart(names, width), strict=True))


def _columns(facts: ColumnStats, comfort: int, width: int) -> Iterator[RunColumn]:
    """Yield all columns with data; a name up to the width of `comfort` takes precedence."""
    widths = facts.widths
    count, name, member = max(widths["count"], len("STAGES")), widths["name"], widths["member"]
    yield RunColumn("STATE", 13, 13, state_cells)
    least = max(min(name, max(SHORT_NAME, width // NAME_SHARE)), 6)
    yield RunColumn("NAME", least, max(name, LEAST_NAME), name_cells, comfort=comfort, whole=name)
    if widths["box"]:
        least, comfort_of_box = min(widths["box"], LEAST_BOX), widths["box_with_age"]
        yield RunColumn("BOX", least, widths["box"], box_cells, comfort=comfort_of_box)
    if pipeline := widths["pipeline"]:
        yield RunColumn("PIPELINE", 8, max(pipeline, 8), _pipeline, 7)
    yield from _param_columns(facts)
    if widths["verdict"]:
        yield RunColumn("VERDICT", 9, 9, _verdict, 3)
    rank = 2 if len(facts.metric_names) > FEW_METRICS else 1
    yield RunColumn("STAGES", count, count, _text(_done), rank, distinct=(False, -1))
    if trouble := widths["trouble"]:
        brief, words = max(widths["trouble_brief"], 7), max(trouble, 7)
        yield RunColumn(TROUBLE_TITLE, brief, words, _trouble, comfort=WORDS)
    yield RunColumn("", BAR, BAR, bar_cells, 6)
    if current := widths["current"]:
        most = max(current, 10)
        yield RunColumn("STAGE", 8, most, stage_cells, 2, whole=min(most, FEW_STAGES))
    if step := widths["step"]:
        yield RunColumn("STEP", step, step, _text(lambda row: row.live.steps, "dim"), 5, True)
    for at, title in enumerate(facts.metric_names):
        whole = max(VALUE + member, cell_len(title) + 1)
        rank = 0 if not at else 1 if at < MANY_METRICS else 3
        is_whole = not at and width >= WITH_BEST
        words = cell_len(title if is_whole else "".join(_signed(title, facts)))
        least = min(max(VALUE + 1, words), MOST_METRIC if is_whole else LEAST_METRIC)
        comfort = min(words, MOST_METRIC)
        yield RunColumn(
            title, least, whole + SPARK, value_cells(title), rank, False, comfort, whole
        )
    if gpus := widths["gpus"]:
        used = _text(lambda row: ",".join(map(str, row.live.gpus)), "good")
        yield RunColumn("GPUS", 4, max(gpus, 4), used, 4)
    yield RunColumn("ELAPSED", 8, 8, _text(_elapsed), right=True)
    if widths["endings"]:
        yield RunColumn("TO GO", 8, 8, to_go_cells, 3, True)
    created = _text(lambda row: when(row.run.created_at), "dim")
    yield RunColumn(
        "WHEN", 6, 6, created, 1, True, distinct=(True, 2)
    )  # the last of its rank to go


def _text(text: Callable[[RowData], str], style: str = "") -> Cells:
    """Return what renders a text in one style."""
    return lambda row, _cells: [Segment(text(row), style)]


def _done(row: RowData) -> str:
    run = row.run
    return f"{run.done}/{run.total}" if run.total else ""


def _elapsed(row: RowData) -> str:
    run = row.run
    ticks = run.worked.ticks and run.lost is None and run.seen_at is None
    return elapsed(run.worked_until(row.now), ticks=ticks)


def _pipeline(row: RowData, _cells: int) -> list[Segment]:
    """Return the pipeline, if the run has another name."""
    run = row.run
    return [Segment(harmless(run.pipeline), "dim")] if run.pipeline != run.name else []


def _verdict(row: RowData, _cells: int) -> list[Segment]:
    word = row.run.verdict
    return [Segment(verdict(word), "dim" if word == "discard" else "key")]


def _trouble(row: RowData, cells: int) -> list[Segment]:
    return trouble_cells(row.run.trouble, cells)


def _param_columns(facts: ColumnStats) -> Iterator[RunColumn]:
    for at, name in enumerate(facts.params):
        values, cells = facts.param_widths[name], partial(param_cells, name)
        width = max(min(len(name), 14), min(values, MOST_PARAM), 2)
        rank = PARAM if at < facts.compared else OF_SOME
        most, least = max(cell_len(name), values, width), width
        if rank == PARAM:
            single = facts.single_widths.get(name) or values
            least = min(max(len(name), single, LEAST_RANGE if single < values else 2), 8)
        distinct = facts.distinct.get(name, (False, 0))
        yield RunColumn(name, least, most, cells, rank, comfort=width, distinct=distinct)


def param_cells(name: str, row: RowData, cells: int) -> list[Segment]:
    """Return a parameter's value; of a sweep's range that does not fit, the number of values."""
    params = shown_params(row.run)
    text = params.get(name, "")
    if cell_len(text) > cells and (count := swept_count(row.run, name)):
        text = f"{count} values" if cells >= len(f"{count} values") else f"×{count}"
    return [Segment(text)]


def _with_values(
    columns: Iterable[RunColumn], title: str, values: SortValues | None
) -> Iterator[RunColumn]:
    """Add a column of values before the times."""

    def text(row: RowData) -> str:
        value = values().get(row.run.id) if values is not None else None
        return "" if value is None else number(value)

    def or_plain(own: Cells) -> Cells:
        """Render also values of runs that are shown by another metric: they are sorted by it."""
        return lambda row, cells: (
            own(row, cells) or [Segment(fit(text(row), VALUE - 1, right=True), "dim")]
        )

    known = False
    for column in columns:
        if values is not None and column.title == title:
            known, column = True, column._replace(cells=or_plain(column.cells))
        if values is not None and column.title == "ELAPSED" and not known:
            most = max(10, min(cell_len(title) + 1, 24))
            least = max(10, min(cell_len(title), MOST_METRIC))
            yield RunColumn(title, least, most, _text(text), 0, True)
        yield column


def _with_room_for_mark(column: RunColumn) -> RunColumn:
    least = max(column.least, min(cell_len(column.title), 14) + 1)
    return column._replace(least=least, most=max(column.most, least), rank=0)


def _laid_out(columns: Sequence[RunColumn], width: int, gap: int) -> list[tuple[RunColumn, int]]:
    """Choose the columns that fit, with their widths; words that do not fit get no room."""
    found = _shared_out(_fitting(columns, width, gap), width, gap)
    if not any(column.title == TROUBLE_TITLE and cells < column.most for column, cells in found):
        return found
    brief = [one._replace(most=one.least) if one.title == TROUBLE_TITLE else one for one in columns]
    return _shared_out(_fitting(brief, width, gap), width, gap)


def _fitting(columns: Sequence[RunColumn], width: int, gap: int) -> list[RunColumn]:
    kept, gone = [*range(len(columns))], list[int]()

    def fit_in(chosen: Sequence[int], rank: int) -> bool:
        some = [columns[at] for at in chosen]
        cells = [one.comfortable if rank >= LITTLE else one.least for one in some]
        return EDGES + sum(cells) + gap * (len(cells) - 1) <= width

    while (rank := max(columns[at].rank for at in kept)) and not fit_in(kept, rank):
        of_rank = [at for at in kept if columns[at].rank == rank]
        gone.append(min(of_rank, key=lambda at: (columns[at].distinct, -at)))
        kept.remove(gone[-1])
    for at in reversed(gone):  # a wide column may have gone after one that fits beside the rest
        one = columns[at]
        is_wanted = one.rank < PARAM or (one.rank == PARAM and one.distinct[1])
        if is_wanted and fit_in([*kept, at], 0):
            kept.append(at)
    return [columns[at] for at in sorted(kept)]


def _shared_out(columns: Sequence[RunColumn], width: int, gap: int) -> list[tuple[RunColumn, int]]:
    """Distribute the width over the columns; the rest stays empty at the right.

    Names are cut last: they are made comfortable first. Once all columns are, the name is made
    whole, then the others.
    """
    cells = [column.least for column in columns]
    comfortable = [column.comfortable for column in columns]
    most = [column.most for column in columns]
    whole = [column.whole or column.most for column in columns]
    named = [most[at] if one.title == "NAME" else cells[at] for at, one in enumerate(columns)]
    left = width - EDGES - sum(cells) - gap * (len(cells) - 1)
    at_name = [one.title == "NAME" for one in columns].index(True)
    name = columns[at_name]
    first = [*cells]
    first[at_name] = max(min(name.comfortable, name.whole), cells[at_name])
    for target in (first, comfortable, named, whole, most):
        # the column that needs least first, so that a long one shortens no other
        for at in sorted(range(len(cells)), key=lambda at: target[at] - cells[at]):
            given = min(max(target[at] - cells[at], 0), max(left, 0))
            cells[at] += given
            left -= given
    return list(zip(columns, cells, strict=True))


# --- what the columns follow from: which parameters differ, and the widths of names and values


@dataclass(frozen=True, slots=True)
class ColumnStats:
    """Widths of the columns in characters, and names of the optional ones."""

    widths: Counter[str] = field(default_factory=Counter)
    """By what `_WIDTHS` measures, and for the metric, its member, the GPUs and the estimates."""
    params: tuple[str, ...] = ()
    """Names of the parameters that differ."""
    compared: int = 0
    """How many of them, from the first one on, have several values, or differ between runs of one
    pipeline; the others have one value, and other pipelines do not have them, or are rare."""
    param_widths: Mapping[str, int] = field(default_factory=dict)
    single_widths: Mapping[str, int] = field(default_factory=dict)
    """By parameter, the width of its values without the ranges of sweeps."""
    distinct: Mapping[str, tuple[bool, int]] = field(default_factory=dict)
    """By parameter, if it differs between runs of a pipeline; and the number of its different
    values, times the number of runs that have it."""
    names: tuple[str, ...] = ()
    """The runs' names, without control characters; those too long are shortened together."""
    boxes: tuple[str, ...] = ()
    """The names of the runs' boxes."""
    metric_names: tuple[str, ...] = ()
    """The titles of the columns with metrics; a run without the metric is blank there."""
    metrics: tuple[str, ...] = ()
    """The titles of the metrics of all listed runs."""
    signs: Mapping[str, str] = field(default_factory=dict)
    """By the title of a metric, the sign in place of `best`."""

    def grown(self, other: ColumnStats) -> ColumnStats:
        """Return the larger of both widths, so that columns do not shift while runs progress."""
        return replace(self, widths=self.widths | other.widths)


def column_stats(runs: Sequence[RunLine], newest: Sequence[RunLine] | None = None) -> ColumnStats:
    """Compute the statistics of the listed runs.

    `newest` are the same runs, the newest first, so that the choice and order of parameter columns
    do not depend on the sort order.
    """
    looked_at = list(islice(runs, MOST_LOOKED_AT))
    listed = list(islice(runs if newest is None else newest, MOST_LOOKED_AT))
    unlike = {(run.pipeline, run.params_json, run.sweeps_json): run for run in listed}
    of_pipelines: dict[str, list[Mapping[str, str]]] = {}
    for run in unlike.values():  # without values of sweeps, which may not have been read yet
        of_pipelines.setdefault(run.pipeline, []).append(params_of(run.params_json))
    shown = [shown_params(run) for run in unlike.values()]
    varied, partial = varied_and_partial(shown, of_pipelines.values())
    recent = [shown_params(run) for run in listed[:RECENT]]
    counts = Counter(chain.from_iterable(recent))
    on_screen = {*chain.from_iterable(recent[:SCREENFUL])}
    common = [one for one in varied if one in on_screen and counts[one] * RARE >= len(recent)]
    rare = [one for one in varied if one not in common]
    names = (*common, *rare, *partial)[:MOST_PARAMS]
    looked_at += nlargest(1, runs, key=lambda run: len(run.name))  # or older names would be cut
    measured = {what: max(map(width, looked_at), default=0) for what, width in _WIDTHS.items()}
    param_widths = {name: max(cell_len(params.get(name, "")) for params in shown) for name in names}
    single_widths = {
        name: max(
            cell_len(params.get(name, "")) if not swept_count(run, name) else 0
            for run, params in zip(unlike.values(), shown, strict=True)
        )
        for name in names
    }
    having = Counter(chain.from_iterable(shown))
    within: Counter[str] = Counter()
    for some in groupby(sorted(unlike.values(), key=_pipeline_of), key=_pipeline_of):
        alike = [shown_params(run) for run in some[1]]
        within.update({name: len({one.get(name) for one in alike}) - 1 for name in names})
    distinct = {
        name: (within[name] > 0, len({one.get(name) for one in shown}) * having[name])
        for name in names
    }
    run_names = tuple(dict.fromkeys(harmless(run.name) for run in looked_at))
    boxes = tuple(dict.fromkeys(run.box for run in looked_at if run.box))
    return ColumnStats(
        Counter(measured),
        names,
        len(common),
        param_widths,
        single_widths,
        distinct,
        run_names,
        boxes,
    )


def with_listed(facts: ColumnStats, listed: ListedMetrics, *, endings: bool) -> ColumnStats:
    """Return the statistics extended by the metrics of all listed runs."""
    found = Counter(
        metric=len(listed.columns),
        member=listed.member,
        gpus=listed.gpus,
        endings=int(endings),
        step=STEP_WIDTH if listed.has_steps else 0,
    )
    facts = replace(facts, widths=facts.widths | found, metric_names=listed.columns)
    signs = {title: SIGNS[metric.lower] for title, metric in listed.titles.items()}
    return replace(facts, metrics=tuple(listed.titles), signs=signs)


def _pipeline_of(run: RunLine) -> str:
    return run.pipeline


def _name_width(run: RunLine) -> int:
    marks = len(AGENT_MARK) * bool(run.started_by)
    marks += len(NOTE_MARK) * bool(run.note) + 2 * bool(run.verdict)
    marks += len(EXTERNAL_MARK) * run.is_external + len(f" prio{run.priority:+d}") * bool(
        run.priority
    )
    return cell_len(harmless(run.name)) + marks


def _current_width(run: RunLine) -> int:
    shown = (run.current or run.failed)[:MOST_NAMES]
    return sum(cell_len(harmless(name)) + 2 for name in shown)


_WIDTHS: Mapping[str, Callable[[RunLine], int]] = {
    "name": _name_width,
    "box": lambda run: len(run.box) + (0 if run.seen_at is None else AGE),
    "box_with_age": lambda run: min(len(run.box), LEAST_BOX) + (0 if run.seen_at is None else AGE),
    "pipeline": lambda run: cell_len(run.pipeline) if run.pipeline != run.name else 0,
    "count": lambda run: len(f"{run.done}/{run.total}"),
    "current": _current_width,
    "verdict": lambda run: bool(run.verdict),
    "trouble": lambda run: len(trouble(run.trouble._asdict())) if run.trouble.kinds else 0,
    "trouble_brief": lambda run: (
        sum(len(str(count)) + 2 for count in run.trouble if count)
        + len(f" {STALLED}") * bool(run.trouble.stalled)
        - 1
    ),
}
"""By what is measured, the characters that a run needs; 0 for all runs: no column."""
