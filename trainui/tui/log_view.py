"""The log pane: follows the end, scrolls, searches and filters over the whole length.

It reads a window of lines around the visible ones, and the next one before the edge is reached.

Visible rows are made from the top line downwards or from the end backwards, so the cost does not
depend on the file's length or on how its lines wrap.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable
from datetime import datetime
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.message import Message

from trainui.clock import SECOND
from trainui.control.log_windows import BEGINNING, ENDING, LogLine, LogPosition, errors
from trainui.formatting import size
from trainui.record import dataclass
from trainui.tui import styled_text
from trainui.tui.keymap import bindings
from trainui.tui.line_view import LinesView
from trainui.tui.log_window import (
    NO_WINDOW,
    Destination,
    LogReader,
    LogReaderThread,
    LogSource,
    LogWindow,
    WindowQuery,
)
from trainui.tui.styled_text import (
    Row,
    Segment,
    cut,
    fit,
    marked,
    plain,
    restyled,
    width_of,
    wrap_row,
)

CACHED = 2000
"""Size of the cache of rendered lines."""

STDERR = "▎"
"""Marks stderr lines when both streams are shown."""

NOTICE_SECONDS = 1.5
"""Seconds for which a notification may cover the end of the log."""

MARGIN = 150
"""Read ahead when fewer lines than this are left in the scroll direction."""

THUMB = "▐"
"""The scrollbar thumb in the last column."""


@dataclass(frozen=True, slots=True)
class LogStyle:
    """Options for rendering lines."""

    width: int = 80
    wrapped: bool = True
    timed: bool = False
    both: bool = False
    """True if lines of both streams are mixed."""
    searched: str = ""
    """The search text to highlight."""


class LogRows:
    """Renders lines as rows, with a cache."""

    def __init__(self) -> None:
        self._style = LogStyle()
        self._pattern: re.Pattern[str] | None = None
        self._errors = errors()
        self._known: dict[tuple[str, bool, int | None, bool], list[Row]] = {}

    def set_style(self, style: LogStyle) -> None:
        """Set the options, and clear the cache if they differ."""
        if style != self._style:
            self._style, sought = style, style.searched
            self._pattern = re.compile(re.escape(sought), re.IGNORECASE) if sought else None
            self._known.clear()

    def of(self, line: LogLine, target: LogPosition | None) -> list[Row]:
        """Return a line's rows, at least one; the current match is highlighted most strongly."""
        time = line.time if self._style.timed else None
        key = (line.text, line.of_stderr, time, line.place == target)
        rows = self._known.get(key)
        if rows is None:
            if len(self._known) >= CACHED:
                self._known.clear()
            rows = self._known[key] = self._made(*key)
        return rows

    def _made(self, text: str, of_stderr: bool, time: int | None, targeted: bool) -> list[Row]:
        style = self._style
        gutter = [Segment(STDERR if of_stderr else " ", "warn")] if style.both else []
        room = max(style.width - len(gutter) - (9 if style.timed else 0), 10)
        row = styled_text.coloured(text)
        # before wrapping, so that a match across a break is marked in both pieces
        if self._errors.matches(text):
            targeted_error = targeted and self._pattern is None
            row = restyled(row, [(0, len(plain(row)))], "match" if targeted_error else "bad")
        if self._pattern is not None:
            row = marked(row, self._pattern, "match" if targeted else "key")
        pieces = wrap_row(row, room) if style.wrapped else [cut(row, room)]
        if not style.timed:
            return [(*gutter, *piece) for piece in pieces]
        stamps = [Segment(f"{_clock(time):<9}", "dim"), *[Segment(" " * 9)] * (len(pieces) - 1)]
        return [(stamp, *gutter, *piece) for stamp, piece in zip(stamps, pieces, strict=True)]


def _clock(time: int | None) -> str:
    return "" if time is None else f"{datetime.fromtimestamp(time / SECOND):%H:%M:%S}"


class LogScroll:
    """A scroll position in a window of lines."""

    def __init__(self) -> None:
        self.rows = LogRows()
        self.window = NO_WINDOW
        """The lines read around the position."""
        self.following = True
        """True if the view follows the end of the log."""
        self.target: LogPosition | None = None
        """The line of the current match."""
        self._places: list[LogPosition] = []
        self._top, self._skip = 0, 0
        """Index of the top line, and how many of its rows are scrolled out above."""
        self._bottom = 0
        """Index of the bottom line."""

    @property
    def top_place(self) -> LogPosition:
        """The position of the top line."""
        return next(iter(self._places[self._top :]), ENDING)

    @property
    def below(self) -> LogPosition:
        """The position after the bottom line."""
        return next(iter(self._places[self._bottom + 1 :]), ENDING)

    @property
    def is_at_start(self) -> bool:
        """True if the first row of the log is at the top."""
        return self.window.at_start and not self._top and not self._skip

    @property
    def where(self) -> tuple[int, int]:
        """The top line and its row; changes when the view scrolls."""
        return self._top, self._skip

    def set_window(self, window: LogWindow) -> None:
        """Replace the window; call `stay` or `go_to` next to set the top."""
        self.window = window
        self._places = [line.place for line in window.lines]

    def stay(self, top: LogPosition) -> None:
        """Keep this line at the top."""
        self._top = bisect_left(self._places, top)
        if self.top_place != top:
            self._skip = 0

    def go_to(self, place: LogPosition, *, above: int = 0) -> None:
        """Scroll a line to the top, with `above` rows of context above it."""
        self.following = False
        self._top, self._skip = bisect_left(self._places, place), 0
        self.scroll(-above)

    def scroll(self, count: int) -> None:
        """Scroll by rows, within the window."""
        self._skip += count
        while self._skip < 0 and self._top > 0:
            self._top -= 1
            self._skip += len(self._rows_of(self._top))
        self._skip = max(self._skip, 0)
        while self._top < len(self._places) - 1:
            rows = len(self._rows_of(self._top))
            if self._skip < rows:
                break
            self._skip -= rows
            self._top += 1

    def seen(self, height: int) -> list[Row]:
        """Return the visible rows, at most `height`."""
        return self._from_end(height) if self.following else self._from_top(height)

    def _from_top(self, height: int) -> list[Row]:
        seen: list[Row] = []
        at = self._top
        while at < len(self._places) and len(seen) < height:
            rows = self._rows_of(at)
            seen += rows[min(self._skip, len(rows) - 1) :] if at == self._top else rows
            at += 1
        window = self.window
        if len(seen) < height and (window.at_end or window.scanned is not None):
            return self._from_end(height)
        self._bottom = max(at - 1, 0)
        return seen[:height]

    def _from_end(self, height: int) -> list[Row]:
        seen: list[Row] = []
        self._bottom = at = len(self._places) - 1
        while at >= 0 and len(seen) < height:
            seen = [*self._rows_of(at), *seen]
            at -= 1
        self._top, self._skip = at + 1, max(len(seen) - height, 0)
        return seen[self._skip :]

    def _rows_of(self, index: int) -> list[Row]:
        return self.rows.of(self.window.lines[index], self.target)

    def left(self, direction: int) -> int:
        """Return how many lines of the window are left in a direction."""
        return self._top if direction < 0 else len(self._places) - self._bottom

    def fraction(self) -> float:
        """Return the fraction of the logs up to the bottom line."""
        window = self.window
        if not window.lines or not window.size:
            return 1.0
        return min(window.lines[self._bottom].position / window.size, 1.0)

    def thumb_row(self, height: int) -> int:
        """Return the row of the scrollbar thumb; -1 if everything is visible."""
        window = self.window
        is_whole = window.at_start and window.at_end
        if not window.lines or (is_whole and self._bottom - self._top + 1 >= len(window.lines)):
            return -1
        return min(int(self.fraction() * height), height - 1)


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
        self.reader_of: Callable[[str, Callable[[LogWindow], object]], LogReader | None]
        """Returns what reads logs on a box; set by the page."""
        self._own_reader = LogReaderThread(self._deliver)
        self._reader: LogReader = self._own_reader
        """The reader of the source: of this machine, or of a box."""
        self._box = ""
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
        self._choose_reader("" if source is None else source.box)
        if source is None or before is None or before.directory != source.directory:
            self._scroll.following, self._only = True, ""
            self._scroll.set_window(NO_WINDOW)
            self._ask(Destination())
        elif before != source:
            self._ask_here()
        self._draw()

    def _deliver(self, window: LogWindow) -> None:
        self.post_message(self.Read(window))

    def on_unmount(self) -> None:
        """Stop the readers."""
        self._reader.stop()
        self._own_reader.stop()

    def _choose_reader(self, box: str) -> None:
        """Read on a box from now on; empty: on this machine."""
        if box == self._box:
            return
        self._reader.set_query(None)
        found = self.reader_of(box, self._deliver) if box else None
        self._box, self._reader = box, found or self._own_reader

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

    def copied(self, text: str) -> str:
        """Return a selected text without the thumb of the scrollbar, which is no part of a line."""
        return "\n".join(line.removesuffix(THUMB).rstrip() for line in text.split("\n"))

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
