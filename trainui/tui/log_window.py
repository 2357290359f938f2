"""Log queries, and the reader that answers them with windows of lines.

A search through a large file reports its progress and can be stopped at every page. It has a thread
of its own and not the poller's, so that it does not delay curves and states.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import field, replace
from typing import Literal, Protocol

from trainui.clock import SECOND
from trainui.control import log_files
from trainui.control.log_windows import (
    BEGINNING,
    ENDING,
    AttemptLog,
    LogLine,
    LogPosition,
    Matcher,
    errors,
)
from trainui.record import dataclass

PERIOD = 0.5
"""Seconds between two checks of growing logs; more often would overload slow connections."""

log = logging.getLogger(__name__)

AROUND = 400
"""Number of lines read before and after the target."""

PROGRESS = 0.25
"""Seconds between two progress reports of a search."""


class _StoppedError(Exception):
    """The read was superseded by a newer query."""


class LogReader(Protocol):
    """Answers log queries, of this machine or of a box."""

    def set_query(self, query: WindowQuery | None) -> None:
        """Change the query; None: read nothing."""

    def stop(self) -> None:
        """Stop reading."""


class LogReaderThread:
    """Answers log queries in a thread and delivers windows of lines."""

    def __init__(self, deliver: Callable[[LogWindow], object]) -> None:
        """Create it; `deliver` is called in the thread, which starts with the first query."""
        self._query: WindowQuery | None = None
        self._answered: WindowQuery | None = None
        self._wake = threading.Event()
        self._stopping = False
        self._reader = WindowReader(deliver, self._check)
        self._thread = threading.Thread(target=self._run, name="log feed", daemon=True)

    def set_query(self, query: WindowQuery | None) -> None:
        """Change the query; a read in progress for another query is abandoned."""
        self._query = query
        self._wake.set()
        if query is not None and self._thread.ident is None and not self._stopping:
            self._thread.start()

    def stop(self) -> None:
        """Stop the thread."""
        self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2.0)

    def _check(self) -> None:
        if self._stopping or self._query is not self._answered:
            raise _StoppedError

    def _run(self) -> None:
        while not self._stopping:
            live = self._answered is not None and self._answered.source.live
            self._wake.wait(PERIOD if live else None)
            self._wake.clear()
            before, self._answered = self._answered, self._query
            query, asked = self._answered, self._answered is not before
            try:
                if query is not None and (asked or self._reader.has_changed()):
                    self._check()
                    self._reader.answer(query, again=not asked)
            except _StoppedError:
                continue
            except Exception:
                log.exception("the log could not be read")


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
    box: str = ""
    """The box they are on, reached by ssh; empty: none."""


@dataclass(frozen=True, slots=True)
class Destination:
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
    destination: Destination = field(default_factory=Destination)
    only: str = ""
    """Show only lines that contain this; empty: all lines."""


@dataclass(frozen=True, slots=True)
class LogWindow:
    """A window of consecutive lines, in answer to a query."""

    query: WindowQuery
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


NO_WINDOW = LogWindow(WindowQuery(LogSource("")))
"""Placeholder for the lines of a log until they have been read."""


class WindowReader:
    """Answers queries, with a cache for the logs read last."""

    def __init__(self, deliver: Callable[[LogWindow], object], check: Callable[[], None]) -> None:
        """Create it; `deliver` takes each window, `check` is called at every page and may raise."""
        self._deliver = deliver
        self._check = check
        self._log: AttemptLog | None = None
        self._opened: tuple[str, tuple[Stream, ...]] = ("", ())
        """The directory and the streams of the log."""
        self._matchers: dict[str, Matcher] = {}
        self._generation = 0
        self._reported_at = 0.0
        self._window = NO_WINDOW
        self._before: list[LogLine] = []
        self._after: list[LogLine] = []

    def has_changed(self) -> bool:
        """Return True if the logs have grown or were replaced."""
        return self._log is not None and self._log.poll()

    def answer(self, query: WindowQuery, *, again: bool = False) -> None:
        """Answer a query and deliver the window; `again`, after growth, keeps the position."""
        log = self._open(query.source)
        destination = query.destination
        last = self._window
        if again and destination.kind != "place":
            destination = Destination(place=last.target or ENDING)
        self._window = LogWindow(
            query,
            sizes=log.sizes,
            size=log.size,
            generation=log.generation,
            problem=log.problem,
        )
        self._reported_at = time.monotonic()
        self._before, self._after = [], []
        place, found, note = self._seek(log, destination)
        if place is not None:
            found, note = found and not again, "" if again else note
            self._window = replace(self._window, target=place, found=found, note=note)
            self._read_around(log, place, self._matcher(query.only) if query.only else None)
        else:
            self._window = replace(last, query=query, found=False, note=note, scanned=None)
        self._deliver(self._window)

    def _open(self, source: LogSource) -> AttemptLog:
        wanted = (source.directory, source.streams)
        if self._log is None or self._opened != wanted:
            place = log_files.find(source.directory, source.attempt_id, source.host)
            self._log, self._opened = AttemptLog(place, source.streams), wanted
            self._matchers.clear()
            self._window = LogWindow(WindowQuery(source))
        self._log.poll()
        if self._log.generation != self._generation:
            self._generation = self._log.generation
            self._matchers.clear()
        return self._log

    def _seek(
        self, log: AttemptLog, destination: Destination
    ) -> tuple[LogPosition | None, bool, str]:
        """Return the position to read around, whether it was searched for, and a message."""
        if destination.kind == "time":
            return log.place_at_time(int(destination.number * SECOND)), True, ""
        if destination.kind == "part":
            return log.place_at(destination.number), False, ""
        if destination.kind == "place":
            return destination.place, False, ""
        matcher, direction = self._matcher(destination.text), destination.direction
        around = (BEGINNING, "wrapped to the start"), (ENDING, "wrapped to the end")
        for start, note in ((destination.place, ""), around[direction < 0]):
            found = next(log.lines(start, direction, matcher, self._on_page), None)
            if found is not None:
                return found.place, True, note
        what = repr(destination.text) if destination.text else "error"
        return None, False, f"no {what} in this log"

    def _matcher(self, text: str) -> Matcher:
        """Return the cached matcher for a text; empty text: for errors."""
        if text not in self._matchers:
            if len(self._matchers) >= 8:
                self._matchers.clear()
            self._matchers[text] = Matcher(text) if text else errors()
        return self._matchers[text]

    def _read_around(self, log: AttemptLog, place: LogPosition, only: Matcher | None) -> None:
        """Read the lines before a position, and those from it on."""
        at_start = self._collect(self._before, log.lines(place, -1, only, self._on_page))
        just_before = (*place[:3], place[3] - 1)
        at_end = self._collect(self._after, log.lines(just_before, 1, only, self._on_page))
        self._window = replace(self._so_far(), at_start=at_start, at_end=at_end)

    def _so_far(self) -> LogWindow:
        return replace(self._window, lines=(*reversed(self._before), *self._after))

    @staticmethod
    def _collect(taken: list[LogLine], lines: Iterator[LogLine]) -> bool:
        """Collect up to `AROUND` lines; returns True if there were no more."""
        for line in lines:
            taken.append(line)
            if len(taken) == AROUND:
                return False
        return True

    def _on_page(self, fraction: float) -> None:
        self._check()
        now = time.monotonic()
        if now - self._reported_at > PROGRESS:
            self._reported_at = now
            self._deliver(replace(self._so_far(), scanned=fraction))
