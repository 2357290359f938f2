"""A part of an attempt's logs for a reader without a screen: some lines, and where to go on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trainui.control import log_files
from trainui.control.log_files import STREAMS, Directory, File, GrowthTimes
from trainui.errors import AmbiguousError, UsageError
from trainui.model.records import StageRecord
from trainui.store.db.statements import Connection
from trainui.store.read import views
from trainui.text import as_overwritten, harmless

WINDOW = 64 * 1024
"""Bytes of each log that are read for a part."""

LONGEST = 400
"""Characters of a line; of a longer one the rest is counted."""

_CURSOR = re.compile(r"([0-9]{1,6})\.([0-9]{1,15})\.([0-9]{1,15})(b?)")


@dataclass(frozen=True, slots=True)
class LogPosition:
    """A place in the two logs of an attempt."""

    attempt: int
    out: int = 0
    err: int = 0
    back: bool = False
    """True: the lines before it are meant, not those after it."""

    def __str__(self) -> str:
        return f"{self.attempt}.{self.out}.{self.err}{'b' if self.back else ''}"

    @classmethod
    def parse(cls, text: str) -> LogPosition:
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
    start: LogPosition
    """The place before the first line."""
    end: LogPosition
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
    at = None if cursor is None else LogPosition.parse(cursor)
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
    place = log_files.find(attempt.directory, attempt.id, attempt.host)
    is_over = attempt.completed_at is not None
    part = read(place, attempt.number, at, most=most, is_over=is_over)
    following = str(part.end)
    later = [one.number for one in tries if one.number > attempt.number]
    if part.is_last and is_over and later:
        following = str(LogPosition(later[0]))
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
    directory: Directory, attempt: int, at: LogPosition | None, *, most: int, is_over: bool
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
        LogPosition(attempt, out[0], err[0], back=True),
        LogPosition(attempt, out[1], err[1]),
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
