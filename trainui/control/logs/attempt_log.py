"""An attempt's logs, merged into one sequence of lines that can be read from any position.

A log of any size opens at once, and memory is bounded while scrolling and searching: files are
read page by page, each page is split into lines independently, and only a few pages are cached.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from heapq import merge

from trainui.control.logs.block_file import BLOCK, BlockFile
from trainui.control.logs.growth_times import GrowthTimes
from trainui.control.logs.matcher import Matcher
from trainui.control.logs.terminal_lines import shown_lines
from trainui.domain.file_access import Directory
from trainui.supervisor import protocol

FILES = {"stdout": protocol.STDOUT_FILE, "stderr": protocol.STDERR_FILE}

CACHED_PAGES = 24
"""Size of the cache of pages per stream (LRU)."""

LogPosition = tuple[int, int, int, int]
"""A line's position in the merged sequence: moment, stream, page, line in the page."""

BEGINNING: LogPosition = (-1, 0, 0, 0)
ENDING: LogPosition = (1 << 62, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of the logs."""

    place: LogPosition
    text: str
    """Its text, with progress bars collapsed; may contain control characters."""
    position: int
    """Bytes of the logs up to the line's end."""
    time: int | None
    """When it was written, in microseconds since 1970, accurate to a second; None: unknown yet."""

    @property
    def of_stderr(self) -> bool:
        """True if it was written to stderr."""
        return self.place[1] == 1


class AttemptLog:
    """An attempt's stdout, stderr or both, merged."""

    def __init__(self, directory: Directory, streams: Sequence[str]) -> None:
        self._times = GrowthTimes(directory)
        self._streams = [
            _Stream(rank, BlockFile(directory / FILES[name]), self._times)
            for rank, name in enumerate(FILES)
        ]
        self._shown = [stream for stream in self._streams if list(FILES)[stream.rank] in streams]

    def poll(self) -> bool:
        """Check the files' sizes; returns True if anything has changed."""
        changed = [stream.file.poll() for stream in self._streams]
        return self._times.poll() or any(changed)

    @property
    def sizes(self) -> tuple[int, int]:
        """Bytes of stdout and of stderr."""
        out, err = (stream.file.size for stream in self._streams)
        return out, err

    @property
    def problem(self) -> str:
        """Why a shown log cannot be read; empty if all can."""
        return next((one.file.problem for one in self._shown if one.file.problem), "")

    @property
    def size(self) -> int:
        """Bytes of the shown logs."""
        return sum(stream.file.size for stream in self._shown)

    @property
    def generation(self) -> int:
        """Changes whenever a file was replaced or truncated."""
        return sum(stream.file.generation for stream in self._streams)

    def lines(
        self,
        place: LogPosition,
        direction: int,
        matcher: Matcher | None = None,
        on_page: Callable[[float], None] | None = None,
    ) -> Iterator[LogLine]:
        """Yield the lines after a position (1), or before it, nearest first (-1).

        Args:
            place: the position, excluded.
            direction: 1 or -1.
            matcher: if given, yield only matching lines.
            on_page: called before each page with the fraction of the file before it; it may raise
                to stop.
        """
        flows = [stream.lines(place, direction, matcher, on_page) for stream in self._shown]
        for own, line in merge(*flows, key=lambda found: found[0], reverse=direction < 0):
            if line is not None:
                end, text = line
                moment, rank = own[:2]
                position = self._position(rank, end, moment)
                yield LogLine(own, text, position, self._times.time(moment))

    def place_at_time(self, time: int) -> LogPosition:
        """Return the position before the lines written at a time (microseconds)."""
        return (self._times.moment_of(time), -1, 0, 0)

    def place_at(self, fraction: float) -> LogPosition:
        """Return the position at a fraction of the longest shown log."""
        stream = max(self._shown, key=lambda one: one.file.size)
        return stream.place_of(int(stream.file.size * fraction))

    def _position(self, rank: int, end: int, moment: int) -> int:
        """Return how many bytes of the shown logs precede a line's end."""
        others = 0
        for stream in self._shown:
            if stream.rank != rank:
                size = self._times.size_at(stream.rank, moment)
                others += stream.file.size if size is None else min(size, stream.file.size)
        return end + others


class _Stream:
    """One log, read by pages; a page consists of the lines that begin in a block."""

    def __init__(self, rank: int, file: BlockFile, times: GrowthTimes) -> None:
        self.rank = rank
        self.file = file
        self._times = times
        self._lines_between = lru_cache(CACHED_PAGES)(partial(_lines_between, file))

    @property
    def page_count(self) -> int:
        return (self.file.size + BLOCK - 1) // BLOCK

    def lines(
        self,
        place: LogPosition,
        direction: int,
        matcher: Matcher | None,
        on_page: Callable[[float], None] | None,
    ) -> Iterator[tuple[LogPosition, tuple[int, str] | None]]:
        """Yield the lines after or before a position, page by page.

        Each is yielded as its position, and the offset of its end with its text. After each
        searched page it yields the position of the page's end without a line, so that the merge can
        yield the other stream's lines up to there without waiting.
        """
        page = self._page_near(place, direction)
        while 0 <= page < self.page_count:
            if on_page is not None:
                on_page(page / self.page_count)
            if matcher is None or self._may_match(page, matcher):
                yield from self._lines_of(page, place, direction, matcher)
            if matcher is not None:
                yield self._end_of(page, direction), None
            page += direction

    def _end_of(self, page: int, direction: int) -> LogPosition:
        """Return the position beyond the last line of a page in a direction."""
        start, end = self._span(page)
        at, index = (end, 1 << 30) if direction > 0 else (start, -1)
        return (self._times.moment(self.rank, at), self.rank, page, index)

    def _may_match(self, page: int, matcher: Matcher) -> bool:
        is_whole = (page + 2) * BLOCK <= self.file.size
        read = partial(self.file.read, *self._span(page))
        return matcher.may_be_in(self.rank, page, read, whole=is_whole)

    def place_of(self, offset: int) -> LogPosition:
        """Return the position before the line that contains a byte."""
        page = max(min(offset // BLOCK, self.page_count - 1), 0)
        start, _ = self._span(page)
        for index, (end, _text) in enumerate(self._page(page)):
            if start + end > offset:
                return (self._times.moment(self.rank, start + end), self.rank, page, index - 1)
        return (self._times.moment(self.rank, start), self.rank, page, 1 << 30)

    def _lines_of(
        self, page: int, place: LogPosition, direction: int, matcher: Matcher | None
    ) -> Iterator[tuple[LogPosition, tuple[int, str]]]:
        start, _ = self._span(page)
        lines = self._page(page)
        indices = range(len(lines)) if direction > 0 else range(len(lines) - 1, -1, -1)
        for index in indices:
            end, text = lines[index]
            moment = self._times.moment(self.rank, start + end)
            own = (moment, self.rank, page, index)
            beyond = own > place if direction > 0 else own < place
            if beyond and (matcher is None or matcher.matches(text)):
                yield own, (start + end, text)

    def _page_near(self, place: LogPosition, direction: int) -> int:
        """Return a page to start from, so that no line beyond a position is missed."""
        moment, rank, page, _ = place
        last = self.page_count - 1
        if rank == self.rank and moment >= 0:
            return min(page, last) if moment < ENDING[0] else last
        # within one moment, stdout comes before stderr
        size = self._times.size_at(self.rank, moment if self.rank < rank else moment - 1)
        if size is None or size > self.file.size:
            size = self.file.size
        # a line that ends there may begin up to two pages earlier
        at = size // BLOCK
        return min(at, last) if direction < 0 else max(min(at - 2, last), 0)

    def _page(self, index: int) -> list[tuple[int, str]]:
        """Return a page's lines: the offset of each line's end in the page, and its text."""
        return self._lines_between(self.file.generation, *self._span(index))

    def _span(self, page: int) -> tuple[int, int]:
        start = self._first_line(page)
        return start, max(self._first_line(page + 1), start)

    def _first_line(self, page: int) -> int:
        """Return the offset of the first line that begins in a page or after it."""
        offset = page * BLOCK
        if offset >= self.file.size:
            return self.file.size
        start = self.file.line_start(offset)
        return start if start == offset else self.file.line_end(offset)


def _lines_between(
    file: BlockFile, _generation: int, start: int, end: int
) -> list[tuple[int, str]]:
    """Return the lines between two offsets; the generation is for the cache."""
    return [(line.end, line.text) for line in shown_lines(file.read(start, end))]
