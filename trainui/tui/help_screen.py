"""What can be done here: the help with the keys, and the commands of the command palette."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import groupby, zip_longest
from typing import ClassVar

from textual.binding import BindingType
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.containers import Vertical
from textual.content import Content

from trainui.tui.app_interface import app_of
from trainui.tui.keymap import SCOPES, Key, bindings
from trainui.tui.line_view import RowsView
from trainui.tui.page import Jump, Page
from trainui.tui.styled_text import Row, Segment, beside, fit, labelled, width_of, wrap
from trainui.tui.widgets import FRAME, Dialog

KEY_WIDTH, GAP, LEAST_COLUMN, MOST_WORDS = 12, 4, 48, 57
"""Cells of the keys, between two columns of bindings, the least of a column, and the most of a
description in a single one, which fits into 80."""

PLACEHOLDER = "type an action, or the name of a run, a stage or a metric"

LEAST_SCORE = 0.01
"""The score of a command whose words match in another order."""

KEY_CELLS, TOOLTIP_CELLS = 12, 68
"""Widths of the columns with the keys and the descriptions, in characters."""

SCOPE_FROM = 110
"""Terminal width in columns from which a line says where its key works."""


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
