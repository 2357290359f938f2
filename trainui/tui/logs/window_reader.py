"""Log queries, and the reader that answers them with windows of lines.

A search through a large file reports its progress and can be stopped at every page.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

from trainui.clock import SECOND
from trainui.control.logs import directory
from trainui.control.logs.attempt_log import BEGINNING, ENDING, AttemptLog, LogLine, LogPosition
from trainui.control.logs.matcher import Matcher, errors

AROUND = 400
"""Number of lines read before and after the target."""

PROGRESS = 0.25
"""Seconds between two progress reports of a search."""

Stream = Literal["stdout", "stderr"]
Kind = Literal["place", "time", "part", "text", "error"]


@dataclass(frozen=True, slots=True)
class LogSource:
    """The logs to show."""

    directory: str
    """The attempt's directory."""
    streams: tuple[Stream, ...] = ("stdout", "stderr")
    live: bool = False
    """True if they may still grow."""
    attempt_id: int = 0
    host: str = ""
    """The host they are on; empty: this one."""


@dataclass(frozen=True, slots=True)
class VisibleRange:
    """The target to scroll to: a position, a time, a fraction, a match or an error."""

    kind: Kind = "place"
    place: LogPosition = ENDING
    """The position to read around, or where a search starts."""
    number: float = 0.0
    """A time in seconds since 1970, or a fraction of the file."""
    text: str = ""
    """The text to search for."""
    direction: int = -1
    """The search direction: 1 forwards, -1 backwards."""


@dataclass(frozen=True, slots=True)
class WindowQuery:
    """A query for the reader thread."""

    source: LogSource
    goal: VisibleRange = field(default_factory=VisibleRange)
    only: str = ""
    """Show only lines that contain this; empty: all lines."""


@dataclass(frozen=True, slots=True)
class LogWindow:
    """A window of consecutive lines, in answer to a query."""

    wish: WindowQuery
    lines: tuple[LogLine, ...] = ()
    at_start: bool = False
    """True if nothing precedes them."""
    at_end: bool = False
    """True if nothing followed them at the time of reading."""
    target: LogPosition | None = None
    """The position of the match or target."""
    found: bool = False
    """True if the target was searched for and found."""
    sizes: tuple[int, int] = (0, 0)
    """Bytes of stdout and of stderr."""
    size: int = 0
    """Bytes of the shown logs."""
    generation: int = 0
    """Changes when a file was replaced; positions are invalid then."""
    scanned: float | None = None
    """Progress of the read from 0 to 1; None: complete."""
    problem: str = ""
    """Why a log cannot be read."""
    note: str = ""
    """A message about the search, e.g. that it wrapped around."""


class WindowReader:
    """Answers queries, with a cache for the logs read last."""

    def __init__(self, deliver: Callable[[LogWindow], object], check: Callable[[], None]) -> None:
        """Create a reader.

        Args:
            deliver: called with each window.
            check: called at every page; it may raise to stop.
        """
        self._deliver = deliver
        self._check = check
        self._book: AttemptLog | None = None
        self._source: LogSource | None = None
        self._finders: dict[str, Matcher] = {}
        self._generation = 0
        self._told_at = 0.0
        self._window = LogWindow(WindowQuery(LogSource("")))
        self._before: list[LogLine] = []
        self._after: list[LogLine] = []

    def has_changed(self) -> bool:
        """Return True if the logs have grown or were replaced."""
        return self._book is not None and self._book.look()

    def answer(self, wish: WindowQuery, *, again: bool = False) -> None:
        """Answer a query and deliver the window.

        Args:
            wish: the query.
            again: a refresh after growth: keep the last position instead of searching again.
        """
        book = self._open(wish.source)
        goal = wish.goal
        last = self._window
        if again and goal.kind != "place":
            goal = VisibleRange(place=last.target or ENDING)
        self._window = LogWindow(
            wish,
            sizes=book.sizes,
            size=book.size,
            generation=book.generation,
            problem=book.problem,
        )
        self._told_at = time.monotonic()
        self._before, self._after = [], []
        place, found, note = self._seek(book, goal)
        self._window = replace(
            self._window, target=place, found=found and not again, note="" if again else note
        )
        if place is not None:
            self._read_around(book, place, self._finder(wish.only) if wish.only else None)
        else:
            self._window = replace(last, wish=wish, found=False, note=note, scanned=None)
        self._deliver(self._window)

    def _open(self, source: LogSource) -> AttemptLog:
        known = self._source
        if (
            self._book is None
            or known is None
            or (known.directory, known.streams) != (source.directory, source.streams)
        ):
            self._book = AttemptLog(
                directory.find(source.directory, source.attempt_id, source.host), source.streams
            )
            self._finders.clear()
            self._window = LogWindow(WindowQuery(source))
        self._source = source
        self._book.look()
        if self._book.generation != self._generation:
            self._generation = self._book.generation
            self._finders.clear()
        return self._book

    def _seek(self, book: AttemptLog, goal: VisibleRange) -> tuple[LogPosition | None, bool, str]:
        """Return the position to read around, whether it was searched for, and a message."""
        if goal.kind == "time":
            return book.place_at_time(int(goal.number * SECOND)), True, ""
        if goal.kind == "part":
            return book.place_at(goal.number), False, ""
        if goal.kind == "place":
            return goal.place, False, ""
        finder = self._finder(goal.text)
        for start, note in _starts(goal):
            found = next(book.lines(start, goal.direction, finder, self._on_page), None)
            if found is not None:
                return found.place, True, note
        return None, False, f"no {goal.text!r} in this log" if goal.text else "no error in this log"

    def _finder(self, text: str) -> Matcher:
        """Return the cached matcher for a text; empty text: for errors."""
        if text not in self._finders:
            if len(self._finders) >= 8:
                self._finders.clear()
            self._finders[text] = Matcher(text) if text else errors()
        return self._finders[text]

    def _read_around(self, book: AttemptLog, place: LogPosition, only: Matcher | None) -> None:
        """Read the lines before a position, and those from it on."""
        at_start = self._take(self._before, book.lines(place, -1, only, self._on_page))
        just_before = (*place[:3], place[3] - 1)
        at_end = self._take(self._after, book.lines(just_before, 1, only, self._on_page))
        self._window = replace(self._so_far(), at_start=at_start, at_end=at_end)

    def _so_far(self) -> LogWindow:
        return replace(self._window, lines=(*reversed(self._before), *self._after))

    @staticmethod
    def _take(taken: list[LogLine], lines: Iterator[LogLine]) -> bool:
        """Collect up to `AROUND` lines; returns True if there were no more."""
        for line in lines:
            taken.append(line)
            if len(taken) == AROUND:
                return False
        return True

    def _on_page(self, part: float) -> None:
        self._check()
        now = time.monotonic()
        if now - self._told_at > PROGRESS:
            self._told_at = now
            self._deliver(replace(self._so_far(), scanned=part))


def _starts(goal: VisibleRange) -> Iterator[tuple[LogPosition, str]]:
    """Yield where a search starts, and where it continues after wrapping around."""
    yield goal.place, ""
    if goal.direction > 0:
        yield BEGINNING, "from the start again"
    else:
        yield ENDING, "from the end again"
