"""The page on which the curves to compare with are chosen: all that can be drawn into a plot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from rich.cells import cell_len
from textual.binding import BindingType
from textual.widget import Widget

from trainui.model.records import RunRecord
from trainui.text import harmless
from trainui.tui.app_interface import Target
from trainui.tui.curves.interaction import CurvesState
from trainui.tui.keymap import bindings
from trainui.tui.numbers import exact_step, number, shortened
from trainui.tui.page import Page
from trainui.tui.snapshot.curves import ALL_IN_ONE, Candidate, Comparison, CurvesWanted, after
from trainui.tui.snapshot.snapshot import Cache, MetricQuery, Snapshot
from trainui.tui.styled_text import Row, Segment, fit, fit_middle
from trainui.tui.widgets import Bar, CursorView

VALUE, MOST_PARAM, MOST_LABEL = 10, 12, 40
"""Widths of values, and the greatest widths of a parameter and of a label, in characters."""

STATE = 8
"""Width kept for what follows the values, e.g. `running`."""

NOT_FOLDED = "-"
"""`Comparison.fold`: no parameter, also if there is a seed."""


class CandidateList(CursorView):
    """The candidates with their parameters and values; the chosen ones are marked."""

    scopes = ("compare",)
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("compare.choose", "compare.all", "compare.fold")
    ]

    DEFAULT_CSS = "CandidateList { height: 1fr; padding: 0 1; }"

    def __init__(self, state: CurvesState) -> None:
        super().__init__(id="candidates")
        self.state = state
        self.candidates: Sequence[Candidate] = ()
        self.words: tuple[str, ...] = ()
        """The filter: only candidates whose texts contain all words are shown."""
        self._widths = Cache[tuple[int, dict[str, int]]]()
        """Of the columns, for the candidates and the width of the list."""

    @property
    def shown(self) -> list[Candidate]:
        """The candidates that pass the filter."""
        return [one for one in self.candidates if all(w in _text(one) for w in self.words)]

    @property
    def params(self) -> list[str]:
        """The parameters in which candidates differ."""
        return list(dict.fromkeys(name for one in self.candidates for name in one.params))

    def is_chosen(self, one: Candidate) -> bool:
        """Return True if a candidate is drawn."""
        compared = self.state.drawn
        if one.series.own or (one.field == "members" and compared.sweep):
            return True
        return one.key in getattr(compared, one.field)

    def choose(self, some: Sequence[Candidate], *, drawn: bool) -> None:
        """Add candidates to what is drawn, or remove them."""
        compared = self.state.drawn
        if compared.sweep:
            siblings = (
                one for one in self.candidates if one.field == "members" and not one.series.own
            )
            members = tuple(str(one.key) for one in siblings)
            fold = None if compared.fold == ALL_IN_ONE else compared.fold
            compared = replace(compared, sweep=False, members=members, fold=fold)
        for one in some:
            known = [key for key in getattr(compared, one.field) if key != one.key]
            changed: dict[str, Any] = {one.field: (*known, one.key) if drawn else tuple(known)}
            compared = replace(compared, **changed)
        self._apply(compared)

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
        label, widths = self._widths.read(state, lambda: self._measured(width))
        if index == 0:
            cells = [fit(name, size) for name, size in widths.items()]
            texts = [fit("", 4), fit("curve", label), *cells]
            heads = [fit(text, VALUE, right=True) for text in ("best", "last")]
            return (Segment("  ".join(texts) + "  " + "".join(heads), "dim"),)
        one = self.shown[index - 1]
        chosen = self.is_chosen(one)
        params = [Segment("  " + fit(_value(one, name), size)) for name, size in widths.items()]
        return (
            Segment("[x] " if chosen else "[ ] ", "good" if chosen else "dim"),
            Segment(
                "  " + fit(fit_middle(one.series.label, label), label),
                "strong" if one.series.own else "",
            ),
            *params,
            Segment("  " + fit(number(one.best), VALUE, right=True)),
            Segment(fit(number(one.summary.last if one.summary else None), VALUE, right=True)),
            Segment(_nonfinite(one), "bad"),
            Segment(f"  {_state(one)}", "dim"),
        )

    def _measured(self, width: int) -> tuple[int, dict[str, int]]:
        """Return the widths of the labels, and of the first parameters, as many as have room."""
        widths: dict[str, int] = {}
        for name in self.params:
            values = (cell_len(_value(one, name)) for one in self.candidates)
            widths[name] = min(max([cell_len(name), *values]), MOST_PARAM)
        label = max((cell_len(one.series.label) for one in self.candidates), default=0)
        room = width - 8 - 2 * VALUE
        label = max(min(label, MOST_LABEL, room - STATE), 8)
        since = (cell_len(_nonfinite(one).rpartition("  ×")[0]) for one in self.candidates)
        room -= label + max([STATE, *since])
        while widths and sum(widths.values()) + 2 * len(widths) > room:
            widths.popitem()
        return label, widths

    def action_choose(self) -> None:
        """Choose or remove the curve under the cursor."""
        if not 0 < self.cursor <= len(self.shown):
            return
        one = self.shown[self.cursor - 1]
        if one.series.own:
            self.notify("the curve of the current stage is always drawn")
        else:
            self.choose([one], drawn=not self.is_chosen(one))
        self.action_line(1)

    def action_all(self) -> None:
        """Choose all curves shown; if all are chosen, none."""
        others = [one for one in self.shown if not one.series.own]
        self.choose(others, drawn=not all(map(self.is_chosen, others)))

    def action_fold(self) -> None:
        """Switch to the next parameter over which curves are averaged."""
        choices = [None, *self.params, ALL_IN_ONE, NOT_FOLDED]
        fold = after(choices, self.state.compared.fold)
        self._apply(replace(self.state.compared, fold=fold))


def _text(one: Candidate) -> str:
    return f"{one.series.label} {' '.join(f'{k}={v}' for k, v in one.params.items())}".casefold()


class ComparisonScreen(Page):
    """The page with the list."""

    scope = "compare"
    command_scopes = ("compare", "search", "app")
    AUTO_FOCUS: ClassVar[str | None] = "CandidateList"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("compare.leave")]

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
        names = (harmless(page.run.name), harmless(page.stage.name), harmless(self.metric))
        title = Segment(" trainui ", "title")
        self.top.show((title, *(Segment(f" › {name}") for name in names), Segment(" › compare")))
        self.list.candidates = page.curves.candidates
        self.list.update_rows()
        if self.list.cursor < 0 and self.list.candidates:
            self.list.move_cursor(1)
        self._show_bar()

    def on_cursor_view_moved(self) -> None:
        """Update the bar, and remember what was chosen."""
        self.state.remember(self.own_app.preferences)
        self._show_bar()

    def _show_bar(self) -> None:
        compared, count = self.state.compared, len(self.list.candidates)
        chosen = sum(map(self.list.is_chosen, self.list.candidates))
        fold = {None: "a seed, if any", ALL_IN_ONE: "all", NOT_FOLDED: "nothing"}
        over = fold.get(compared.fold, compared.fold)
        text = f" {chosen} of {count} drawn   averaged over: "
        if count < 2:
            text = " nothing to compare with: no other attempt, member, or run with such a metric"
            over = ""
        self.bar.show((Segment(text, "dim"), Segment(over or "", "key")))

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


def _value(one: Candidate, name: str) -> str:
    """Return a parameter's value for its column."""
    return shortened(harmless(one.params.get(name, "")))


def _state(one: Candidate) -> str:
    """Return the state of a curve that may get more points; empty if it has ended."""
    return "this one" if one.series.own else str(one.series.status) if one.series.live else ""


def _nonfinite(one: Candidate) -> str:
    """Return how many values are NaN or infinite, and since when; empty if there are none."""
    if one.summary is None or not one.summary.nonfinite:
        return ""
    since = "" if one.nan_since is None else f"  NaN since step {exact_step(one.nan_since)}"
    return f"{since}  ×{one.summary.nonfinite} not finite"
