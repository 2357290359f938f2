"""Widgets that pages share: lists with a cursor, dialogs, bars of one line, the strip of GPUs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import groupby
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input

from trainui.text import harmless
from trainui.tui.keymap import Key
from trainui.tui.line_view import LinesView, RowsView
from trainui.tui.snapshot import GpuFigures
from trainui.tui.styled_text import Row, Segment, cut, spread, width_of

Item = TypeVar("Item")

FRAME = 7
"""Cells of the border, the padding and the scrollbar of a dialog."""

FRAME_HEIGHT = 4
"""Lines of the border and the padding of a dialog."""

GPU_LINES = 2
"""Maximum number of lines of the strip of GPUs."""

GPU_CELLS = 25
"""Minimum width in cells of one GPU; below it, those of other hosts are summed up."""

SOME_ROOM, MORE_ROOM = 34, 48
"""Minimum cells of one GPU to show its total memory (else a second line is used), and its
temperature and power."""

RESERVED = 5.0
"""Seconds for which the strip keeps the lines of the GPUs of last time free."""


class CursorView(LinesView):
    """A view of rows with a cursor on one of them; unselectable rows are skipped."""

    redraws_all: ClassVar[bool] = False
    """True if other rows than the one under the cursor depend on its place."""

    class Moved(Message):
        """The cursor has moved to another row."""

    class Opened(Message):
        """The row under the cursor was opened, by a key or a double click."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.cursor = -1
        """Index of the row under the cursor, moved by `move_cursor`; -1 if there is none."""

    def selectable(self, index: int) -> bool:
        """Return True if the cursor may be on a row."""
        return index >= self.fixed_rows()

    def cursor_row(self, index: int) -> int:
        """Return the row that the cursor goes to by a click on a row."""
        return index

    def row_style(self, index: int) -> str:
        """Return the cursor's style for the row under it."""
        if index != self.cursor:
            return ""
        return "cursor" if self.has_focus else "cursor-blurred"

    def move_cursor(self, index: int, *, post: bool = True) -> None:
        """Move the cursor to a row, or to none (-1); `post` posts `Moved`."""
        before, self.cursor = self.cursor, index
        self.update_rows(*(() if self.redraws_all else (before, index)))
        if index >= 0:
            self.show_row(index)
        if index != before and post:
            self.post_message(self.Moved())

    def watch_has_focus(self, has_focus: bool) -> None:
        """Redraw the cursor for the new focus state."""
        super().watch_has_focus(has_focus)
        self.update_rows(self.cursor)

    def on_click(self, event: events.Click) -> None:
        """Move the cursor; a double click opens the row."""
        index = self.row_under(event)
        if index is None or not self.selectable(index := self.cursor_row(index)):
            return
        if index == self.cursor and event.chain > 1:
            self.post_message(self.Opened())
        else:
            self.move_cursor(index)

    def action_line(self, count: int) -> None:
        """Move by rows."""
        direction = 1 if count > 0 else -1
        index = self.cursor
        for _ in range(abs(count)):
            index = self._next(index, direction)
        self.move_cursor(index)

    def action_end(self, direction: int) -> None:
        """Move to the first or the last row."""
        start = self.row_count() if direction > 0 else -1
        found = self._next(start, -direction)
        self.move_cursor(found if found != start else -1)

    def action_open(self) -> None:
        """Open the row under the cursor."""
        if self.cursor >= 0:
            self.post_message(self.Opened())

    def _next(self, index: int, direction: int) -> int:
        """Return the next selectable row, or the same index if there is none."""
        found = index + direction
        while 0 <= found < self.row_count():
            if self.selectable(found):
                return found
            found += direction
        return index


class Entry(NamedTuple, Generic[Item]):
    """A line of an `EntryView`."""

    row: Row
    item: Item | None = None
    """What the line stands for; None: the cursor skips it."""


class EntryView(CursorView, Generic[Item]):
    """A view of lines, with a cursor on those that stand for an item; without any, they scroll."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.entries: Sequence[Entry[Item]] = ()

    @property
    def selected(self) -> Item | None:
        """The item under the cursor."""
        return self.entries[self.cursor].item if 0 <= self.cursor < len(self.entries) else None

    def set_entries(self, entries: Sequence[Entry[Item]], first: Item | None = None) -> None:
        """Show these lines; the cursor stays on its item, else goes to `first`, else to any."""
        kept, self.entries = self.selected, entries
        items = [entry.item for entry in entries]
        known = (item for item in (kept, first, *items) if item is not None and item in items)
        item = next(known, None)
        places = [at for at, one in enumerate(items) if item is not None and one == item]
        self.update_rows()
        # lines may share an item, e.g. the GPUs of one stage
        nearest = min(places, key=lambda at: abs(at - self.cursor), default=-1)
        if nearest != self.cursor:
            self.move_cursor(nearest, post=False)

    def row_count(self) -> int:
        """Return how many lines there are."""
        return len(self.entries)

    def row(self, index: int, width: int) -> Row:  # noqa: ARG002 (they were made for the width)
        """Return a line."""
        return self.entries[index].row

    def selectable(self, index: int) -> bool:
        """Return True if the line stands for an item."""
        return 0 <= index < len(self.entries) and self.entries[index].item is not None

    def on_resize(self) -> None:
        """Redraw everything for the new width, and keep the cursor in view."""
        super().on_resize()
        if self.cursor >= 0:
            self.show_row(self.cursor)

    def action_line(self, count: int) -> None:
        """Move by items; past the last one scroll."""
        before = self.cursor
        super().action_line(count)
        if self.cursor == before:
            self.scroll_to(y=self.scroll_offset.y + count, animate=False)


Result = TypeVar("Result")


class Dialog(ModalScreen[Result]):
    """The base of dialogs; on its own, it has lines that scroll."""

    DEFAULT_CSS = """
    Dialog {
        align: center middle;
        & > Vertical {
            max-width: 96%;
            height: auto;
            max-height: 92%;
            border: round $border;
            border-title-color: $foreground;
            border-title-style: bold;
            border-subtitle-color: $dim;
            background: $surface;
            padding: 1 2;
        }
        RowsView { height: auto; max-height: 100%; background: $surface; }
    }
    """

    def compose(self) -> ComposeResult:
        """Build the lines."""
        with Vertical():
            yield RowsView()

    def show_titles(self, title: str, subtitle: str = "") -> None:
        """Show a title in the upper edge and another in the lower one, and focus the lines."""
        box = self.query_one(Vertical)
        box.border_title, box.border_subtitle = Content(title), Content(subtitle)
        self.query_one(RowsView).focus()

    @property
    def room(self) -> int:
        """The most cells that a line can have."""
        return self.app.size.width * 96 // 100 - FRAME


class SearchBar(Input):
    """Searches incrementally; enter keeps the matches, esc clears them."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "give_up", "clear")]

    DEFAULT_CSS = """
    SearchBar {
        height: 1;
        border: none;
        padding: 0 1;
        background: $panel;
        &:focus { border: none; background: $panel; }
    }
    """

    class Closed(Message):
        """The search bar was closed."""

        def __init__(self, pane: Widget | None, text: str) -> None:
            super().__init__()
            self.pane = pane
            """The widget that had the focus before."""
            self.text = text
            """The text to keep searching for; empty: end the search."""

    def __init__(self) -> None:
        super().__init__(
            placeholder="type to filter or search; enter keeps, esc clears", select_on_focus=False
        )
        self.cursor_blink = False
        self.display = False
        self.pane: Widget | None = None
        """The widget that had the focus before."""

    def open(self, pane: Widget | None, text: str) -> None:
        """Show and focus the bar immediately; the next key replaces the text of before."""
        self.pane = pane
        self.value = text
        self.select_all()
        self.display = True
        self.screen.set_focus(self)

    def action_give_up(self) -> None:
        """Close and clear the search."""
        self._close("")

    async def action_submit(self) -> None:
        """Close and keep the matches."""
        self._close(self.value if self.value.strip() else "")

    def _close(self, text: str) -> None:
        self.display = False
        page: Any = self.screen
        # directly: a message would come after the next key, which this hidden bar would take
        page.on_search_bar_closed(self.Closed(self.pane, text))


class Bar(LinesView, can_focus=False):
    """A line with left-aligned and right-aligned content."""

    DEFAULT_CSS = """
    Bar { height: 1; overflow: hidden; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._left: Row = ()
        self._right: Row = ()

    def show(self, left: Row, right: Row = ()) -> None:
        """Set the content."""
        self._left, self._right = left, right
        self.update_rows()

    def row(self, index: int, width: int) -> Row:  # noqa: ARG002 (there is one line)
        """Return the line."""
        return spread(self._left, self._right, width)


class KeyBar(LinesView, can_focus=False):
    """The keys for the focused widget; a click on one presses it."""

    DEFAULT_CSS = """
    KeyBar { height: 1; overflow: hidden; background: $surface; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._keys: Sequence[Key] = ()
        self._idle: Collection[str] = ()
        """Ids of the keys that would do nothing now; they are dim and stay in their places."""
        self._note: Row = ()

    def note(self, note: Row) -> None:
        """Show a note instead of the keys; empty: the keys."""
        self._note = note
        self.update_rows()

    def show(self, keys: Sequence[Key], idle: Collection[str] = ()) -> None:
        """Show these keys, dim those with an id in `idle`; the last two are never omitted."""
        self._keys, self._idle = tuple(keys), idle
        self.update_rows()

    def row(self, index: int, width: int) -> Row:  # noqa: ARG002 (there is one line)
        """Return the keys that fit, or the note."""
        if self._note:
            return cut(self._note, width)
        spans: list[Segment] = []
        for key in self._fitting(width):
            style = "dim" if key.id in self._idle else "key"
            spans += [Segment(f" {key.short}", style), Segment(f" {key.label} ", "dim")]
        return tuple(spans)

    def _fitting(self, width: int) -> list[Key]:
        first, last = list(self._keys[:-2]), list(self._keys[-2:])
        while first and sum(_key_cells(key) for key in (*first, *last)) > width:
            first.pop()
        return [*first, *last]

    async def on_click(self, event: events.Click) -> None:
        """Press the clicked key."""
        if self._note:
            return
        at = event.x
        for key in self._fitting(self.size.width):
            at -= _key_cells(key)
            if at < 0:
                self.app.simulate_key(key.keys.split(",")[0])
                return


def _key_cells(key: Key) -> int:
    return cell_len(key.short) + cell_len(key.label) + 3


class GpuStrip(LinesView, can_focus=False):
    """Shows the GPUs; hidden if there are none.

    Their figures come after the first frame: until then the lines that they took last time are
    free, so that nothing below them moves.
    """

    DEFAULT_CSS = """
    GpuStrip { height: 1; overflow: hidden; display: none; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._figures: Sequence[GpuFigures] = ()
        self._holders: Mapping[tuple[str, int], str] = {}
        self._expected: Sequence[GpuFigures] = ()
        """As many as last time."""

    def expect(self, count: int) -> None:
        """Keep the lines of so many GPUs free until their figures are read."""
        if count and not self._figures:
            self._expected = [GpuFigures(index, None) for index in range(count)]
            self.display = True
            self.on_resize()
            self.set_timer(RESERVED, self._give_up)

    def _give_up(self) -> None:
        self._expected = ()
        self.display = bool(self._figures)

    def show(self, figures: Sequence[GpuFigures], holders: Mapping[tuple[str, int], str]) -> None:
        """Show these GPUs, each with the name of our stage that uses it, if one does."""
        if (figures, holders) == (self._figures, self._holders):
            return
        self._figures, self._holders = figures, holders
        self.display = bool(figures or self._expected)
        self.on_resize()
        self.update_rows()

    def on_resize(self) -> None:
        """Set the height needed at this width."""
        lines = self._lines(self.app.size.width)
        if self.styles.height is None or self.styles.height.value != lines:
            self.styles.height = lines

    def _lines(self, width: int) -> int:
        return len(strip_rows(self._figures or self._expected, self._holders, width))

    def row_count(self) -> int:
        """Return how many lines there are."""
        return self._lines(self.size.width)

    def row(self, index: int, width: int) -> Row:
        """Return a line."""
        if not self._figures:
            return ()
        return strip_rows(self._figures, self._holders, width)[index]


def strip_rows(
    figures: Sequence[GpuFigures], holders: Mapping[tuple[str, int], str], width: int
) -> list[Row]:
    """Return columns of equal width; if not all fit, each other host is one column with totals."""
    columns: list[list[GpuFigures]] = [[gpu] for gpu in figures]
    if len(columns) * GPU_CELLS > GPU_LINES * width:
        columns = [[gpu] for gpu in figures if not gpu.host]
        far = [gpu for gpu in figures if gpu.host]
        columns += [list(those) for _, those in groupby(far, key=lambda gpu: gpu.host)]
    lines = max(1, min(GPU_LINES, -(-len(columns) * SOME_ROOM // max(width, 1))))
    in_line = max(-(-len(columns) // lines), 1)
    drawn = [_gpu_column(column, holders, width // in_line) for column in columns]
    return [
        tuple(span for spans in drawn[line * in_line : (line + 1) * in_line] for span in spans)
        for line in range(lines)
    ]


def _gpu_column(
    gpus: Sequence[GpuFigures], holders: Mapping[tuple[str, int], str], cells: int
) -> list[Segment]:
    if len(gpus) == 1:
        return _gpu(gpus[0], holders.get(gpus[0].place), cells)
    share = round(sum(gpu.utilisation or 0 for gpu in gpus) / len(gpus))
    free = sum(gpu.user is None and gpu.place not in holders for gpu in gpus)
    host = Segment(f" {harmless(gpus[0].host)} ", "dim")
    busy = Segment(f"{share:3d}%", "good" if share else "dim")
    return _filled(
        [host, busy, Segment(f" {free} of {len(gpus)} free", "" if free else "dim")], cells
    )


def _gpu(gpu: GpuFigures, holder: str | None, cells: int) -> list[Segment]:
    label = f" GPU {gpu.index} " if cells >= GPU_CELLS else f" {gpu.index} "
    if gpu.host:
        label = f" {harmless(gpu.host)}:{gpu.index} "
    if gpu.problem:
        return _filled([Segment(label, "dim"), Segment(f"▲ {gpu.user}", "bad")], cells)
    busy = "  – " if gpu.utilisation is None else f"{gpu.utilisation:3d}%"
    spans = [Segment(label, "dim"), Segment(busy, "good" if gpu.utilisation else "dim")]
    spans += [Segment(f" {part}", "dim") for part in _gpu_numbers(gpu, cells)]
    if gpu.warning:
        spans.append(Segment(" ▲", "bad"))
    style = "" if holder else "warn" if gpu.user else "dim"
    return _filled([*spans, Segment(f" {harmless(holder or gpu.user or 'free')}", style)], cells)


def _gpu_numbers(gpu: GpuFigures, cells: int) -> list[str]:
    found = []
    if gpu.memory_used is not None:
        total = f"/{gpu.memory_total}" if cells >= SOME_ROOM else ""
        found.append(f"{gpu.memory_used}{total}G".rjust(len(f"{gpu.memory_total}{total}G")))
    if cells >= MORE_ROOM and gpu.temperature is not None:
        found.append(f"{gpu.temperature}°C")
    if cells >= MORE_ROOM and gpu.power is not None:
        found.append(f"{gpu.power}W")
    return found


def _filled(spans: list[Segment], cells: int) -> list[Segment]:
    """Truncate or pad segments to an exact width, with a gap at the end."""
    kept = cut(tuple(spans), cells - 1)
    return [*kept, Segment(" " * (cells - width_of(kept)))]
