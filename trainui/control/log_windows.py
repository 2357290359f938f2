"""The log of an attempt in windows of lines: blocks of the file, lines as shown, times, search.

A progress bar overwrites itself, by a carriage return or (several bars) by moving the cursor up;
its last state within a chunk is shown.
"""

from __future__ import annotations

import errno
import io
import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from heapq import merge

from trainui.control.log_files import Directory, File, GrowthTimes
from trainui.errors import NotPlainFileError
from trainui.record import dataclass
from trainui.supervisor import protocol
from trainui.text import as_overwritten, harmless

LONGEST_LINE = 8192
"""Maximum number of characters shown of a line."""

BLOCK = 64 * 1024
"""Block size in bytes; blocks are aligned to multiples of it."""

CACHED = 32
"""Size of the block cache (LRU)."""

CACHED_PAGES = 24
"""Size of the cache of pages per stream (LRU)."""

_GOES_UP = re.compile(rb"\x1b\[\d*[AF]")
_MOVES = re.compile(r"(\r|\x08+|\x1b\[\d*[ABEFK])")


@dataclass(slots=True)
class ShownLine:
    """The final state of a line."""

    end: int
    """Offset in the chunk of the end of the last write to the line."""
    text: str
    """Its text, including escape sequences such as colours."""


def shown_lines(data: bytes) -> list[ShownLine]:
    """Return the visible lines of a chunk that consists of whole lines."""
    raw = io.BytesIO(data).readlines()
    if _GOES_UP.search(data):
        return _replayed(raw)
    shown = []
    end = 0
    for line in raw:
        end += len(line)
        shown.append(ShownLine(end, _truncated(as_overwritten(_text(line)))))
    return shown


def _text(line: bytes) -> str:
    text = line.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "replace")
    return text if "\x08" not in text else re.sub(r"\x08+", "\r", text)


def _truncated(text: str) -> str:
    return text if len(text) <= LONGEST_LINE else text[:LONGEST_LINE] + " …"


def _replayed(raw: list[bytes]) -> list[ShownLine]:
    """Replay the lines on a small terminal emulator."""
    screen = _Screen()
    end = 0
    for line in raw:
        end += len(line)
        for piece in _MOVES.split(_text(line)):
            screen.feed(piece, end)
        screen.next_line(end)
    return list(screen.lines())


class _Screen:
    """A minimal terminal emulator, enough for progress bars."""

    def __init__(self) -> None:
        self._rows: list[ShownLine] = []
        self._at = 0
        self._over = True
        """True if the next text replaces the row's text."""

    def feed(self, piece: str, end: int) -> None:
        """Apply a cursor movement, or write text."""
        if _MOVES.fullmatch(piece):
            self._move(piece)
        elif piece:
            row = self._row()
            row.text = piece if self._over else row.text + piece
            row.end = end
            self._over = False

    def next_line(self, end: int) -> None:
        """Go to the start of the next row."""
        self._row().end = max(self._row().end, end)
        self._at += 1
        self._over = True

    def lines(self) -> Iterator[ShownLine]:
        """Yield the rows from top to bottom, with ends that never decrease."""
        end = 0
        for row in self._rows:
            end = max(end, row.end)
            yield ShownLine(end, _truncated(row.text))

    def _move(self, piece: str) -> None:
        count = int(piece[2:-1] or 1) if piece.startswith("\x1b") else 0
        if piece[-1] in "AF":
            self._at = max(self._at - count, 0)
        elif piece[-1] in "BE":
            self._at += min(count, 100)
        elif piece[-1] == "K":
            if self._over:
                self._row().text = ""
            return
        self._over = True

    def _row(self) -> ShownLine:
        while len(self._rows) <= self._at:
            self._rows.append(ShownLine(0, ""))
        return self._rows[self._at]


# Random access to a growing file by cached blocks, and line boundaries from any offset.
#
# A line ends after a line feed. A block without any counts as one line, so that a file without line
# feeds need not be read whole; only this module knows this rule.


class BlockFile:
    """A file that grows; it need not exist yet."""

    def __init__(self, path: File) -> None:
        self.path = path
        self.size = 0
        """Bytes, at the last `poll`."""
        self.generation = 0
        """How often the file was replaced or truncated."""
        self.problem = ""
        """Why the existing file cannot be read; empty if it can."""
        self._identity: tuple[int, int] | None = None
        self._cached = lru_cache(CACHED)(partial(_pread, path))

    def poll(self) -> bool:
        """Check the file's size and identity; returns True if anything has changed."""
        try:
            status = self.path.stat()
        except OSError as error:
            is_silent = error.errno == errno.EHOSTDOWN
            self.problem = f"{error.filename}: {error.strerror}" if is_silent else ""
            changed = self._identity is not None
            if changed:
                self._reset(None)
            return changed
        identity = (status.st_dev, status.st_ino)
        if identity != self._identity or status.st_size < self.size:
            self._reset(identity)
            self.problem = self._try_to_open()
        elif status.st_size == self.size:
            return False
        self.size = status.st_size
        return True

    def read(self, start: int, end: int) -> bytes:
        """Return the bytes between two offsets."""
        blocks = range(start // BLOCK, (max(end, start + 1) - 1) // BLOCK + 1)
        data = b"".join(self.block(index) for index in blocks)
        first = blocks.start * BLOCK
        return data[start - first : end - first]

    def block(self, index: int) -> bytes:
        """Return a block, not beyond the last known size; the last one may be short."""
        offset = index * BLOCK
        return self._cached(offset, min(self.size - offset, BLOCK))

    def line_start(self, offset: int) -> int:
        """Return the start of the line that contains the byte at an offset."""
        index = offset // BLOCK
        block = self.block(index)
        at = block.rfind(b"\n", 0, offset - index * BLOCK)
        if at >= 0:
            return index * BLOCK + at + 1
        if index == 0 or _is_one_line(block):
            return index * BLOCK
        before = self.block(index - 1)
        return (index - 1) * BLOCK + before.rfind(b"\n") + 1 if b"\n" in before else index * BLOCK

    def line_end(self, offset: int) -> int:
        """Return the end (exclusive) of the line that contains the byte at an offset."""
        index = offset // BLOCK
        block = self.block(index)
        at = block.find(b"\n", offset - index * BLOCK)
        if at >= 0:
            return index * BLOCK + at + 1
        following = self.block(index + 1) if len(block) == BLOCK else b""
        if _is_one_line(block) or _is_one_line(following):
            return (index + 1) * BLOCK
        at = following.find(b"\n")
        return self.size if at < 0 else (index + 1) * BLOCK + at + 1

    def _reset(self, identity: tuple[int, int] | None) -> None:
        self._cached.cache_clear()
        self._identity = identity
        self.generation += 1
        self.size = 0

    def _try_to_open(self) -> str:
        try:
            self.path.open("rb").close()
        except NotPlainFileError as error:
            return f"the log is {error.kind}, not a regular file"
        except OSError:
            pass  # retried at the next change
        return ""


def _pread(path: File, offset: int, count: int) -> bytes:
    if count <= 0:
        return b""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(count)
    except OSError:
        return b""


def _is_one_line(block: bytes) -> bool:
    return len(block) == BLOCK and b"\n" not in block


# Search patterns over logs, with a cache of pages that are known not to match.


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


# An attempt's logs, merged into one sequence of lines that can be read from any position.
#
# A log of any size opens at once, and memory is bounded while scrolling and searching: files are
# read page by page, each page is split into lines independently, and only a few pages are cached.


FILES = {"stdout": protocol.STDOUT_FILE, "stderr": protocol.STDERR_FILE}


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
