"""The panes of a run's page and their layout.

Wide: the DAG and the overview at the left, curves and log at the right.
Narrow: the DAG, and below it one of the three other panes, chosen by tabs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.message import Message
from textual.widget import Widget

from trainui.model.records import StageRecord
from trainui.text import harmless
from trainui.tui.curves.grid_view import CurvesView
from trainui.tui.graph_layout import which
from trainui.tui.graph_view import LEAST_BAR, StageGraph
from trainui.tui.keymap import bindings
from trainui.tui.line_view import LinesView
from trainui.tui.log_view import LogView
from trainui.tui.run_page.details_view import DetailsView, Tabs
from trainui.tui.snapshot import DetailTab
from trainui.tui.styled_text import LEAST_EDGE

WIDE = 100
"""Terminal width in columns from which the wide layout is used."""

LEAST_GRAPH, GRAPH_SHARE = 51, 0.45
"""Width of the left half in the wide layout: the least in columns, the most as a share."""


WITH_BARS, BARS_SHARE = 150, 0.48
"""Terminal width in columns from which the DAG's timeline bars have their whole width; below it,
the most width of the left half as a share, if that makes the bars fit."""

LEAST_WIDE = 76
"""Least width of the left half with whole timeline bars: most lines of the overview fit."""

WITH_GAPS = 50
"""Least width of the left half with two spaces between the names of the detail tabs."""

FRAME, BARS = 5, 32
"""Columns of a pane's frame; of its frame and whole timeline bars."""

SHORT_BARS = FRAME + 2 + LEAST_BAR
"""Columns of a pane's frame and the shortest timeline bars."""


class Panes(Container):
    """The DAG and the panes of the selected stage."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("curves.compare")]

    DEFAULT_CSS = """
    Panes {
        layout: horizontal;
        height: 1fr;
        StageGraph, #overview, CurvesView, LogView {
            border: round $border-blurred;
            padding: 0 0 0 1;
            scrollbar-gutter: stable;
        }
        #left { height: 1fr; }
        #right { width: 1fr; height: 1fr; }
        #overview { height: 1fr; }
        CurvesView { height: 3fr; }
        LogView { height: 2fr; overflow-y: hidden; scrollbar-gutter: auto; }
        Tabs { display: none; }
        &.-stacked {
            layout: vertical;
            StageGraph, #overview, CurvesView, LogView { border: none; }
        }
    }
    """

    class Changed(Message):
        """Other panes are visible, or their size has changed."""

    def __init__(self) -> None:
        super().__init__()
        self.tabs = Tabs()
        self.left, self.right = Vertical(id="left"), Vertical(id="right")
        self.graph = StageGraph(id="graph")
        self.overview = DetailsView(id="overview")
        self.curves = CurvesView(id="curves")
        self.log_view = LogView(id="log")
        self._maximised = 0
        self._pane = 2
        self._subjects = ("",) * 4
        """The stage, or its attempt, that each pane shows."""
        self._graph_width = LEAST_GRAPH
        self.tab = DetailTab.OVERVIEW
        """The detail tab in the overview's pane."""

    def compose(self) -> ComposeResult:
        """Yield the panes."""
        with self.left:
            yield self.graph
            yield self.tabs
            yield self.overview
        with self.right:
            yield self.curves
            yield self.log_view

    def on_mount(self) -> None:
        """Set the panes' titles."""
        self.graph.set_title("1 Stages")
        self.overview.set_title("2 Overview")
        self.curves.set_title("3 Curves")
        self.log_view.set_title("4 Log")

    @property
    def _by_number(self) -> tuple[LinesView, ...]:
        return (self.graph, self.overview, self.curves, self.log_view)

    @property
    def active(self) -> Widget:
        """The focused pane, else the maximised one, else the DAG."""
        focused = self.screen.focused
        if focused in self._by_number:
            return focused
        return self._by_number[self._maximised - 1] if self._maximised else self.graph

    def lay_out(self, graph_width: int) -> None:
        """Divide the space; the DAG gets the width it needs if possible."""
        self._graph_width = graph_width
        width, height = self.size
        stacked = width < WIDE
        self.set_class(stacked, "-stacked")
        self._arrange()
        self.graph.refit()
        rows = self.graph.row_count()
        if self._maximised == 1:
            self.graph.styles.height = "1fr"
        elif stacked:
            self.graph.styles.height = min(rows, max(height * 2 // 5, 3))
        else:
            self.graph.styles.height = min(rows + 2, max(height * 3 // 5, 5))
        if stacked or self._maximised:
            self.left.styles.width = "100%"
            return
        least, most = LEAST_GRAPH, int(width * GRAPH_SHARE)
        if width >= WITH_BARS:
            least = max(LEAST_WIDE, graph_width + BARS, self.overview.table_width + FRAME)
        elif graph_width + SHORT_BARS <= (with_bars := int(width * BARS_SHARE)):
            least, most = max(LEAST_GRAPH, graph_width + SHORT_BARS), with_bars
        self.left.styles.width = left = min(max(graph_width + FRAME, least), most)
        gap = "  " if left >= WITH_GAPS else " "
        self.overview.set_subtitle(gap.join(f"{tab} {tab.title.lower()}" for tab in DetailTab))

    def _arrange(self) -> None:
        """Show all panes; where they are stacked, the DAG and one of them; or the maximised one."""
        stacked = self.has_class("-stacked")
        seen = {1, self._pane} if stacked else {1, 2, 3, 4}
        if self._maximised:
            seen = {self._maximised}
        for number, pane in enumerate(self._by_number, 1):
            pane.display = number in seen
        self.tabs.display = stacked and not self._maximised
        self.left.display, self.right.display = not seen.isdisjoint((1, 2)), max(seen) > 2
        is_short = stacked and not self._maximised and self._pane > 2
        self.left.styles.height = "auto" if is_short else "1fr"

    def on_resize(self) -> None:
        """Divide the space again."""
        self.lay_out(self._graph_width)

    def on_stage_graph_folded(self) -> None:
        """Resize the DAG to its new number of lines, and scroll to its cursor."""
        self.lay_out(self.graph.preferred_width)
        self.call_after_refresh(lambda: self.graph.show_row(max(self.graph.cursor, 0)))

    def show_titles(
        self,
        stage: StageRecord,
        attempt: int | None,
        members: Sequence[StageRecord],
        plotted: str | None,
    ) -> None:
        """Set the titles; `members` are folded under the cursor, `plotted` has the curves."""
        name = harmless(stage.name)
        number = attempt or stage.attempt
        subject = f"{name}, attempt {number}" if attempt or number > 1 else name
        group = f"{harmless(stage.definition.group)} ×{len(members)}"
        chosen = f" ({which(members)})" if members else ""
        drawn, drawn_chosen, shown = subject, chosen, subject
        if members and self.curves.state.drawn.sweep:
            drawn, drawn_chosen = group, ""
        elif members and plotted not in (None, stage.name):
            drawn, drawn_chosen = harmless(str(plotted)), ""
        title, of_tab = f"{self.tab} {self.tab.title}: {subject}", chosen
        if self.tab == DetailTab.OVERVIEW:
            shown = group if members else subject
            title, of_tab = f"2 {group if members else name}", ""
        for pane, text, which_one in (
            (self.overview, title, of_tab),
            (self.curves, f"3 Curves: {drawn}", drawn_chosen),
            (self.log_view, f"4 Log: {subject}", chosen),
        ):
            fits = cell_len(text + which_one) <= pane.outer_size.width - LEAST_EDGE
            pane.set_title(text + which_one if fits else text)
        self._subjects = (name, shown, drawn, subject)
        self.tabs.show_stage(self._subjects[self._pane - 1])

    @property
    def untitled(self) -> str:
        """The stage and attempt of a maximised pane that has no title; empty: all have one."""
        is_untitled = self._maximised > 1 and self.has_class("-stacked")
        return self._subjects[self._maximised - 1] if is_untitled else ""

    def enter_panel(self) -> None:
        """Move the focus to the first visible pane of the stage."""
        if self._maximised == 1:
            self.maximise()
        for pane in self._by_number[1:]:
            if pane.display and pane.size.height:
                pane.focus()
                return

    def leave_level(self) -> bool:
        """Show all panes, else go back to the DAG; return False if there is nothing to leave."""
        if self._maximised:
            self.maximise()
            return True
        if self.screen.focused in (self.graph, None):
            return False
        self.graph.focus()
        return True

    def maximise(self) -> None:
        """Maximise the active pane, or show all panes again."""
        self.maximise_pane(0 if self._maximised else self._by_number.index(self.active) + 1)

    def maximise_pane(self, number: int) -> None:
        """Maximise a pane; it again, or 0: show all panes."""
        self._maximised = number = 0 if number == self._maximised else number
        self._arrange()
        if number:
            self.screen.set_focus(self._by_number[number - 1], scroll_visible=False)
        elif self.screen.focused is not None and not self.screen.focused.display:
            self.graph.focus()
        self.lay_out(self._graph_width)
        self.post_message(self.Changed())

    def go_to(self, number: int) -> None:
        """Focus a pane, showing it if it is hidden; the number may also be a detail tab's."""
        if number in tuple(DetailTab):
            if number != self.tab:
                self.tab = DetailTab(number)
                self.post_message(self.Changed())
            number = 2
        if self._maximised and self._maximised != number:
            self.maximise_pane(number)
            return
        if number > 1:
            self._show(number)
        self.screen.set_focus(self._by_number[number - 1], scroll_visible=False)

    def action_compare(self) -> None:
        """Go to the curves, and choose what to compare them with."""
        self.go_to(3)
        self.curves.compare()

    def show_log(self) -> None:
        """Make the log visible."""
        if not self._maximised:
            self._show(4)

    def _show(self, number: int) -> None:
        """Choose the pane below the DAG in the narrow layout."""
        hidden = self.has_class("-stacked") and number != self._pane
        self._pane = number
        self.tabs.show_stage(self._subjects[number - 1])
        self.tabs.choose(self.tab if number == 2 else number)
        if hidden:
            self._arrange()
            self.post_message(self.Changed())

    def on_tabs_chosen(self, event: Tabs.Chosen) -> None:
        """Show the pane of the clicked tab."""
        self.go_to(event.pane)
