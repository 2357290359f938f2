"""Search patterns over logs, with a cache of pages that are known not to match."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from trainui.text import harmless

_COLOURS = re.compile(r"\x1b\[[0-9;:]*m")


def without_colours(text: str) -> str:
    """Return a line of a log as it is shown, without its colours."""
    if text.isascii() and text.isprintable():
        return text.rstrip()
    return harmless(_COLOURS.sub("", text).expandtabs()).rstrip()


class Matcher:
    """A search pattern, and the pages known not to contain it."""

    def __init__(self, text: str = "", *, words: Sequence[bytes] = (), line: str = "") -> None:
        """Search for a text (case-insensitive), or for lines that match a pattern.

        Every line that matches the regular expression `line` contains one of `words`, which are
        used to skip pages.
        """
        self.key = text or line
        self._pattern = re.compile(line or re.escape(text), 0 if line else re.IGNORECASE)
        self._words = tuple(words)
        self._folded = text.casefold()
        self._without = (bytearray(), bytearray())
        """By stream and page: 1 if the page is known not to match."""

    def matches(self, line: str) -> bool:
        """Return True if a line matches."""
        return self._pattern.search(without_colours(line)) is not None

    def may_be_in(self, rank: int, page: int, read: Callable[[], bytes], *, whole: bool) -> bool:
        """Return True if a page of a stream may match: a cheap test; its negative result is cached.

        `whole`: the page is complete, so that nothing will be appended.
        """
        without = self._without[rank]
        if page < len(without) and without[page]:
            return False
        found = self._is_in(read())
        if not found and whole:
            without.extend(bytes(max(page + 1 - len(without), 0)))
            without[page] = 1
        return found

    def _is_in(self, data: bytes) -> bool:
        if self._words:
            return any(word in data for word in self._words)
        if b"\x1b" in data:
            data = re.sub(rb"\x1b\[[0-9;:]*m", b"", data)
        if self._folded.isascii():
            return self._folded.encode() in data.lower()
        return self._folded in data.decode("utf-8", "replace").casefold()


ERROR_WORDS = (b"rror", b"xception", b"ut of memory", b"illed", b"fault", b"nterrupt", b"FATAL",
               b"atal", b"anic", b"core dumped")  # fmt: skip
ERROR_LINE = (
    r"^\W*(?:\w+\W+)?[\w.]*(?:Error|Exception|Interrupt)(?::|$)"
    r"|out of memory|[Ss]egmentation fault|\b(?:FATAL|fatal)\b|^Killed|\b[Ee]rror:|core dumped"
    r"|^panic:"
)


def errors() -> Matcher:
    """Return a matcher for error lines, e.g. the last line of a traceback."""
    return Matcher(words=ERROR_WORDS, line=ERROR_LINE)
