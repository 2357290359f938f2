"""The commands of the command palette: the actions of keys, and runs, stages and metrics."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from trainui.tui.app_interface import app_of
from trainui.tui.keymap import SCOPES, Key
from trainui.tui.page import Jump, Page

PLACEHOLDER = "type an action, or the name of a run, a stage or a metric"

LEAST_SCORE = 0.01
"""The score of a command whose words match in another order."""

KEY, TOOLTIP = 12, 68
"""Widths of the columns with the keys and the descriptions, in characters."""

WITH_SCOPE = 110
"""Terminal width in columns from which a line says where its key works."""


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
                yield Hit(score, Content.assemble((f"{kind:<{KEY}}", "$accent"), found), go)

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
        where = SCOPES[key.scope] if self.screen.size.width >= WITH_SCOPE else ""
        text = tooltip.pad_right(max(TOOLTIP - tooltip.cell_length, 2)) if where else tooltip
        return Content.assemble((f"{key.shown:<{KEY}}", "$accent"), text, (where, "dim"))

    def _do(self, key: Key) -> None:
        """Simulate the key, with the focus on a widget that handles it."""
        if isinstance(self.screen, Page):
            self.screen.prepare_for(key.scope)
        self.app.simulate_key(key.keys.split(",")[0].strip())
