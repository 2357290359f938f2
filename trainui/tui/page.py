"""What the list of runs and a run's page have in common: bars, search, the tick, acting."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, cast

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.reactive import Reactive
from textual.widget import Widget
from textual.widgets import Input

from trainui.tui.actions.run_actions import RunActions
from trainui.tui.data.snapshot import Query, Snapshot
from trainui.tui.keymap import bindings
from trainui.tui.machine.gpu_strip import GpuStrip
from trainui.tui.render.styled_text import Row, Segment
from trainui.tui.terminal.compositor import PageCompositor
from trainui.tui.widgets.bars import Bar, KeyBar
from trainui.tui.widgets.search_input import SearchBar

if TYPE_CHECKING:
    from trainui.tui.app import TrainuiApp
    from trainui.tui.curves.view_options import CurvesState


CURVES = "curves"
"""What is remembered of curves is remembered under this."""

WIDE = 100
"""Columns from which on there is room for whole sentences."""


class Page(RunActions):
    """A screen that shows snapshots of the feed."""

    scope: ClassVar[str] = ""
    """The scope of the keys that only this page has."""

    ready = False
    """Whether everything that shows something is there."""

    command_scopes: ClassVar[tuple[str, ...]] = ()
    """The scopes of what the palette offers."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("acting", "search")]

    focused: Reactive[Widget | None] = Reactive(None, repaint=False)
    """As every screen's, but that where it moves the page is not drawn anew as a whole."""

    def __init__(self) -> None:
        super().__init__()
        self._compositor = PageCompositor()
        self.top = Bar(id="top")
        self.gpu_strip = GpuStrip(id="gpus")
        self.search_bar = SearchBar()
        self.key_bar = KeyBar(id="keys")

    def compose(self) -> ComposeResult:
        """Make a bar at the top, the GPUs, the content, and the keys at the bottom."""
        yield self.top
        yield self.gpu_strip
        yield from self.content()
        yield self.search_bar
        yield self.key_bar

    def content(self) -> Iterator[Widget]:
        """Yield what stands between the bars."""
        raise NotImplementedError

    def wanted(self) -> Query:
        """Return what the feed is to read for this page."""
        raise NotImplementedError

    def take(self, snapshot: Snapshot) -> None:
        """Show what the feed has read, the GPUs too."""
        self.gpu_strip.show((*snapshot.gpus, *snapshot.far_gpus), snapshot.gpu_holders)
        self.show(snapshot)

    def show(self, snapshot: Snapshot) -> None:
        """Show what the feed has read, but for the GPUs."""
        raise NotImplementedError

    def tick(self) -> bool:
        """Let the clocks of what runs go on; returns whether any does, else none is called again
        before something else is read."""
        return False

    def prepare_for(self, scope: str) -> None:
        """Put the focus where the keys of a scope work."""

    def sought(self, pane: Widget | None) -> str:  # noqa: ARG002 (for subclasses)
        """Return what a pane is filtered by already, to go on typing."""
        return ""

    def search(self, text: str, pane: Widget | None) -> None:
        """Filter or search a pane for a text; an empty one ends it."""
        raise NotImplementedError

    def go_to_match(self, direction: int) -> None:
        """Go to the next (1) or the previous (-1) match in the focused pane."""
        raise NotImplementedError

    @property
    def trainui(self) -> TrainuiApp:
        """The app."""
        return cast("TrainuiApp", self.app)

    def on_mount(self) -> None:
        """Show what is known by now, and keep the footer true to the focus."""
        self.ready = True
        self.watch(self, "focused", self.show_keys, init=True)
        if self.trainui.snapshot is not None:
            self.take(self.trainui.snapshot)

    def on_idle(self, event: events.Idle) -> None:
        """Draw nothing yet while a key acts: all that it changes is drawn at once, and together."""
        if self.trainui.is_acting:
            event.prevent_default()

    def draw_now(self) -> None:
        """Draw what has changed, which by itself would wait for the next of 60 frames a second."""
        self._on_timer_update()

    def on_screen_resume(self) -> None:
        """Let the feed read for this page."""
        self.ask()

    def ask(self) -> None:
        """Tell the feed what is to be seen now, unless another page covers this one."""
        pages = (screen for screen in reversed(self.app.screen_stack) if isinstance(screen, Page))
        if next(pages, None) is self:
            self.trainui.feed.want(self.wanted())

    def show_keys(self) -> None:
        """Show the keys that work where the focus is."""
        self.key_bar.show(self.trainui.keys.footer(self.footer_scopes()))

    def footer_scopes(self) -> tuple[str, ...]:
        """Return the scopes of the keys at the bottom."""
        return (*getattr(self.focused, "scopes", ()), self.scope, "acting", "search", "app")

    def help_scopes(self) -> tuple[str, ...]:
        """Return the scopes for the help, those of the focused pane first."""
        own = tuple(getattr(self.focused, "scopes", ()))
        return (*own, self.scope, "acting", "search", "move", "app")

    def notices(self, snapshot: Snapshot, *, unfinished: bool) -> Row:
        """Return what the right end of the top bar says about the installation.

        Args:
            snapshot: what was read.
            unfinished: whether anything waits or runs, so that a worker is missed.
        """
        notices: list[Segment] = []
        if self.trainui.read_only:
            notices += [Segment("read-only", "warn"), Segment("  ")]
        if snapshot.low_disk is not None:
            notices += [Segment(f"▲ {snapshot.low_disk}", "warn"), Segment("  ")]
        if snapshot.paused:
            notices += [Segment("‖ queue paused (p)", "warn"), Segment("  ")]
        if snapshot.trouble and unfinished:
            notices += [Segment(f"▲ {snapshot.trouble}: nothing new starts", "warn"), Segment(" ")]
        elif snapshot.trouble:
            later = ", it starts with the next run" if self.size.width >= WIDE else ""
            notices += [Segment(f"no worker{later}", "dim"), Segment(" ")]
        elif snapshot.news and unfinished:
            notices += [Segment(f"▲ {snapshot.news}", "warn"), Segment(" ")]
        return tuple(notices)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave `/` to a field in which somebody types."""
        if action == "search" and isinstance(self.focused, Input):
            return False
        return super().check_action(action, parameters)

    def recalled_desk(self) -> CurvesState:
        """Return a desk for curves as they were looked at last."""
        from trainui.tui.curves.view_options import CurvesState

        return CurvesState.recalled(self.trainui.memory.get(CURVES, dict))

    def remember(self, desk: CurvesState) -> None:
        """Remember how curves are looked at."""
        self.trainui.memory.keep(CURVES, desk.kept)

    def action_search(self) -> None:
        """Open the search bar."""
        self.search_bar.open(self.focused, self.sought(self.focused))

    def action_next_match(self) -> None:
        """Go to the next match."""
        self.go_to_match(1)

    def action_previous_match(self) -> None:
        """Go to the previous match."""
        self.go_to_match(-1)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Search while somebody types."""
        if isinstance(event.input, SearchBar) and event.input.display:
            self.search(event.value, event.input.pane)

    def on_search_bar_closed(self, event: SearchBar.Closed) -> None:
        """Go back to the pane; what was found stays unless it was given up."""
        self.search(event.text, event.pane)
        self.key_bar.note(())
        if event.pane is not None:
            event.pane.focus()
