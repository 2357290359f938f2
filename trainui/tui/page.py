"""The base class of all pages: bars, search, the clock tick, actions on runs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Input

from trainui.domain.states import UNFINISHED
from trainui.execution.processes.desired_state import NO_WORKER
from trainui.tui.actions.run_actions import RunActions
from trainui.tui.actions.target import label
from trainui.tui.base_app import BaseApp, app_of
from trainui.tui.data.query import Query
from trainui.tui.data.snapshot import Snapshot
from trainui.tui.keymap import Key, bindings
from trainui.tui.render.styled_text import Row, Segment
from trainui.tui.widgets.bars import Bar, KeyBar, SearchBar
from trainui.tui.widgets.gpu_strip import GpuStrip

if TYPE_CHECKING:
    from trainui.domain.records import RunRecord
    from trainui.store.read.run_list import RunLine

WIDE = 100
"""Minimum width in columns for full sentences in the top bar."""


class Jump(NamedTuple):
    """A place that the command palette opens."""

    kind: str
    """`run`, `stage` or `metric`."""
    name: str
    go: Callable[[], None]


class Page(RunActions):
    """A screen that shows the poller's snapshots."""

    scope: ClassVar[str] = ""
    """The scope of this page's own keys."""

    ready = False
    """True once all widgets are mounted."""

    has_data = False

    command_scopes: ClassVar[tuple[str, ...]] = ()
    """The scopes whose keys the command palette lists."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("acting", "search")]

    def __init__(self) -> None:
        super().__init__()
        self.top = Bar(id="top")
        self.gpu_strip = GpuStrip(id="gpus")
        self.search_bar = SearchBar()
        self.key_bar = KeyBar(id="keys")

    def compose(self) -> ComposeResult:
        """Build the top bar, the GPU strip, the content, the search bar and the key bar."""
        yield self.top
        yield self.gpu_strip
        yield from self.content()
        yield self.search_bar
        yield self.key_bar

    def content(self) -> Iterator[Widget]:
        """Yield the widgets between the bars."""
        raise NotImplementedError

    def page_query(self) -> Query:
        """Return the query that the poller answers for this page."""
        raise NotImplementedError

    def take(self, snapshot: Snapshot) -> None:
        """Show a snapshot, including the GPU strip."""
        holders = {place: use.stage for place, use in snapshot.gpu_uses.items()}
        self.gpu_strip.show((*snapshot.gpus, *snapshot.far_gpus), holders)
        self.show(snapshot)
        if not self.has_data and self._is_answered_by(snapshot.query):
            self.has_data = True
            self.base_app.release_keys()

    def _is_answered_by(self, query: Query) -> bool:
        """Return True if a snapshot's query is of this kind of page and its run."""
        own = self.page_query()
        runs = [getattr(one, "run_id", None) for one in (query, own)]
        return type(query) is type(own) and runs[0] == runs[1]

    def show(self, snapshot: Snapshot) -> None:
        """Show a snapshot, without the GPU strip."""
        raise NotImplementedError

    def tick(self) -> bool:
        """Update elapsed times; after False it is not called again until the next snapshot."""
        return False

    def jumps(self) -> Iterator[Jump]:
        """Yield the places that the command palette opens: runs, and what the page adds."""
        for run in self.base_app.runs:
            yield Jump("run", label(run), partial(self.base_app.open_run, run.id))

    def prepare_for(self, scope: str) -> None:
        """Focus a widget that handles the keys of a scope."""

    def sought(self, pane: Widget | None) -> str:  # noqa: ARG002 (for subclasses)
        """Return a pane's current filter text, to continue editing it."""
        return ""

    def search(self, text: str, pane: Widget | None) -> None:
        """Filter or search a pane for a text; an empty text ends the search."""
        raise NotImplementedError

    def action_match(self, direction: int) -> None:
        """Go to the next (1) or the previous (-1) match in the focused pane."""
        raise NotImplementedError

    @property
    def base_app(self) -> BaseApp:
        """The app."""
        return app_of(self)

    def on_mount(self) -> None:
        """Show the latest snapshot, and update the footer whenever the focus moves."""
        self.ready = True
        self.watch(self, "focused", self.show_keys, init=True)
        if self.base_app.snapshot is not None:
            self.take(self.base_app.snapshot)

    def on_screen_resume(self) -> None:
        """Make the poller read for this page."""
        self.ask()

    def ask(self) -> None:
        """Send the poller this page's query, unless another page covers this one."""
        pages = (screen for screen in reversed(self.app.screen_stack) if isinstance(screen, Page))
        if next(pages, None) is self:
            self.base_app.poller.set_query(self.page_query())

    def show_keys(self) -> None:
        """Show the keys of the focused widget and the page in the key bar."""
        self.key_bar.show(self.footer_keys(), self.idle_keys())

    def footer_keys(self) -> Sequence[Key]:
        """Return the keys in the key bar."""
        return self.base_app.keys.footer(self.footer_scopes())

    def idle_keys(self) -> Collection[str]:
        """Return the ids of the keys in the key bar that would do nothing now."""
        return ()

    def footer_scopes(self) -> tuple[str, ...]:
        """Return the scopes of the keys in the key bar."""
        return self.help_scopes()  # it has no keys of `move`

    def help_scopes(self) -> tuple[str, ...]:
        """Return the scopes for the help, those of the focused pane first."""
        own = tuple(getattr(self.focused, "scopes", ()))
        return (*own, self.scope, "acting", "search", "move", "app")

    def notices(self, snapshot: Snapshot, runs: Iterable[RunLine | RunRecord]) -> Row:
        """Return the right end of the top bar: warnings about the installation.

        What a missing worker means depends on the unfinished ones of the page's `runs`: nothing of
        an external run can start, but it is read.
        """
        notices: list[Segment] = []
        if self.base_app.read_only:
            notices.append(Segment("read-only  ", "warn"))
        health = snapshot.health
        if health.low_disk is not None:
            notices.append(Segment(f"▲ {health.low_disk}  ", "warn"))
        if health.reader:
            notices.append(Segment(f"▲ {health.reader}  ", "warn"))
        if snapshot.paused:
            notices.append(Segment("‖ queue paused (p)  ", "warn"))
        is_expected = health.trouble == NO_WORKER and self.base_app.starts_worker
        trouble = "" if is_expected else health.trouble
        lost = next(iter(health.lost.stages.values()), None)
        is_wrong, is_wide = trouble or health.broker_restart, self.size.width >= WIDE
        unfinished = (run for run in runs if run.status in UNFINISHED)
        external = {run.is_external for run in unfinished} if is_wrong else set()
        if lost is not None:
            notices.append(Segment(f"▲ {lost.words} ", "warn"))
        elif trouble and external:
            effect = ": nothing new is read" if all(external) else ": nothing new starts"
            notices.append(Segment(f"▲ {trouble}{effect if is_wide else ''} ", "warn"))
        elif trouble == NO_WORKER:
            later = " (starts with the next run)" if is_wide else ""
            notices.append(Segment(f"{trouble}{later} ", "dim"))
        elif trouble or (health.broker_restart and external):
            notices.append(Segment(f"▲ {is_wrong} ", "warn"))
        return tuple(notices)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Let a focused input field receive `/` as text."""
        if action == "search" and isinstance(self.focused, Input):
            return False
        return super().check_action(action, parameters)

    def action_back(self) -> None:
        """Go back to the page before."""
        self.app.clear_notifications()
        self.app.pop_screen()

    def action_search(self) -> None:
        """Open the search bar."""
        self.search_bar.open(self.focused, self.sought(self.focused))

    def on_input_changed(self, event: Input.Changed) -> None:
        """Search incrementally while the user types."""
        if isinstance(event.input, SearchBar) and event.input.display:
            self.search(event.value, event.input.pane)

    def on_search_bar_closed(self, event: SearchBar.Closed) -> None:
        """Return the focus to the pane; matches stay unless the search was cancelled."""
        self.search(event.text, event.pane)
        self.key_bar.note(())
        if event.pane is not None:
            event.pane.focus()
