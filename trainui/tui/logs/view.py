"""The log pane: follows the end, scrolls, searches and filters over the whole length.

It reads a window of lines around the visible ones, and the next one before the edge is reached.
"""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.message import Message

from trainui.control.logs.attempt_log import BEGINNING, ENDING
from trainui.formatting import size
from trainui.tui.keymap import bindings
from trainui.tui.logs.reader_thread import LogReaderThread
from trainui.tui.logs.rows import LogStyle
from trainui.tui.logs.scroll import LogScroll
from trainui.tui.logs.window_reader import (
    NO_WINDOW,
    Destination,
    LogSource,
    LogWindow,
    WindowQuery,
)
from trainui.tui.render.styled_text import Row, Segment, fit, width_of
from trainui.tui.widgets.line_view import LinesView

NOTICE_SECONDS = 1.5
"""Seconds for which a notification may cover the end of the log."""

MARGIN = 150
"""Read ahead when fewer lines than this are left in the scroll direction."""

THUMB = "▐"
"""The scrollbar thumb in the last column."""


class LogView(LinesView):
    """The log pane; it follows the end until the user scrolls up."""

    scopes = ("log",)
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("log")]

    class Read(Message):
        """The reader thread has delivered a window."""

        def __init__(self, window: LogWindow) -> None:
            super().__init__()
            self.window = window

        def can_replace(self, message: Message) -> bool:
            """Coalesce: a newer window replaces a queued one of the same query."""
            return isinstance(message, LogView.Read) and message.window.query is self.window.query

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._scroll = LogScroll()
        self.wrapping = True
        self.timed = False
        self._reader = LogReaderThread(lambda window: self.post_message(self.Read(window)))
        self._source: LogSource | None = None
        self._query: WindowQuery | None = None
        self._arrived: WindowQuery | None = None
        """The query whose target was scrolled to."""
        self._searched = ""
        self._only = ""
        self._empty = ""
        self._busy: float | None = None
        """Progress of a search from 0 to 1; None: no search is running."""
        self._seen: list[Row] = []
        self._was_following = False
        """True while text is selected in a log whose end was followed."""
        self._lines_shown = 1
        """Number of rows for log lines."""

    @property
    def following(self) -> bool:
        """True if the view follows the end of the log."""
        return self._scroll.following

    @property
    def _window(self) -> LogWindow:
        return self._scroll.window

    # --- reading

    def set_source(self, source: LogSource | None, empty: str) -> None:
        """Show these logs; `empty` is the text shown if they are empty."""
        if (source, empty) == (self._source, self._empty):
            return
        self._empty = empty
        before, self._source = self._source, source
        if source is None or before is None or before.directory != source.directory:
            self._scroll.following, self._only = True, ""
            self._scroll.set_window(NO_WINDOW)
            self._ask(Destination())
        elif before != source:
            self._ask_here()
        self._draw()

    def on_unmount(self) -> None:
        """Stop the reader thread."""
        self._reader.stop()

    def _ask(self, destination: Destination) -> None:
        source = self._source
        self._query = None if source is None else WindowQuery(source, destination, self._only)
        self._reader.set_query(self._query)

    def _ask_here(self) -> None:
        self._ask(Destination() if self.following else Destination(place=self._scroll.top_place))

    def on_log_view_read(self, message: Read) -> None:
        """Show a window that the thread has read."""
        window = message.window
        if window.query is not self._query:
            return
        self._busy = window.scanned
        if window.scanned is not None and not window.lines:
            self.update_rows()
            return
        scroll, known, top = self._scroll, self._window, self._scroll.top_place
        scroll.set_window(window)
        if known is not NO_WINDOW and known.generation != window.generation:
            scroll.following, scroll.target = True, None
        if window.found:
            scroll.target = window.target
        if self._arrived is window.query or window.scanned is not None or not self._arrive(window):
            scroll.stay(top)
        self._draw()

    def _arrive(self, window: LogWindow) -> bool:
        """Scroll to the query's target, once; returns True if there is one."""
        self._arrived = window.query
        if window.note:
            self.notify(window.note, timeout=NOTICE_SECONDS)
        destination = window.query.destination
        is_place = destination.kind == "place"
        if window.target is None or (is_place and destination.place != BEGINNING):
            return False
        # more context before the target than after it
        self._scroll.go_to(window.target, above=0 if is_place else self.page_height * 2 // 3)
        return True

    # --- rendering

    def on_resize(self) -> None:
        """Wrap the lines for the new width."""
        self.clear_cache()
        self._draw()

    def _draw(self) -> None:
        """Make the visible rows."""
        both = self._source is not None and len(self._source.streams) > 1
        both = both and all(self._window.sizes)
        width = max(self.scrollable_content_region.width - 1, 1)
        style = LogStyle(width, self.wrapping, self.timed, both, self._searched)
        self._scroll.rows.set_style(style)
        self._lines_shown = self.page_height
        self._seen = self._scroll.seen(self._lines_shown)
        self.update_rows()

    @property
    def page_height(self) -> int:
        """Number of visible log rows; the last row of the pane is the status line."""
        return max(super().page_height - 1, 1)

    def row_count(self) -> int:
        """Return the number of visible rows; rows out of view are not made."""
        return self._lines_shown + 1

    def row(self, index: int, width: int) -> Row:
        """Return a row, with the scrollbar thumb in its last column."""
        if index == self._lines_shown:
            return (Segment(fit(self._status_text(), width, right=True), "dim"),)
        row = self._seen[index] if index < len(self._seen) else ()
        if not self._seen and index == 0:
            row = (Segment(fit(self._empty_text(), width - 1), "dim"),)
        if index != self._scroll.thumb_row(self._lines_shown):
            return row
        return (*row, Segment(" " * (width - 1 - width_of(row))), Segment(THUMB, "line"))

    def _empty_text(self) -> str:
        if self._busy is not None or (self._window is NO_WINDOW and self._source is not None):
            return ""
        if self._only and self._window.size:
            return f"no line contains {self._only!r}; & shows all"
        return self._window.problem or self._empty

    def _status_text(self) -> str:
        """Return the status line: streams, search, filter and position."""
        window = self._window
        if window is NO_WINDOW or self._source is None:
            return ""
        words, streams = [], self._source.streams
        for name, count in zip(("stdout", "stderr"), window.sizes, strict=True):
            if count or (name,) == streams:
                words.append(f"{name} {size(count)}" if name in streams else f"o: {name}")
        if self._busy is not None:
            words.append(f"searching {self._busy:.0%}, esc stops")
        if self._only:
            words.append(f"only {self._only!r}")
        if not self.following:
            words.append(f"{self._scroll.fraction():.0%}, f follows")
        return "  ".join(words)

    # --- scrolling

    def action_line(self, count: int) -> None:
        """Scroll by rows."""
        scroll, window = self._scroll, self._window
        if window is NO_WINDOW or (scroll.following and count > 0):
            return
        if count < 0 and scroll.is_at_start:
            return
        scroll.following = False
        scroll.scroll(count)
        before = scroll.where
        self._draw()
        # `_draw` moves the top back at the end of the log: then follow the end
        scroll.following = count > 0 and before != scroll.where
        over = window.at_start if count < 0 else window.at_end
        is_near = scroll.left(count) < MARGIN and not over
        if is_near and not scroll.following and window.query is self._query:
            self._ask_here()

    def action_end(self, direction: int) -> None:
        """Go to the first line, or follow the end."""
        self._scroll.following = direction > 0
        self._ask(Destination() if self.following else Destination(place=BEGINNING))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll down."""
        event.stop()
        self.action_line(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll up."""
        event.stop()
        self.action_line(-3)

    def on_mouse_move(self, event: events.MouseMove) -> None:  # noqa: ARG002 (the base's)
        """Stop following while text is selected, so that the lines stay under the mouse."""
        if self._pressed is not None and self.following:
            self._scroll.following, self._was_following = False, True

    def on_mouse_up(self, event: events.MouseUp) -> None:  # noqa: ARG002 (the base's)
        """Follow the end again after a selection."""
        if self._was_following:
            self._was_following = False
            self.action_end(1)

    def on_click(self, event: events.Click) -> None:
        """Jump to the clicked position of the scrollbar (the last column)."""
        offset = event.get_content_offset(self)
        if offset is not None and offset.x >= self.scrollable_content_region.width - 1:
            self._ask(Destination("part", number=offset.y / self.page_height))

    def go_to_time(self, seconds: float) -> None:
        """Scroll to the lines written at a time (seconds since 1970)."""
        if self.display and self._window is not NO_WINDOW:
            self._ask(Destination("time", number=seconds))

    # --- searching

    def search(self, text: str) -> None:
        """Search for a text from the bottom upwards; an empty text ends the search."""
        if text == self._searched:
            return
        self._searched, self._scroll.target = text, None
        if self._only:
            self._only = text
            self._ask_here()
        elif text:
            self._ask(Destination("text", self._scroll.below, text=text))
        elif self._query is not None and self._query.destination.kind == "text":
            self._ask_here()
        self._draw()

    def go_to_match(self, direction: int) -> bool:
        """Go to the next (1) or previous (-1) match; returns True if a search is active."""
        if not self._searched:
            return False
        scroll = self._scroll
        start = scroll.target or (scroll.top_place if direction > 0 else scroll.below)
        self._ask(Destination("text", start, text=self._searched, direction=direction))
        return True

    def give_up(self) -> bool:
        """End a search or filter and clear the highlights; returns True if there were any."""
        if self._busy is None and not self._only and not self._searched:
            return False
        self._only, self._searched, self._scroll.target, self._busy = "", "", None, None
        self._ask_here()
        self._draw()
        return True

    def action_filter(self) -> None:
        """Show only matching lines, or all lines."""
        if not self._searched and not self._only:
            self._notify_briefly("search with / first; then & shows only matching lines")
            return
        self._only = "" if self._only else self._searched
        self._ask_here()

    def action_error(self) -> None:
        """Go to the last error, then to earlier ones."""
        again = self._query is not None and self._query.destination.kind == "error"
        self._only = ""
        start = (self._scroll.target if again else None) or ENDING
        self._ask(Destination("error", start))

    def action_follow(self) -> None:
        """Follow the end of the log, or stop following."""
        was_following = self.following
        if was_following:
            self._scroll.following = False
            self._draw()
        else:
            self.action_end(1)
        self._notify_briefly("stopped following" if was_following else "following the log's end")

    def action_wrap(self) -> None:
        """Wrap or truncate long lines."""
        self.wrapping = not self.wrapping
        self._draw()
        self._notify_briefly(f"long lines are {'wrapped' if self.wrapping else 'truncated'}")

    def action_times(self) -> None:
        """Show or hide timestamps."""
        self.timed = not self.timed
        self._draw()

    def _notify_briefly(self, text: str) -> None:
        self.notify(text, timeout=NOTICE_SECONDS)
