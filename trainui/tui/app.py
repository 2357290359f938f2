"""The Textual app: it connects the poller, the terminal driver, the keys and the pages.

Also what can be done here: the help with the keys, and the commands of the command palette.
"""

from __future__ import annotations

import gc
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby, zip_longest
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual import events
from textual.app import App
from textual.binding import BindingType
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.containers import Vertical
from textual.content import Content
from textual.filter import LineFilter
from textual.message import Message
from textual.theme import Theme
from textual.timer import Timer

from trainui import formatting, installation, paths, settings, text
from trainui.errors import TrainuiError
from trainui.store.read.run_list import RunLine
from trainui.text import harmless
from trainui.tui import styles, terminal
from trainui.tui.app_interface import PREFERENCES_FILE, Preferences, app_of
from trainui.tui.keymap import SCOPES, Key, KeyTable, bindings
from trainui.tui.line_view import RowsView
from trainui.tui.page import Jump, Page
from trainui.tui.readers import machine
from trainui.tui.readers.poller import Poller
from trainui.tui.run_list.screen import RunsScreen
from trainui.tui.snapshot import ListQuery, Query, RunQuery, Snapshot
from trainui.tui.styled_text import Row, Segment, beside, fit, labelled, width_of, wrap
from trainui.tui.terminal import TerminalApp
from trainui.tui.widgets import FRAME, Dialog

if TYPE_CHECKING:
    from trainui.tui.box_feed import BoxFeed, Feeds
    from trainui.tui.log_window import LogReader, LogWindow

THEME = "theme"
"""The preference key for the theme chosen with the theme key."""

MOST_NOTIFIED = 3
"""Most notifications at once; a further one replaces them."""

SAVED_WITHIN = 1.0
"""Debounce in seconds of saving changed preferences."""

GC_THRESHOLD = 5000
"""Garbage collector threshold once the first page is shown: short pauses, so keys stay fast."""

KEY_WIDTH, GAP, LEAST_COLUMN, MOST_WORDS = 12, 4, 48, 57
"""Cells of the keys, between two columns of bindings, the least of a column, and the most of a
description in a single one, which fits into 80."""

PLACEHOLDER = "type an action, or the name of a run, a stage or a metric"

LEAST_SCORE = 0.01
"""The score of a command whose words match in another order."""

BEGINS = 100
"""What is added to the score of a command or a name that begins with what was typed."""

KEY_CELLS, TOOLTIP_CELLS = 12, 68
"""Widths of the columns with the keys and the descriptions, in characters."""

SCOPE_FROM = 110
"""Terminal width in columns from which a line says where its key works."""

log = logging.getLogger(__name__)


def help_rows(keys: Sequence[Key], width: int = 0) -> list[Row]:
    """Return the bindings as lines, scope by scope, in as many columns as fit.

    Long descriptions are wrapped.
    """
    count = max((width + GAP) // (LEAST_COLUMN + GAP), 1)
    room = (width + GAP) // count - GAP - KEY_WIDTH if count > 1 else MOST_WORDS
    blocks: list[list[Row]] = []
    for scope, found in groupby(keys, lambda key: key.scope):
        rows: list[Row] = [(Segment(SCOPES[scope], "title"),)]
        for key in found:
            name = Segment(fit(f"  {key.shown}", KEY_WIDTH), "key")
            rows += labelled(name, ((Segment(piece),) for piece in wrap(key.tooltip, room)))
        blocks.append(rows)
    each = max((width_of(row) for block in blocks for row in block), default=0) + GAP
    columns = _columns(blocks, count)
    return [beside(line, each) for line in zip_longest(*columns, fillvalue=())]


def _columns(blocks: Sequence[list[Row]], count: int) -> list[list[Row]]:
    """Distribute blocks over columns of about the same height, from left to right."""
    height = sum(len(block) + 1 for block in blocks) / count
    columns: list[list[Row]] = [[]]
    for block in blocks:
        full = len(columns[-1]) + len(block) / 2 > height
        if columns[-1] and full and len(columns) < count:
            columns.append([])
        columns[-1] += [(), *block] if columns[-1] else block
    return columns


class HelpScreen(Dialog[None]):
    """A dialog with the key bindings; esc, enter, ? or q closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("app.leave"),
        ("escape,question_mark,enter", "dismiss", "close"),
    ]

    def __init__(self, keys: Sequence[Key]) -> None:
        super().__init__()
        self._keys = keys

    def on_mount(self) -> None:
        """Show the keys."""
        self.show_titles("Keys", "esc closes; remap keys in config.toml under [keys]")
        self.on_resize()

    def on_resize(self) -> None:
        """Arrange the keys for the terminal's width."""
        rows = help_rows(self._keys, self.room)
        self.query_one(Vertical).styles.width = max(map(width_of, rows)) + FRAME
        self.query_one(RowsView).set_rows(rows)


class KeyCommands(Provider):
    """Provides the actions of the current page's keys as commands."""

    async def discover(self) -> Hits:
        """Yield all commands, before anything is typed."""
        for key in self._keys():
            title = self._title(key, Content(key.tooltip))
            yield DiscoveryHit(title, partial(self._do, key), key.tooltip)

    async def search(self, query: str) -> Hits:
        """Yield the commands that match the query."""
        matcher, text = self.matcher(query), query.casefold()
        for key in self._keys():
            if all(word in f"{key.tooltip} {key.label}".casefold() for word in text.split()):
                score = max(matcher.match(key.tooltip), matcher.match(key.label), LEAST_SCORE)
                words = (key.tooltip.casefold(), key.label.casefold())
                score += BEGINS * any(one.startswith(text) for one in words)
                found = Content(key.tooltip)
                for word in text.split():
                    if (start := key.tooltip.casefold().find(word)) >= 0:
                        found = found.stylize(matcher.match_style, start, start + len(word))
                yield Hit(score, self._title(key, found), partial(self._do, key), key.tooltip)
        for kind, name, go in self._jumps(text):
            if (score := matcher.match(name)) > 0:
                # the matcher's own highlighting takes the brackets of a sweep's member for markup
                start = name.casefold().find(text)
                found = Content(name).stylize(matcher.match_style, start, start + len(text))
                score += BEGINS * (start == 0)
                yield Hit(score, Content.assemble((f"{kind:<{KEY_CELLS}}", "$accent"), found), go)

    def _jumps(self, text: str) -> Iterator[Jump]:
        """Return the places whose names contain a text; only these are scored, for speed."""
        found = self.screen.jumps() if isinstance(self.screen, Page) else iter(())
        return (jump for jump in found if text in jump.name.casefold())

    def _keys(self) -> Iterator[Key]:
        """Return the keys of the page, those of the focused pane first."""
        of_page = getattr(self.screen, "command_scopes", ("app",))
        of_pane = getattr(self.screen.focused, "scopes", ())
        scopes = dict.fromkeys((*(one for one in of_pane if one in of_page), *of_page))
        return (key for key in app_of(self.screen).keys.of(*scopes) if key.command)

    def _title(self, key: Key, tooltip: Content) -> Content:
        """Return a line: the key, what it does and, with room for it, where it works."""
        where = SCOPES[key.scope] if self.screen.size.width >= SCOPE_FROM else ""
        text = tooltip.pad_right(max(TOOLTIP_CELLS - tooltip.cell_length, 2)) if where else tooltip
        return Content.assemble((f"{key.shown:<{KEY_CELLS}}", "$accent"), text, (where, "dim"))

    def _do(self, key: Key) -> None:
        """Simulate the key, with the focus on a widget that handles it."""
        if isinstance(self.screen, Page):
            self.screen.prepare_for(key.scope)
        self.app.simulate_key(key.keys.split(",")[0].strip())


class SnapshotReady(Message):
    """The poller has read a new snapshot; only the latest one matters."""

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__()
        self.snapshot = snapshot

    def can_replace(self, message: Message) -> bool:
        """Coalesce: a newer snapshot replaces one that is still queued."""
        return isinstance(message, SnapshotReady)


def _start_worker() -> str:
    from trainui.execution.daemon import lifecycle

    lifecycle.ensure_started()
    return ""


class TrainuiApp(TerminalApp):
    """The app that shows runs and their stages live."""

    snapshot: Snapshot | None = None
    runs: Sequence[RunLine] = ()
    starts_worker: bool = False

    TITLE = "trainui"
    NOTIFICATION_TIMEOUT = 3.0
    COMMANDS: ClassVar[set[Any]] = {KeyCommands}
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("app")]
    CSS = """
    ToastRack { dock: top; align: right top; margin: 1 0 0 0; }
    Toast { width: auto; max-width: 60; margin: 0; padding: 0 1; }
    Button.-useful { background: $primary; color: $background; text-style: bold; }
    CommandPalette SearchIcon { display: none; }
    """

    def __init__(
        self,
        run_id: str | None = None,
        configured: settings.Settings | None = None,
        *,
        read_only: str = "",
    ):
        configured = configured or settings.load()
        super().__init__(configured.max_rate)
        self.read_only = read_only
        self.hidden_warnings: set[str] = set()
        self._clock: Timer | None = None
        self._saving: Timer | None = None
        self._notified: dict[str, float] = {}
        """The notifications shown, each with its end (`time.monotonic`)."""
        if "TEXTUAL_ANIMATIONS" not in os.environ:
            self.animation_level = "none"
        for own in styles.OURS:
            self.register_theme(own)
        self.preferences = Preferences(paths.home().root / PREFERENCES_FILE, self._save_soon)
        self._configured_theme = configured.theme
        self._fitting = styles.fitting(configured.theme, self.console.color_system, os.environ)
        chosen = styles.chosen(self.preferences.get(THEME, dict), self._fitting)
        self.theme = chosen if chosen in self.available_themes else styles.DEFAULT
        is_ascii = styles.wants_ascii(configured.ascii, os.environ)
        self._ascii = [styles.AsciiFilter()] if is_ascii else []
        self.keys = KeyTable(configured.keys)
        self.set_keymap({key.id: key.keys for key in self.keys.keys if key.id in configured.keys})
        self.first_run = run_id
        is_here = run_id is not None and ":" not in run_id
        self.poller = Poller(
            self._take_local,
            RunQuery(run_id) if run_id is not None and is_here else ListQuery(),
            self._ring if configured.bell else None,
            self.bandwidth,
        )
        self.feeds: Feeds | None = None
        """What reads the boxes; None: there are none."""
        if paths.home().boxes.exists():
            from trainui.tui.box_feed import Feeds

            self.feeds = Feeds(self._post, self.poller)
            self.feeds.start()
        self.poller.start()

    def _post(self, snapshot: Snapshot) -> None:
        self.post_message(SnapshotReady(snapshot))

    def _take_local(self, snapshot: Snapshot) -> None:
        (self._post if self.feeds is None else self.feeds.take_local)(snapshot)

    def set_query(self, query: Query) -> None:
        """Read for a page from now on."""
        (self.poller if self.feeds is None else self.feeds).set_query(query)

    def on_box(self, run_id: str) -> BoxFeed | None:
        """Return what reads a run's box; None: the run is of here."""
        return None if self.feeds is None else self.feeds.feed(run_id)

    def call(self, action: Callable[..., Any], run_id: str, *arguments: Any) -> Any:
        """Call one of `run_actions` where the run is; it blocks."""
        if (feed := self.on_box(run_id)) is None:
            return action(run_id, *arguments)
        return feed.call(action, run_id.partition(":")[2], *arguments)

    def box_feeds(self) -> Sequence[BoxFeed]:
        """Return what reads the boxes, one each."""
        return () if self.feeds is None else self.feeds.all

    def log_reader(self, box: str, deliver: Callable[[LogWindow], object]) -> LogReader | None:
        """Return what reads logs on a box; None: the box is not there any more."""
        if (feed := self.on_box(f"{box}:")) is None:
            return None
        from trainui.tui.box_feed import BoxLogReader

        return BoxLogReader(feed, deliver)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Return trainui's theme variables, for themes that do not define them."""
        return styles.defaults(self.current_theme)

    def get_theme(self, theme_name: str) -> Theme | None:
        """Return a theme; own ones without copying the theme table, as each line asks."""
        return styles.BY_NAME.get(theme_name) or super().get_theme(theme_name)

    def get_default_screen(self) -> RunsScreen:
        """Return the run list, the first page."""
        return RunsScreen()

    @property
    def shows_pixels(self) -> bool:
        """True if the terminal has the characters and colours that pixels need."""
        return not self._ascii and self.console.color_system != "standard"

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Return the filters for rendered lines, including the ASCII filter."""
        return [*super().get_line_filters(), *self._ascii]

    def on_mount(self) -> None:
        """Open the requested run, start the clock, and report wrong settings."""
        terminal.leave_on_signals(self)
        terminal.watch_terminal(self)
        if self.first_run is not None:
            self.open_run(self.first_run)
        self._clock = self.set_interval(1.0, self._tick, pause=True)
        wanted, known = self._configured_theme, ", ".join(styles.BY_NAME)
        if wanted is not None and wanted not in self.available_themes:
            self.notify(f"setting theme: unknown theme {wanted!r}; use one of {known}")
        for unknown in self.keys.unknown:
            self.notify(f"config.toml: [keys] has an unknown id {unknown!r}; see ?")

    def on_ready(self) -> None:
        """Lower the garbage collector's threshold, which was raised for a fast start."""
        gc.set_threshold(GC_THRESHOLD)

    def on_unmount(self) -> None:
        """Stop the readers and save the preferences."""
        if self.feeds is not None:
            self.feeds.stop()
        self.poller.stop()
        self.preferences.save()

    def _ring(self, words: str) -> None:
        """Ring the terminal's bell, with the reason where the terminal can show one."""
        self.call_later(self.send, text.ring(words, os.environ.get("TERM", "")))

    async def on_event(self, event: events.Event) -> None:
        """Let the page know of a key or a click, and dispatch it."""
        is_first = isinstance(event, events.Key | events.MouseDown) and not event.is_forwarded
        if is_first and (page := self.page) is not None:
            page.touched()
        await super().on_event(event)

    def on_snapshot_ready(self, message: SnapshotReady) -> None:
        """Show a new snapshot on the open page."""
        self.snapshot = message.snapshot
        self.runs = message.snapshot.runs or self.runs
        self.on_terminal_drained()

    def on_terminal_drained(self) -> None:
        """Show the latest snapshot once the terminal has taken all earlier output."""
        page = self.page
        if page is not None and self.snapshot is not None and not self.bandwidth.waiting:
            page.take(self.snapshot)
            if self._clock is not None:
                self._clock.resume()

    def refuse_boxes(self, draw: Callable[[Snapshot], object]) -> bool:
        """Close the boxes whose data cannot be drawn; return False if that explains nothing."""
        if self.feeds is None or not installation.is_unchanged():
            return False
        if not self.feeds.close_culprits(draw):
            return False
        self.snapshot = None
        log.exception("what a box sent cannot be drawn")
        return True

    async def run_action(self, *arguments: Any, **named: Any) -> bool:
        """Act on a key; where boxes are known, what one sent may make that fail.

        After an upgrade it is rather a page that was imported since.
        """
        try:
            return await super().run_action(*arguments, **named)
        except Exception:
            page = self.page
            if page is None or self.feeds is None or not installation.is_unchanged():
                raise
            if not self.refuse_boxes(page.show):
                log.exception("a key failed")
                self.notify("this key failed; the log says more", severity="error")
            return True

    def _tick(self) -> None:
        if not (self.bandwidth.is_spent or self.bandwidth.waiting):
            page = self.page
            try:
                is_live = page is not None and page.tick()
            except Exception:
                if page is None or not self.refuse_boxes(page.show):
                    raise
                is_live = False
            if not is_live and self._clock is not None:
                self._clock.pause()  # an idle screen uses no CPU

    def _save_soon(self) -> None:
        """Save the preferences shortly: a lost terminal may end the app at any time."""
        if self._saving is None:
            self._saving = self.set_timer(SAVED_WITHIN, self._save)

    def _save(self) -> None:
        self._saving = None
        self.run_worker(self.preferences.save, thread=True, group="memory")

    @property
    def page(self) -> Page | None:
        """The open page, possibly under a dialog; None while it is being built."""
        pages = (screen for screen in reversed(self.screen_stack) if isinstance(screen, Page))
        page = next(pages, None)
        return page if page is not None and page.ready else None

    def open_run(self, run_id: str, stage: str = "") -> None:
        """Open a run's page, with a stage or a sweep selected."""
        from trainui.tui.run_page.screen import RunScreen

        self.push_screen(RunScreen(run_id, stage))

    def open_history(self, run_id: str) -> None:
        """Open the page of the last runs of a run's pipeline, unless it is open."""
        from trainui.tui.past_screens import HistoryScreen

        if not isinstance(self.screen, HistoryScreen):
            self.push_screen(HistoryScreen(run_id))

    def action_command_palette(self) -> None:
        """Open the command palette."""
        from textual.command import CommandPalette

        if not CommandPalette.is_open(cast("App[object]", self)):
            self.push_screen(CommandPalette(placeholder=PLACEHOLDER, id="--command-palette"))

    def action_hide_warning(self) -> None:
        """Hide the warning that the page shows."""
        if (page := self.page) is not None:
            page.hide_warning()

    def action_help(self) -> None:
        """Show the keys."""
        scopes = getattr(self.screen, "help_scopes", lambda: ("app",))()
        self.push_screen(HelpScreen(self.keys.of(*dict.fromkeys(scopes))))

    def action_machine(self) -> None:
        """Open the machine page."""
        from trainui.tui.machine_screen import MachineScreen

        if not isinstance(self.screen, MachineScreen):
            self.push_screen(MachineScreen())

    def action_run_file(self) -> None:
        """Open the page to choose a pipeline file."""
        from trainui.tui.new_runs import ChooseFileScreen

        if not isinstance(self.screen, ChooseFileScreen):
            self.push_screen(ChooseFileScreen())

    def act(
        self,
        work: Callable[[], str],
        *,
        starts: bool = False,
        then: Callable[[], Any] | None = None,
    ) -> None:
        """Run an action in a thread.

        `work` returns the message to show, or raises the error to show; `then` is called on the
        event loop after success. `starts`: start a worker afterwards.
        """
        if self.read_only:
            self._show_result(self.read_only, "warning")
            return

        def body() -> None:
            if self._attempt(work, then) and starts:
                self._attempt(_start_worker, None)
            if starts:
                self.call_from_thread(self.set_timer, machine.CHECK_PERIOD + 1, self._started)

        self.starts_worker |= starts
        self.run_worker(body, thread=True, group="acting", exit_on_error=False)

    def _started(self) -> None:
        self.starts_worker = False

    def _attempt(self, work: Callable[[], str], then: Callable[[], Any] | None) -> bool:
        """Run the action and show its result; returns True on success."""
        try:
            said = work()
        except Exception as error:  # the edge of a thread: any error is shown
            words = str(error)
            if not isinstance(error, TrainuiError):
                log.exception("an action failed")
                words = f"{type(error).__name__}: {error}"
            self.call_from_thread(self._show_result, words, "error")
            return False
        self.poller.reread()
        if said:
            self.call_from_thread(self._show_result, said, "information")
        if then is not None:
            self.call_from_thread(then)
        return True

    def _show_result(self, text: str, severity: Any) -> None:
        lines = [harmless(line) for line in text.splitlines()]
        self.notify("\n".join(lines), severity=severity)

    def action_pause(self) -> None:
        """Pause or resume the queue."""

        def work() -> str:
            from trainui import control

            if control.toggle_paused():  # what is on the screen may be older than the last key
                return "queue paused: no new stages start, running ones continue"
            return "queue resumed"

        self.act(work)

    def clear_notifications(self) -> None:
        """Dismiss all notifications; each may be shown again at once."""
        self._notified = {}
        super().clear_notifications()

    def notify(self, message: str, **options: Any) -> None:
        """Show a notification, unless the same one is still shown; few are shown at once.

        It is shown as it is, without markup: a name may have brackets.
        """
        now = time.monotonic()
        self._notified = {shown: end for shown, end in self._notified.items() if end > now}
        if message in self._notified:
            return
        if len(self._notified) >= MOST_NOTIFIED:
            self.clear_notifications()
        timeout = float(options.get("timeout") or self.NOTIFICATION_TIMEOUT)
        self._notified[message] = now + timeout
        super().notify(message, **{**options, "markup": False})

    def action_rate(self) -> None:
        """Show the terminal bandwidth."""
        rate, budget = formatting.size(round(self.bandwidth.rate)), self.bandwidth.budget
        limit = "" if budget is None else f" (limit {formatting.size(budget)}/s)"
        self.notify(f"terminal: {rate}/s{limit}")

    def action_next_theme(self) -> None:
        """Switch to the next theme."""
        self.theme = styles.after(self.theme)
        self.preferences.keep(THEME, {"chosen": self.theme, "instead_of": self._fitting})
        self.clear_notifications()
        self.notify(f"theme {self.theme}")

    def action_leave(self) -> None:
        """Close the screen; runs continue."""
        self.exit(0)
