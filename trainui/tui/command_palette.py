"""The commands of the command palette: the actions of keys, and runs, stages and metrics."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from trainui.tui.host import host_of
from trainui.tui.keymap import Key
from trainui.tui.page import Jump, Page


class KeyCommands(Provider):
    """Provides the actions of the current page's keys as commands."""

    async def discover(self) -> Hits:
        """Yield all commands, before anything is typed."""
        for key in self._keys():
            yield DiscoveryHit(_title(key), partial(self._do, key), key.tooltip)

    async def search(self, query: str) -> Hits:
        """Yield the commands that match the query."""
        matcher = self.matcher(query)
        for key in self._keys():
            score = max(matcher.match(key.tooltip), matcher.match(key.label))
            if score > 0:
                title = Content.assemble(matcher.highlight(key.tooltip), f"  {key.shown}")
                yield Hit(score, title, partial(self._do, key), key.tooltip)
        for kind, name, go in self._jumps(query.casefold()):
            if (score := matcher.match(name)) > 0:
                yield Hit(
                    score, Content.assemble((f"{kind}  ", "$accent"), matcher.highlight(name)), go
                )

    def _jumps(self, text: str) -> Iterator[Jump]:
        """Return the places whose names contain a text; only these are scored, for speed."""
        found = self.screen.jumps() if isinstance(self.screen, Page) else iter(())
        return (jump for jump in found if text in jump.name.casefold())

    def _keys(self) -> Iterator[Key]:
        scopes = getattr(self.screen, "command_scopes", ("app",))
        return (key for key in host_of(self.screen).keys.of(*scopes) if key.command)

    def _do(self, key: Key) -> None:
        """Simulate the key, with the focus on a widget that handles it."""
        if isinstance(self.screen, Page):
            self.screen.prepare_for(key.scope)
        self.app.simulate_key(key.keys.split(",")[0].strip())


def _title(key: Key) -> Content:
    return Content.assemble(key.tooltip, "  ", (key.shown, "$accent"))
