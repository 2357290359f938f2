"""An attempt's two logs: where they are read, when each grew, and their lines in order of writing.

They are read on this host, or as another host's worker relays them. The supervisor records both
sizes at most once a second, so within a second stdout comes first. For a reader without a screen,
`part_of` gives a part of them: some lines, and where to go on.
"""

from __future__ import annotations

import errno
import heapq
import io
import os
import re
import time
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Literal, Protocol

from trainui import settings, system
from trainui.errors import AmbiguousError, UnfitEnvironmentError, UsageError
from trainui.model.records import StageRecord
from trainui.record import dataclass
from trainui.store import hosts
from trainui.store.db.engine import open_store
from trainui.store.db.statements import Connection
from trainui.store.hosts import LogReply
from trainui.store.read import views
from trainui.supervisor import protocol
from trainui.text import as_overwritten, harmless

REMOTE_PATIENCE = 10.0
"""Timeout in seconds for an answer; a busy worker needs about one."""

REMOTE_POLL = 0.03
"""Seconds between two polls for the answer."""

REMOTE_SIZES_FOR = 0.4
"""Seconds for which file sizes are cached: each refresh of a log needs three of them."""

REMOTE_PART = 64 * 1024
"""Maximum bytes per request."""

LONGEST_LINE = 1 << 20
"""Bytes; a longer line is split."""

_BLOCK = 1 << 16
"""Bytes that are read at once when lines are counted back from the end."""

WINDOW = 64 * 1024
"""Bytes of each log that are read for a part of both logs by time."""

LONGEST = 400
"""Characters of a line in such a part; of a longer one the rest is counted."""


class File(Protocol):
    """A file that need not exist."""

    def open(self, mode: Literal["rb"], /) -> BinaryIO:
        """Open it for reading; raise FileNotFoundError if it does not exist."""

    def stat(self) -> os.stat_result:
        """Return its status (device, inode and size at least); raise OSError if that fails."""


class Directory(Protocol):
    """A directory of files."""

    def __truediv__(self, name: str, /) -> File:
        """Return the file of a name."""


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A plain file on this host."""

    path: Path

    def open(self, _mode: Literal["rb"], /) -> BinaryIO:
        """Open it for reading; raise NotPlainFileError if it is not a regular file."""
        return system.open_plain(self.path)

    def stat(self) -> os.stat_result:
        """Return its status."""
        return system.status(self.path)


@dataclass(frozen=True, slots=True)
class LocalDirectory:
    """A directory on this host."""

    path: Path

    def __truediv__(self, name: str, /) -> LocalFile:
        """Return the file of a name."""
        return LocalFile(self.path / name)


# Finds an attempt's directory, on this host or another one.


def missing_log(directory: str) -> str | None:
    """Return why the log of an external run's attempt cannot be read; None: it can."""
    link = f"{directory}/{protocol.STDOUT_FILE}"
    if not os.path.islink(link):  # noqa: PTH114 (at each snapshot)
        return None
    try:
        system.status(Path(link))
    except FileNotFoundError:
        return f"the log {os.readlink(link)} no longer exists"  # noqa: PTH115
    except OSError as error:
        return f"the log {os.readlink(link)} cannot be read: {error.strerror}"  # noqa: PTH115
    return None


def find(directory: str, attempt_id: int, host: str) -> Directory:
    """Return an attempt's directory: local or on a shared file system, else on the remote host."""
    near = Path(directory)
    configured = settings.load()
    is_local = configured.database_url is None or host in ("", settings.host(configured))
    if is_local or near.is_dir():
        return LocalDirectory(near)

    return RemoteDirectory(attempt_id, host)


# Reads an attempt's logs on another host, part by part, through that host's worker.


class RemoteLogError(UnfitEnvironmentError, OSError):
    """The host with the log does not answer."""


class RemoteDirectory:
    """An attempt's directory on another host."""

    def __init__(self, attempt_id: int, host: str) -> None:
        self._attempt_id = attempt_id
        self._host = host
        self._store = open_store()
        self._sizes: dict[str, Any] = {}
        self._sizes_at = float("-inf")

    def __truediv__(self, name: str, /) -> RemoteFile:
        """Return the file with this name."""
        return RemoteFile(self, name)

    def status(self, name: str) -> os.stat_result:
        """Return a file's device, inode and size.

        Raises:
            FileNotFoundError: the file does not exist.
            RemoteLogError: the other host does not answer.
        """
        if time.monotonic() - self._sizes_at > REMOTE_SIZES_FOR:
            self._sizes = dict(self._ask().words["files"])
            self._sizes_at = time.monotonic()
        if name not in self._sizes:
            raise FileNotFoundError(errno.ENOENT, "does not exist", f"{self._host}:{name}")
        device, inode, size = self._sizes[name]
        return os.stat_result((0, inode, device, 0, 0, 0, size, 0, 0, 0))

    def read(self, name: str, start: int, length: int) -> bytes:
        """Return a part of a file, at most `REMOTE_PART` bytes; raise RemoteLogError."""
        return self._ask(name, start, min(length, REMOTE_PART)).data

    def _ask(self, name: str = "", start: int = 0, length: int = 0) -> LogReply:
        with self._store.write() as connection:
            host = hosts.known(connection).get(self._host)
            if host is None or host.seconds >= hosts.SILENT_AFTER:
                ago = "" if host is None else f" for {host.seconds:.0f} s"
                raise RemoteLogError(
                    f"the host {self._host}, which has the log, has sent no heartbeat{ago}; "
                    "see `trainui worker status` there"
                )
            number = hosts.request(connection, self._attempt_id, self._host, name, start, length)
        try:
            return self._wait_for(number)
        finally:
            with self._store.write() as connection:
                hosts.delete_request(connection, number)

    def _wait_for(self, number: str) -> LogReply:
        give_up_at = time.monotonic() + REMOTE_PATIENCE
        while time.monotonic() < give_up_at:
            with self._store.read() as connection:
                answer = hosts.find_reply(connection, number)
            if answer is not None and "problem" in answer.words:
                raise RemoteLogError(f"on host {self._host}: {answer.words['problem']}")
            if answer is not None:
                return answer
            time.sleep(REMOTE_POLL)
        raise RemoteLogError(
            f"the worker of host {self._host}, which has the log, does not answer; "
            "see `trainui worker status` there"
        )


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of an attempt on another host."""

    directory: RemoteDirectory
    name: str

    def open(self, _mode: Literal["rb"], /) -> BinaryIO:
        """Open the file for reading; raise FileNotFoundError if it does not exist."""
        self.stat()
        return io.BufferedReader(_RemoteStream(self), REMOTE_PART)

    def stat(self) -> os.stat_result:
        """Return the file's device, inode and size."""
        return self.directory.status(self.name)


class _RemoteStream(io.RawIOBase):
    """Reads a remote file part by part."""

    def __init__(self, file: RemoteFile) -> None:
        self._file = file
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position}
        self._position = offset + (base[whence] if whence in base else self._file.stat().st_size)
        return self._position

    def readinto(self, buffer: Any) -> int:
        data = self._file.directory.read(self._file.name, self._position, len(buffer))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


STREAMS = {"out": protocol.STDOUT_FILE, "err": protocol.STDERR_FILE}


@dataclass(frozen=True, slots=True)
class TimedLine:
    """One line of a log."""

    stream: str
    """`out` or `err`."""
    raw: bytes
    """The bytes as written, including the line end if it has one."""
    time: int | None
    """Microseconds: it was written before this, to within a second; None if not recorded yet."""


class GrowthTimes:
    """The supervisor's records of log sizes, read incrementally."""

    def __init__(self, attempt_dir: Directory) -> None:
        self._path = attempt_dir / protocol.TIMES_FILE
        self._offset = 0
        self._times = array("q")
        self._sizes = (array("q"), array("q"))

    def poll(self) -> bool:
        """Read new records; returns True if there were any."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except OSError:
            return False
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        for record in filter(None, map(protocol.parse_times, whole.splitlines())):
            self._times.append(record[0])
            for known, size in zip(self._sizes, record[1:], strict=True):
                # a truncated log does not make sizes decrease
                known.append(max(size, known[-1]) if known else size)
        return bool(whole)

    def moment(self, rank: int, end: int) -> int:
        """Return the index of the first record at which a stream had reached an offset.

        `rank` is 0 for stdout, 1 for stderr; the offset is in bytes.
        """
        return bisect_left(self._sizes[rank], end)

    def size_at(self, rank: int, moment: int) -> int | None:
        """Return a stream's size at a record; None: not recorded yet."""
        sizes = self._sizes[rank]
        if moment < 0:
            return 0
        return sizes[moment] if moment < len(sizes) else None

    def time(self, moment: int) -> int | None:
        """Return a record's time in microseconds; None: not recorded yet."""
        return self._times[moment] if moment < len(self._times) else None

    def moment_of(self, time: int) -> int:
        """Return the index of the first record at or after a time (microseconds)."""
        return bisect_left(self._times, time)


class AttemptLogs:
    """The logs of one attempt."""

    def __init__(
        self, directory: Directory, streams: Sequence[str], *, last: int | None = None
    ) -> None:
        self._times = GrowthTimes(directory)
        self._files = {stream: directory / STREAMS[stream] for stream in streams}
        self._offsets = {
            stream: 0 if last is None else offset_of_last(file, last)
            for stream, file in self._files.items()
        }
        """Where the last read ended."""

    def lines(self, *, to_end: bool) -> Iterator[TimedLine]:
        """Yield new lines of both logs, merged.

        `to_end` also yields a last one without a line end.
        """
        self._times.poll()
        flows = [self._flow(stream, to_end=to_end) for stream in self._files]
        for *_order, line in heapq.merge(*flows, key=lambda item: item[:2]):
            yield line

    def _flow(self, stream: str, *, to_end: bool) -> Iterator[tuple[int, int, TimedLine]]:
        rank = list(STREAMS).index(stream)
        try:
            file = self._files[stream].open("rb")
        except FileNotFoundError:
            return
        with file:
            file.seek(self._offsets[stream])
            while raw := file.readline(LONGEST_LINE):
                whole = raw.endswith(b"\n") or len(raw) == LONGEST_LINE
                if not whole and not to_end:
                    return
                self._offsets[stream] += len(raw)
                moment = self._times.moment(rank, self._offsets[stream])
                yield moment, rank, TimedLine(stream, raw, self._times.time(moment))


def offset_of_last(path: File, count: int) -> int:
    """Return the offset of the last `count` lines of a file, reading only its end."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return 0
    with file:
        end = file.seek(0, 2)
        if count <= 0:
            return end
        position, found = end, 0
        while position > 0:
            start = max(position - _BLOCK, 0)
            file.seek(start)
            block = file.read(position - start)
            while (at := block.rfind(b"\n")) >= 0:
                # no line starts after the last line end of the file
                found += start + at != end - 1
                if found == count:
                    return start + at + 1
                block = block[:at]
            position = start
        return 0


_CURSOR = re.compile(r"([0-9]{1,6})\.([0-9]{1,15})\.([0-9]{1,15})(b?)")


@dataclass(frozen=True, slots=True)
class LogCursor:
    """A place in the two logs of an attempt."""

    attempt: int
    out: int = 0
    err: int = 0
    back: bool = False
    """True: the lines before it are meant, not those after it."""

    def __str__(self) -> str:
        return f"{self.attempt}.{self.out}.{self.err}{'b' if self.back else ''}"

    @classmethod
    def parse(cls, text: str) -> LogCursor:
        """Return the position that an answer had; raise UsageError if it is none."""
        match = _CURSOR.fullmatch(text)
        if match is None:
            raise UsageError(
                f"{text[:40]!r} is no cursor of a log; pass one that an answer had, or none for "
                "the newest lines"
            )
        attempt, out, err, back = match.groups()
        return cls(int(attempt), int(out), int(err), bool(back))


@dataclass(frozen=True, slots=True)
class LogPart:
    """Lines of an attempt's logs, in the order of writing."""

    lines: Sequence[str]
    start: LogCursor
    """The place before the first line."""
    end: LogCursor
    """The place after the last line."""
    is_first: bool
    """True if there is nothing before it."""
    is_last: bool
    """True if there is nothing after it yet."""


@dataclass(frozen=True, slots=True)
class _Line:
    """A line, in the order of writing."""

    order: tuple[int, int, int]
    stream: int
    begin: int
    end: int
    text: str


def part_of(
    connection: Connection, run: str, stage: str | None, cursor: str | None, most: int
) -> dict[str, Any]:
    """Return a part of a stage's log as plain data; without a stage, of the newest that ran.

    A cursor at the end of an attempt continues in the next one.
    """
    found = views.find_run(connection, run)
    chosen = _stage(connection, found.id, stage)
    if chosen is None:
        return {"run": found.id, "stage": None, "attempt": None, "text": "", "cursor": None}
    at = None if cursor is None else LogCursor.parse(cursor)
    tries = views.attempts_of_stage(connection, chosen.id)
    if not tries:
        return {"run": found.id, "stage": chosen.name, "attempt": None, "text": "", "cursor": None}
    attempt = next((one for one in tries if at and one.number == at.attempt), None)
    if attempt is None and at is not None:
        raise UsageError(
            f"{chosen.name} has no attempt {at.attempt}, which the cursor {cursor} is of; pass "
            "none for the newest lines"
        )
    attempt = attempt or tries[-1]
    place = find(attempt.directory, attempt.id, attempt.host)
    is_over = attempt.completed_at is not None
    part = read(place, attempt.number, at, most=most, is_over=is_over)
    following = str(part.end)
    later = [one.number for one in tries if one.number > attempt.number]
    if part.is_last and is_over and later:
        following = str(LogCursor(later[0]))
    return {
        "run": found.id,
        "stage": chosen.name,
        "attempt": attempt.number,
        "status": str(chosen.status),
        "text": "\n".join(part.lines),
        "cursor": following,
        "earlier": None if part.is_first else str(part.start),
        "is_end": part.is_last and not later,
    }


def _stage(connection: Connection, run_id: str, stage: str | None) -> StageRecord | None:
    if stage is None:
        started = [one for one in views.stages(connection, run_id) if one.attempt]
        return max(started, key=lambda one: one.started_at or 0, default=None)
    found = views.find_stages(connection, run_id, stage)
    if len(found) > 1:
        names = views.shown_names(one.name for one in found)
        raise AmbiguousError(f"{stage!r} matches several stages; name one of them: {names}")
    return found[0]


def read(
    directory: Directory, attempt: int, at: LogCursor | None, *, most: int, is_over: bool
) -> LogPart:
    """Return the lines after a position, or before it, of at most so many characters.

    Without a position, the newest lines. A last line without its end is left out until the attempt
    `is_over`.
    """
    files = [directory / name for name in STREAMS.values()]
    sizes = [_size(file) for file in files]
    times = GrowthTimes(directory)
    times.poll()
    is_back = at is None or at.back
    places = sizes if at is None else [min(at.out, sizes[0]), min(at.err, sizes[1])]
    if is_back:
        windows = [(max(place - WINDOW, 0), place) for place in places]
    else:
        windows = [(p, min(p + WINDOW, size)) for p, size in zip(places, sizes, strict=True)]
    found: list[_Line] = []
    for rank, (file, window) in enumerate(zip(files, windows, strict=True)):
        is_at_end = window[1] == sizes[rank]
        if not is_back and is_at_end and not is_over:
            window = (window[0], _end_of_lines(file, window))
        whole = not is_back and not is_at_end
        found += _lines(file, rank, window, times, is_back=is_back, whole=whole)
    found.sort(key=lambda line: line.order)
    chosen = _fitting(found[::-1] if is_back else found, most)
    if is_back:
        chosen.reverse()
    out, err = _bounds(chosen, 0, places[0]), _bounds(chosen, 1, places[1])
    is_mixed = len({line.stream for line in chosen}) > 1
    mark = ("", "err| ") if is_mixed else ("", "")
    return LogPart(
        [f"{mark[line.stream]}{line.text}" for line in chosen],
        LogCursor(attempt, out[0], err[0], back=True),
        LogCursor(attempt, out[1], err[1]),
        is_first=not out[0] and not err[0],
        is_last=out[1] >= sizes[0] and err[1] >= sizes[1],
    )


def _bounds(lines: Sequence[_Line], stream: int, place: int) -> tuple[int, int]:
    """Return where the lines of a stream begin and end; at its place if there are none."""
    own = [line for line in lines if line.stream == stream]
    return (own[0].begin, own[-1].end) if own else (place, place)


def _size(file: File) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def _lines(
    file: File,
    rank: int,
    window: tuple[int, int],
    times: GrowthTimes,
    *,
    is_back: bool,
    whole: bool,
) -> list[_Line]:
    """Return the lines in a window: one cut by its beginning only as a progress bar's last state.

    `whole` leaves out a last line without its end.
    """
    begin, end = window
    if begin >= end:
        return []
    with file.open("rb") as opened:
        opened.seek(begin)
        data = opened.read(end - begin)
        opened.seek(max(begin - 1, 0))
        if is_back and begin and opened.read(1) != b"\n":
            cut = min(at for at in (data.find(b"\n"), data.find(b"\r"), len(data)) if at >= 0)
            rest = data[cut + 1 :]
            begin, data = (end - len(rest), rest) if rest else (begin, data)
    lines, raws = [], _split(data)
    for number, raw in enumerate(raws):
        if whole and number and number == len(raws) - 1 and not raw.endswith(b"\n"):
            break
        shown = harmless(as_overwritten(raw.rstrip(b"\r\n").decode("utf-8", "replace")))
        after = begin + len(raw)
        order = (times.moment(rank, after), rank, number)
        lines.append(_Line(order, rank, begin, after, _cut(shown)))
        begin = after
    return lines


def _end_of_lines(file: File, window: tuple[int, int]) -> int:
    """Return the end of the last whole line in a window; its beginning if there is none."""
    begin, end = window
    if begin >= end:
        return begin
    with file.open("rb") as opened:
        opened.seek(begin)
        return begin + opened.read(end - begin).rfind(b"\n") + 1


def _split(data: bytes) -> list[bytes]:
    """Return the lines of some bytes, each with its line feed; a carriage return ends none."""
    *whole, rest = data.split(b"\n")
    return [line + b"\n" for line in whole] + ([rest] if rest else [])


def _cut(line: str) -> str:
    rest = len(line) - LONGEST
    return line if rest <= 0 else f"{line[:LONGEST]} (+{rest})"


def _fitting(lines: Sequence[_Line], most: int) -> list[_Line]:
    """Return the first lines with at most so many characters together, but at least one."""
    chosen: list[_Line] = []
    left = most
    for line in lines:
        left -= len(line.text) + len("err| \n")
        if left < 0 and chosen:
            break
        chosen.append(line)
    return chosen
