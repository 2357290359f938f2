"""Rendering of log lines as rows: colours, timestamps, search matches, wrapping."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from trainui.clock import SECOND
from trainui.control.logs.attempt_log import LogLine, LogPosition, errors
from trainui.tui.render import ansi
from trainui.tui.render.styled_text import Row, Segment, cut, marked, plain, restyled, wrap_row

CACHED = 2000
"""Size of the cache of rendered lines."""

STDERR = "▎"
"""Marks stderr lines when both streams are shown."""


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
        row = ansi.coloured(text)
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
