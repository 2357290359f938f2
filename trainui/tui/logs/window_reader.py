"""What of an attempt's logs is to be seen, and how it is answered: windows of lines.

A search through a large file says how far it is and can be stopped at every page.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from trainui.clock import SECOND
from trainui.domain.file_access import Directory, LocalDirectory
from trainui.tui.logs.attempt_log import (
    BEGINNING,
    ENDING,
    AttemptLog,
    LogLine,
    LogPosition,
    Matcher,
    errors,
)

AROUND = 400
"""Lines before and after what is to be seen that are read with it."""

PROGRESS = 0.25
"""Seconds between two words on how far a search is."""

Stream = Literal["stdout", "stderr"]
Kind = Literal["place", "time", "part", "text", "error"]


@dataclass(frozen=True, slots=True)
class LogSource:
    """Which logs are to be seen."""

    directory: str
    """The attempt's."""
    streams: tuple[Stream, ...] = ("stdout", "stderr")
    live: bool = False
    """Whether they may grow."""
    attempt_id: int = 0
    host: str = ""
    """Where they lie, if not here."""


@dataclass(frozen=True, slots=True)
class VisibleRange:
    """What of the logs is to be seen."""

    kind: Kind = "place"
    place: LogPosition = ENDING
    """Around which lines are read; where a search begins."""
    number: float = 0.0
    """A time in seconds since 1970, or a part of the file."""
    text: str = ""
    """What is searched for."""
    direction: int = -1
    """Of a search: 1 forwards, -1 backwards."""


@dataclass(frozen=True, slots=True)
class WindowQuery:
    """All that has to be known to read."""

    source: LogSource
    goal: VisibleRange = field(default_factory=VisibleRange)
    only: str = ""
    """What the lines hold that are shown; empty: anything."""


@dataclass(frozen=True, slots=True)
class LogWindow:
    """Lines that stand together."""

    wish: WindowQuery
    lines: tuple[LogLine, ...] = ()
    at_start: bool = False
    """There is nothing before them."""
    at_end: bool = False
    """There was nothing after them at this moment."""
    target: LogPosition | None = None
    """The line that was looked for, or the place."""
    found: bool = False
    """Whether the target was searched for and is there."""
    sizes: tuple[int, int] = (0, 0)
    """Bytes of stdout and of stderr."""
    size: int = 0
    """Bytes of what is shown."""
    generation: int = 0
    """Where it changes the files are others, and places mean nothing any more."""
    scanned: float | None = None
    """How far the reading is; None: it is over."""
    problem: str = ""
    """Why a log is not read."""
    note: str = ""
    """What came of a search, where that is not plain."""


class WindowReader:
    """Answers wishes, keeping what it knows of the logs that were read last."""

    def __init__(self, deliver: Callable[[LogWindow], object], check: Callable[[], None]) -> None:
        """Make a reader.

        Args:
            deliver: called with each window.
            check: called at every page that is read; it may raise to stop.
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
        """Whether the logs have grown, or are others."""
        return self._book is not None and self._book.look()

    def answer(self, wish: WindowQuery, *, again: bool = False) -> None:
        """Read what is wished for and hand it over.

        Args:
            wish: what.
            again: nobody asked: the same place as last time, with what is new.
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
            self._book = AttemptLog(_directory(source), source.streams)
            self._finders.clear()
            self._window = LogWindow(WindowQuery(source))
        self._source = source
        self._book.look()
        if self._book.generation != self._generation:
            self._generation = self._book.generation
            self._finders.clear()
        return self._book

    def _seek(self, book: AttemptLog, goal: VisibleRange) -> tuple[LogPosition | None, bool, str]:
        """Return the place to read around, whether it was searched for, and what to say."""
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
        """Return what finds a text; an empty one: errors."""
        if text not in self._finders:
            if len(self._finders) >= 8:
                self._finders.clear()
            self._finders[text] = Matcher(text) if text else errors()
        return self._finders[text]

    def _read_around(self, book: AttemptLog, place: LogPosition, only: Matcher | None) -> None:
        """Read the lines before a place, and those from it on."""
        at_start = self._take(self._before, book.lines(place, -1, only, self._on_page))
        just_before = (*place[:3], place[3] - 1)
        at_end = self._take(self._after, book.lines(just_before, 1, only, self._on_page))
        self._window = replace(self._so_far(), at_start=at_start, at_end=at_end)

    def _so_far(self) -> LogWindow:
        return replace(self._window, lines=(*reversed(self._before), *self._after))

    @staticmethod
    def _take(taken: list[LogLine], lines: Iterator[LogLine]) -> bool:
        """Take as many lines as a window has on one side; returns whether there were no more."""
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
    """Yield where a search begins, and where it goes on when it has come to an end."""
    yield goal.place, ""
    if goal.direction > 0:
        yield BEGINNING, "from the start again"
    else:
        yield ENDING, "from the end again"


def _directory(source: LogSource) -> Directory:
    near = Path(source.directory)
    if not source.host or near.is_dir():
        return LocalDirectory(near)
    from trainui.control import remote_logs

    return remote_logs.directory_of(source.directory, source.attempt_id, source.host)
