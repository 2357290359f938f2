"""The logs of an attempt as one long row of lines, of which a window is read around any of them.

A log of any size opens at once, and memory is bounded, whatever is scrolled or searched through:
files are read page by page, a page's lines are made on their own, and few pages are kept.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from heapq import merge

from trainui.domain.file_access import Directory
from trainui.supervisor import protocol
from trainui.tui.logs.block_file import BLOCK, BlockFile
from trainui.tui.logs.line_replay import shown_lines
from trainui.tui.logs.timestamps import GrowthTimes
from trainui.tui.render.ansi import without_colours

FILES = {"stdout": protocol.STDOUT_FILE, "stderr": protocol.STDERR_FILE}

KEPT_PAGES = 24
"""Pages of a stream whose lines are kept."""

LogPosition = tuple[int, int, int, int]
"""Where a line stands in the row of all: the moment, the stream, the page, the line in it."""

BEGINNING: LogPosition = (-1, 0, 0, 0)
ENDING: LogPosition = (1 << 62, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of the logs."""

    place: LogPosition
    text: str
    """As it was written, progress bars folded; not harmless yet."""
    position: int
    """Bytes of the logs up to its end."""
    time: int | None
    """Microseconds: until when it was written, to a second; None where that is not noted yet."""

    @property
    def of_stderr(self) -> bool:
        """Whether it was written to stderr."""
        return self.place[1] == 1


class Matcher:
    """What is looked for, and which pages are known not to hold it."""

    def __init__(self, text: str = "", *, words: Sequence[bytes] = (), line: str = "") -> None:
        """Look for a text in any case of letters, or for lines of a pattern.

        Args:
            text: what a line holds.
            words: one of these is in every line that fits `line`.
            line: the pattern.
        """
        self.key = text or line
        self._pattern = re.compile(line or re.escape(text), 0 if line else re.IGNORECASE)
        self._words = tuple(words)
        self._folded = text.casefold()
        self._without = (bytearray(), bytearray())
        """By stream and page: 1 where it is known not to be in it."""

    def fits(self, line: str) -> bool:
        """Whether a line holds it."""
        return self._pattern.search(without_colours(line)) is not None

    def is_not_in(self, rank: int, page: int) -> bool:
        """Whether a page of a stream is known not to hold it."""
        without = self._without[rank]
        return page < len(without) and bool(without[page])

    def may_be_in(self, rank: int, page: int, data: bytes, *, whole: bool) -> bool:
        """Whether a page may hold it: cheap, and remembered where it does not.

        Args:
            rank: the stream.
            page: the page.
            data: what it holds.
            whole: whether nothing will be added to it.
        """
        found = self._is_in(data)
        if not found and whole:
            without = self._without[rank]
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
    """Return what finds the lines that tell of an error, such as the last one of a traceback."""
    return Matcher(words=ERROR_WORDS, line=ERROR_LINE)


class AttemptLog:
    """What an attempt wrote to stdout, to stderr or to both."""

    def __init__(self, directory: Directory, streams: Sequence[str]) -> None:
        self._times = GrowthTimes(directory)
        self._streams = [
            _Stream(rank, BlockFile(directory / FILES[name]), self._times, self._position)
            for rank, name in enumerate(FILES)
        ]
        self._shown = [stream for stream in self._streams if list(FILES)[stream.rank] in streams]

    def look(self) -> bool:
        """Look whether there is more; returns whether anything has changed."""
        changed = [stream.look() for stream in self._streams]
        return self._times.look() or any(changed)

    @property
    def sizes(self) -> tuple[int, int]:
        """Bytes of stdout and of stderr."""
        out, err = (stream.file.size for stream in self._streams)
        return out, err

    @property
    def problem(self) -> str:
        """Why a log that is shown is not read; empty where all are."""
        return next((one.file.problem for one in self._shown if one.file.problem), "")

    @property
    def size(self) -> int:
        """Bytes of what is shown."""
        return sum(stream.file.size for stream in self._shown)

    @property
    def generation(self) -> int:
        """Changes whenever a file was replaced or cut short."""
        return sum(stream.file.generation for stream in self._streams)

    def lines(
        self,
        place: LogPosition,
        direction: int,
        finder: Matcher | None = None,
        on_page: Callable[[float], None] | None = None,
    ) -> Iterator[LogLine]:
        """Yield the lines after a place (1), or those before it, the nearest one first (-1).

        Args:
            place: not among them.
            direction: 1 or -1.
            finder: yields those that it fits only.
            on_page: called before a page is read, with the part of the file that lies before
                it; it may raise.
        """
        flows = [stream.lines(place, direction, finder, on_page) for stream in self._shown]
        merged = merge(*flows, key=lambda found: found[0], reverse=direction < 0)
        return (line for _, line in merged if line is not None)

    def place_at_time(self, time: int) -> LogPosition:
        """Return the place before what was written at a time in microseconds."""
        return (self._times.moment_of(time), -1, 0, 0)

    def place_at(self, part: float) -> LogPosition:
        """Return the place before what lies at a part of the longest shown log."""
        stream = max(self._shown, key=lambda one: one.file.size)
        return stream.place_of(int(stream.file.size * part))

    def _position(self, rank: int, end: int, moment: int) -> int:
        """Return how many bytes of what is shown come up to a line."""
        others = 0
        for stream in self._shown:
            if stream.rank != rank:
                size = self._times.size_at(stream.rank, moment)
                others += stream.file.size if size is None else min(size, stream.file.size)
        return end + others


class _Stream:
    """One of the logs, page by page: a page holds the lines that begin in a block."""

    def __init__(
        self,
        rank: int,
        file: BlockFile,
        times: GrowthTimes,
        position: Callable[[int, int, int], int],
    ) -> None:
        self.rank = rank
        self.file = file
        self._times = times
        self._position = position
        self._pages: OrderedDict[int, tuple[int, list[tuple[int, str]]]] = OrderedDict()

    def look(self) -> bool:
        """Look whether there is more of it."""
        generation = self.file.generation
        changed = self.file.look()
        if generation != self.file.generation:
            self._pages.clear()
        return changed

    @property
    def page_count(self) -> int:
        return (self.file.size + BLOCK - 1) // BLOCK

    def lines(
        self,
        place: LogPosition,
        direction: int,
        finder: Matcher | None,
        on_page: Callable[[float], None] | None,
    ) -> Iterator[tuple[LogPosition, LogLine | None]]:
        """Yield the lines after or before a place, page by page, each with its place.

        After each page that is searched comes the place of its end, with no line: what another
        stream holds up to there need not wait for what this one holds beyond.
        """
        page = self._page_near(place, direction)
        while 0 <= page < self.page_count:
            if on_page is not None:
                on_page(page / self.page_count)
            if finder is None or self._may_hold(page, finder):
                for line in self._lines_of(page, place, direction, finder):
                    yield line.place, line
            if finder is not None:
                yield self._end_of(page, direction), None
            page += direction

    def _end_of(self, page: int, direction: int) -> LogPosition:
        """Return the place beyond the last line of a page in a direction."""
        start, end = self._span(page)
        at, index = (end, 1 << 30) if direction > 0 else (start, -1)
        return (self._times.moment(self.rank, at), self.rank, page, index)

    def _may_hold(self, page: int, finder: Matcher) -> bool:
        if finder.is_not_in(self.rank, page):
            return False
        data = self.file.read(*self._span(page))
        return finder.may_be_in(self.rank, page, data, whole=(page + 2) * BLOCK <= self.file.size)

    def place_of(self, offset: int) -> LogPosition:
        """Return the place before the line that holds a byte."""
        page = max(min(offset // BLOCK, self.page_count - 1), 0)
        start, _ = self._span(page)
        for index, (end, _text) in enumerate(self._page(page)):
            if start + end > offset:
                return (self._times.moment(self.rank, start + end), self.rank, page, index - 1)
        return (self._times.moment(self.rank, start), self.rank, page, 1 << 30)

    def _lines_of(
        self, page: int, place: LogPosition, direction: int, finder: Matcher | None
    ) -> Iterator[LogLine]:
        start, _ = self._span(page)
        lines = self._page(page)
        indices = range(len(lines)) if direction > 0 else range(len(lines) - 1, -1, -1)
        for index in indices:
            end, text = lines[index]
            moment = self._times.moment(self.rank, start + end)
            own = (moment, self.rank, page, index)
            beyond = own > place if direction > 0 else own < place
            if beyond and (finder is None or finder.fits(text)):
                position = self._position(self.rank, start + end, moment)
                yield LogLine(own, text, position, self._times.time(moment))

    def _page_near(self, place: LogPosition, direction: int) -> int:
        """Return a page from which on the lines beyond a place are all found."""
        moment, rank, page, _ = place
        last = self.page_count - 1
        if rank == self.rank and moment >= 0:
            return min(page, last) if moment < ENDING[0] else last
        # of one moment, the lines of the first stream come before those of the second
        size = self._times.size_at(self.rank, moment if self.rank < rank else moment - 1)
        if size is None or size > self.file.size:
            size = self.file.size
        # a line that ends there may begin in the page before, or in the one before that
        at = size // BLOCK
        return min(at, last) if direction < 0 else max(min(at - 2, last), 0)

    def _page(self, index: int) -> list[tuple[int, str]]:
        """Return a page's lines: where each ends, from the page's start on, and its text."""
        start, end = self._span(index)
        known = self._pages.get(index)
        if known is not None and known[0] == end - start:
            self._pages.move_to_end(index)
            return known[1]
        lines = [(line.end, line.text) for line in shown_lines(self.file.read(start, end))]
        self._pages[index] = (end - start, lines)
        self._pages.move_to_end(index)
        if len(self._pages) > KEPT_PAGES:
            self._pages.popitem(last=False)
        return lines

    def _span(self, page: int) -> tuple[int, int]:
        start = self._first_line(page)
        return start, max(self._first_line(page + 1), start)

    def _first_line(self, page: int) -> int:
        """Return where the first line begins that begins in a page, or after it."""
        offset = page * BLOCK
        if offset >= self.file.size:
            return self.file.size
        start = self.file.line_start(offset)
        return start if start == offset else self.file.line_end(offset)
