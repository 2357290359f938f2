"""The page on which the curves to compare with are chosen: all that can be drawn into a plot."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple

from rich.cells import cell_len
from textual.binding import BindingType
from textual.widget import Widget

from trainui.model.headline_metric import lower_is_better
from trainui.model.records import RunRecord
from trainui.model.states import Status
from trainui.text import harmless
from trainui.tui.app_interface import Target, run_label
from trainui.tui.curve_data import (
    ALL_IN_ONE,
    Candidate,
    Comparison,
    CurvesWanted,
    fold_choices,
    fold_word,
    next_fold,
)
from trainui.tui.curves.interaction import CurvesState
from trainui.tui.keymap import bindings
from trainui.tui.numbers import exact_step, number, shortened
from trainui.tui.page import Page
from trainui.tui.snapshot import Cache, MetricQuery, Snapshot
from trainui.tui.styled_text import Row, Segment, fit, shared_out, short_labels, told_apart
from trainui.tui.widgets import Bar, CursorView

VALUE, MOST_PARAM, MOST_LABEL = 10, 12, 40
"""Widths of values, and the greatest widths of a parameter and of a label beside parameters, in
characters."""

STATE = 8
"""Width kept for what follows the values, e.g. `running`."""

KINDS = ("members", "attempts", "runs")
"""The kinds of candidates of the same pipeline, in the order of the list."""

BEST = 5
"""How many of the best one key chooses."""


class _Measured(NamedTuple):
    """How the lines of a list of candidates are laid out."""

    label: int
    """Width of the curves' names."""
    widths: Mapping[str, int]
    """Widths of the parameters' columns."""
    values: Mapping[str, Mapping[str, str]]
    """By parameter, its values as shown: no two look alike."""


class CandidateList(CursorView):
    """The candidates with their parameters and values; the chosen ones are marked."""

    scopes = ("compare",)
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(
            "compare.choose",
            "compare.all",
            "compare.none",
            "compare.only",
            "compare.best",
            "compare.fold",
        )
    ]

    DEFAULT_CSS = "CandidateList { height: 1fr; padding: 0 1; }"

    def __init__(self, state: CurvesState) -> None:
        super().__init__(id="candidates")
        self.state = state
        self.candidates: Sequence[Candidate] = ()
        self.without = 0
        """How many runs without the metric are not listed."""
        self.words: tuple[str, ...] = ()
        """The filter: only candidates whose texts contain all words are shown."""
        self._widths = Cache[_Measured]()
        """Of the columns, for the candidates and the width of the list."""

    @property
    def shown(self) -> list[Candidate]:
        """The candidates that pass the filter."""
        return [one for one in self.candidates if all(w in _text(one) for w in self.words)]

    def set_candidates(self, found: Sequence[Candidate], *, lower: bool | None) -> None:
        """Show what was read, in the order in which it was first.

        Members and attempts, the pipeline's runs, others; of each the best first, then what was
        pruned or has a NaN, then what has no value. Runs that will hardly get one are left out.
        """
        listed = [one for one in found if not _lacks(one) or one.key in self.state.drawn.runs]
        self.without = len(found) - len(listed)
        known = {_identity(one): at for at, one in enumerate(self.candidates)}

        def rank(one: Candidate) -> tuple[float, int, int, float]:
            value = math.inf if one.best is None or lower is None else one.best
            out = 2 if one.summary is None else 1 if one.is_out else 0
            kind = 3 if one.series.elsewhere else KINDS.index(one.field)
            return known.get(_identity(one), math.inf), kind, out, value if lower else -value

        self.candidates = tuple(sorted(listed, key=rank))
        self.update_rows()

    @property
    def params(self) -> list[str]:
        """The parameters in which candidates differ and that some do not have in their names."""
        names = dict.fromkeys(
            name
            for one in self.candidates
            for name in one.params
            if name not in dict(one.series.pairs)
        )
        return [name for name in names if self._differs(name)]

    def _differs(self, name: str) -> bool:
        """Return True for a parameter with several values, or that some of the pipeline's lack."""
        values = {one.params[name] for one in self.candidates if name in one.params}
        near = {name in one.params for one in self.candidates if not one.series.elsewhere}
        return len(values) > 1 or len(near) > 1

    @property
    def folds(self) -> tuple[str | None, ...]:
        """The choices of what is averaged over."""
        return fold_choices([one.series for one in self.candidates if self.is_chosen(one)])

    def is_chosen(self, one: Candidate) -> bool:
        """Return True if a candidate is drawn."""
        compared = self.state.drawn
        if one.field == "members" and compared.sweep:
            return True
        if one.series.own and not (compared.only and one.field == "members"):
            return True
        others = any(
            other.key in getattr(compared, other.field)
            for other in self.candidates
            if not other.series.own
        )
        return one.key in getattr(compared, one.field) or (one.series.own and not others)

    def choose(self, some: Sequence[Candidate], *, drawn: bool) -> None:
        """Add candidates to what is drawn, or remove them."""
        compared = self._as_list()
        for one in some:
            known = [key for key in getattr(compared, one.field) if key != one.key]
            changed: dict[str, Any] = {one.field: (*known, one.key) if drawn else tuple(known)}
            compared = replace(compared, **changed)
        self._apply(compared)

    def _as_list(self) -> Comparison:
        """Return what is drawn with each member of a sweep in the list."""
        compared = self.state.drawn
        members = [one for one in self.candidates if one.field == "members"]
        if not members or (compared.only and not compared.sweep):
            return compared
        chosen = tuple(str(one.key) for one in members if self.is_chosen(one))
        fold = None if compared.fold == ALL_IN_ONE and compared.sweep else compared.fold
        return replace(compared, sweep=False, members=chosen, only=True, fold=fold)

    def _draw_only(self, some: Sequence[Candidate]) -> None:
        """Draw these candidates, and no others."""
        has_members = any(one.field == "members" for one in self.candidates)
        fold = self.state.drawn.fold
        self.state.compared = Comparison(
            fold=None if fold == ALL_IN_ONE else fold, only=has_members
        )
        self.choose([one for one in some if has_members or not one.series.own], drawn=True)

    def _apply(self, compared: Comparison) -> None:
        self.state.compared = compared
        self.state.choose(self.state.view)
        self.update_rows()
        self.post_message(self.Moved())

    def row_count(self) -> int:
        """Return how many lines there are, with the heading."""
        return len(self.shown) + 1

    def fixed_rows(self) -> int:
        """The heading does not scroll."""
        return 1

    def row(self, index: int, width: int) -> Row:
        """Return the heading or a candidate."""
        state = tuple(self.candidates), width
        label, widths, values = self._widths.read(state, lambda: self._measured(width))
        if index == 0:
            cells = [fit(name, size) for name, size in widths.items()]
            texts = [fit("", 4), fit("curve", label), *cells]
            heads = [fit(text, VALUE, right=True) for text in ("best", "last")]
            return (Segment("  ".join(texts) + "  " + "".join(heads), "dim"),)
        one, labels = self.shown[index - 1], self._labels(label)
        chosen = self.is_chosen(one)
        params = [
            Segment("  " + fit(values[name][_value(one, name)], size))
            for name, size in widths.items()
        ]
        return (
            Segment("[x] " if chosen else "[ ] ", "good" if chosen else "dim"),
            Segment(
                "  " + fit(labels[_identity(one)], label),
                "strong" if one.series.own else "",
            ),
            *params,
            Segment("  " + fit(number(one.best), VALUE, right=True)),
            Segment(fit(number(one.summary.last if one.summary else None), VALUE, right=True)),
            Segment(_nonfinite(one), "bad"),
            Segment(f"  {_state(one)}", "dim"),
        )

    def _labels(self, width: int) -> Mapping[tuple[str, str], str]:
        """Return the names, each of at most `width` cells."""
        names = tuple(one.series.pairs or (("", one.series.label),) for one in self.candidates)
        return dict(zip(map(_identity, self.candidates), short_labels(names, width), strict=True))

    def _measured(self, width: int) -> _Measured:
        """Return the widths of the labels, and of the first parameters, as many as have room."""
        widths: dict[str, int] = {}
        for name in self.params:
            values = (cell_len(_value(one, name)) for one in self.candidates)
            widths[name] = min(max([cell_len(name), *values]), MOST_PARAM)
        longest = max((cell_len(one.series.label) for one in self.candidates), default=0)
        room = width - 8 - 2 * VALUE
        label = max(min(longest, MOST_LABEL, room - 2 - STATE), 8)
        ends = (cell_len(f"{_nonfinite(one)}  {_state(one)}") for one in self.candidates)
        end = max([2 + STATE, *ends])
        if not widths:
            label = max(label, min(longest, room - end))
        room -= label + end
        while widths and sum(widths.values()) + 2 * len(widths) > room:
            widths.popitem()
        shown: dict[str, Mapping[str, str]] = {}
        for name, size in widths.items():
            some = [*dict.fromkeys(_value(one, name) for one in self.candidates)]
            shown[name] = dict(zip(some, told_apart(some, size), strict=True))
        return _Measured(label, widths, shown)

    @property
    def _selected(self) -> Candidate | None:
        shown = self.shown
        return shown[self.cursor - 1] if 0 < self.cursor <= len(shown) else None

    @property
    def _near(self) -> Sequence[Candidate]:
        """What is shown; without a filter only the first kind of it."""
        shown = self.shown
        if self.words or not shown:
            return shown
        kinds = [(one.field, one.series.elsewhere) for one in shown]
        return [one for one, kind in zip(shown, kinds, strict=True) if kind == kinds[0]]

    def action_choose(self) -> None:
        """Choose or remove the curve under the cursor."""
        if (one := self._selected) is None:
            return
        if one.series.own and one.field != "members":
            self.notify("the curve of the current stage is always drawn")
        elif one.series.own and [*filter(self.is_chosen, self.candidates)] == [one]:
            self.notify("one curve is always drawn: choose another one first")
        else:
            self.choose([one], drawn=not self.is_chosen(one))
        self.action_line(1)

    def action_all(self) -> None:
        """Choose all curves shown that have the metric or may get it; if all are chosen, none.

        Without a filter, only those of the first kind: members, attempts, or the pipeline's runs.
        """
        some = [one for one in self._near if one.summary is not None or one.field == "members"]
        some = [one for one in some if one.field == "members" or not one.series.own]
        self.choose(some, drawn=not all(map(self.is_chosen, some)))

    def action_none(self) -> None:
        """Remove all curves but that of the current stage."""
        self._draw_only([])

    def action_only(self) -> None:
        """Draw the curve under the cursor, and no other."""
        if (one := self._selected) is not None:
            self._draw_only([one])

    def action_best(self) -> None:
        """Draw the best curves shown, and no others; without a filter, of the first kind alone."""
        lines = [one for one in self._near if one.best is not None and not one.is_out]
        self._draw_only(lines[:BEST])
        if not lines:
            self.notify("cannot tell whether higher or lower is better")

    def action_fold(self) -> None:
        """Switch to the next parameter over which curves are averaged."""
        compared, remark = next_fold(self.state.drawn, self.folds)
        self._apply(compared)
        if remark:
            self.notify(remark)


def _identity(one: Candidate) -> tuple[str, str]:
    return one.field, str(one.key)


def _lacks(one: Candidate) -> bool:
    """Return True for another run without the metric that will hardly get it."""
    may_get_it = one.series.live and not one.series.elsewhere
    return one.field == "runs" and not one.series.own and one.summary is None and not may_get_it


def _text(one: Candidate) -> str:
    return f"{one.series.label} {' '.join(f'{k}={v}' for k, v in one.params.items())}".casefold()


class ComparisonScreen(Page):
    """The page with the list."""

    scope = "compare"
    command_scopes = ("compare", "search", "app")
    AUTO_FOCUS: ClassVar[str | None] = "CandidateList"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("compare.leave", "compare.back")]

    def __init__(self, run_id: str, stage: str, metric: str, state: CurvesState) -> None:
        super().__init__()
        self.run_id, self.stage, self.metric, self.state = run_id, stage, metric, state
        self.bar = Bar(id="how")
        self.list = CandidateList(state)
        self._run: RunRecord | None = None
        self._runs = state.compared.runs
        """The runs that were drawn before or are now; they stay in the list."""

    def footer_scopes(self) -> tuple[str, ...]:
        """Return the scopes of the keys in the footer."""
        return ("compare", "search", "app")

    def content(self) -> Iterator[Widget]:
        """Yield the bar with what is averaged, and the list."""
        yield from (self.bar, self.list)

    def page_query(self) -> MetricQuery:
        """Return the query for the candidates."""
        self._runs = tuple(dict.fromkeys((*self._runs, *self.state.compared.runs)))
        compared = Comparison(runs=self._runs)
        curves = CurvesWanted(
            names=(self.metric,), candidates=True, compared=compared, sought=self.list.words
        )
        return MetricQuery(self.run_id, self.stage, curves)

    def show(self, snapshot: Snapshot) -> None:
        """Show the candidates that were read."""
        page = snapshot.curves_page
        if page is None or not page.curves.wanted.candidates:
            return
        self._run = page.run
        stage, drawn = page.stage, self.state.drawn
        is_own = not page.members or not (drawn.sweep or drawn.only)
        of = stage.name if is_own else stage.definition.group or stage.name
        names = (run_label(page.run), harmless(of), harmless(self.metric))
        row, room = [Segment(" trainui ", "title")], self.size.width - len(" trainui  › compare ")
        for name in shared_out(names, room - len(" › ") * len(names)):
            row += [Segment(" › ", "dim"), Segment(name)]
        self.top.show((*row, Segment(" › ", "dim"), Segment("compare")))
        lower = lower_is_better(self.metric, page.stage.definition.search)
        self.list.set_candidates(page.curves.candidates, lower=lower)
        if self.list.cursor < 0 and self.list.candidates:
            self.list.move_cursor(1)
        self._show_bar()

    def on_cursor_view_moved(self) -> None:
        """Update the bar, and remember what was chosen."""
        self.state.remember(self.own_app.preferences)
        self._show_bar()

    def _show_bar(self) -> None:
        candidates, compared = self.list.candidates, self.state.drawn
        chosen = [one for one in candidates if self.list.is_chosen(one)]
        own = [one for one in chosen if one.series.own]
        chosen = [one for one in chosen if one not in own[1:]]  # as a member and as an attempt
        drawn = sum(one.summary is not None for one in chosen)
        over = fold_word(compared.fold, self.list.folds)
        without = len(chosen) - drawn
        more = f", {without} without points" if without else ""
        text = f" {drawn} of {len(candidates)} drawn{more}   averaged over: "
        if len(candidates) < 2:
            text = " nothing to compare with: no other attempt, member, or run with such a metric"
            over = ""
        elif count := self.list.without:
            lacking = f"{count} {'run' if count == 1 else 'runs'} without {harmless(self.metric)}"
            text = f" {drawn} of {len(candidates)} drawn{more}   {lacking}   averaged over: "
        self.bar.show((Segment(text, "dim"), Segment(over, "key")))

    def sought(self, pane: Widget | None) -> str:  # noqa: ARG002 (there is one pane)
        """Return the filter."""
        return " ".join(self.list.words)

    def search(self, text: str, pane: Widget | None) -> None:  # noqa: ARG002 (there is one pane)
        """Show only the candidates that contain all words, of all runs."""
        self.list.words = tuple(text.casefold().split())
        self.list.move_cursor(min(max(self.list.cursor, 1), len(self.list.shown)))
        self.list.update_rows()
        self.ask()

    def action_match(self, direction: int) -> None:
        """Move the cursor; all candidates shown match."""
        self.list.action_line(direction)

    def targets(self) -> Sequence[Target]:
        """Return the run."""
        return [] if self._run is None else [self._run]

    def action_back(self) -> None:
        """Go back to the curves."""
        self.app.pop_screen()

    def action_end_filter(self) -> None:
        """Show all candidates again; without a filter go back to the curves."""
        if self.list.words:
            self.search("", self.list)
        else:
            self.action_back()


def _value(one: Candidate, name: str) -> str:
    """Return a parameter's value for its column."""
    return shortened(harmless(one.params.get(name, "")))


def _state(one: Candidate) -> str:
    """Return the state of a curve's stage; empty if it has completed."""
    if one.series.own:
        return "this one"
    return "" if one.series.status == Status.COMPLETED else str(one.series.status)


def _nonfinite(one: Candidate) -> str:
    """Return how many values are NaN or infinite, and since when; empty if there are none."""
    if one.summary is None or not one.summary.nonfinite:
        return ""
    since = "" if one.nan_since is None else f" since {one.unit} {exact_step(one.nan_since)}"
    return f"  ×{one.summary.nonfinite} not finite{since}"
