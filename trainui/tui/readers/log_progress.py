"""The progress that a log prints, and when it will be complete, by the pace of its own counts.

Counts: `epoch 3/10`, `step 40 of 100`, `Train Epoch: 4 [352/360 (98%)]`, `epoch_3`, the bars of
tqdm, Rich and Keras, and bars within an epoch. A count with values behind it is of a unit that is
over, a heading without any begins one. The pace is that between the first and the last count, each
with the time at which the supervisor saw it, so that imports and the loading of data do not count.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from trainui import clock
from trainui.control.log_files import GrowthTimes
from trainui.supervisor.protocol import STDERR_FILE, STDOUT_FILE
from trainui.system import plain_files
from trainui.text import as_overwritten
from trainui.tui.snapshot.run_page import LogProgress

HEAD_BYTES, TAIL_BYTES = 65_536, 4096
"""The beginning of a log in which its first count is sought, and the end for its last one."""

BLOCK, MOST_BLOCKS, LINE = 16_384, 512, 256
"""Bytes that are read at once, and how many times, back to the epoch that a bar belongs to: Keras
and Rich print a bar's every state, and an epoch only once. And the bytes before each that are read
too, in which a line may begin."""

LEAST_PART = 0.01
"""The share of the work between two counts from which they tell the pace."""

_UNIT = r"(?<![a-z])(epoch|step|iter(?:ation)?|round|update)s?(?![a-z])"
_OUTER = re.compile(
    _UNIT + r"(?:\([a-z]+\))?[\W_]{0,3}(\d+)\]?(?!\.?\d)(?:\s*(?:/|of)\s*\[?(\d+))?", re.IGNORECASE
)
"""`Epoch [3/10]`, `epoch_3`, `Epoch(train) [3][10/38]`."""

_INNER = re.compile(
    r"\d%\|.*\|\s*(?P<bar>\d+)/(?P<of_bar>\d+)"
    r"|\[?\s*(?P<place>\d+)/(?P<of>\d+)(?:\]| \(\d+%\)\])"
    r"|(?:^|\s)(?P<keras>\d+)/(?P<of_keras>\d+)\s+(?:\[[=>.]+\]|[━╸╺]+)"
    r"|[━╸╺]{4,}\s+(?:(?P<rich>\d+)/(?P<of_rich>\d+)|(?P<percent>\d+)%)"
)
"""A bar of tqdm, a place such as `[352/360 (98%)]`, and the bars of Keras and of Rich."""

_CLOCK = re.compile(r" \[(?:(\d+):)?(\d+):(\d+)<")
"""How long a bar of tqdm has run."""


class Mark(NamedTuple):
    """A count in a log."""

    shown: LogProgress
    position: float
    """How many units are done."""
    end: int
    """The offset of its line's end in the log."""

    @property
    def outer(self) -> tuple[str, int, int]:
        """The unit, its number and how many there are."""
        return self.shown.unit, self.shown.done, self.shown.total


def _lines(data: bytes, offset: int) -> Iterator[tuple[str, int]]:
    """Yield the states of lines, also overwritten ones, with the offsets of their ends."""
    for piece in re.split(rb"(?<=[\r\n])", data):
        offset += len(piece)
        text = as_overwritten(piece.decode("utf-8", "replace").strip("\r\n")).rstrip()
        if text:
            yield text, offset


def marks(
    data: bytes, offset: int = 0, *, from_zero: bool = False, before: Mark | None = None
) -> Iterator[Mark]:
    """Yield the counts in a part of a log, in order.

    Within a unit the position never falls: a bar of the validation follows that of the training.

    Args:
        data: the part.
        offset: where it begins in the log.
        from_zero: True if the first unit is 0.
        before: the last count before the part, to whose unit bars belong.
    """
    reached = before
    outer = None if before is None else before.outer
    for mark in _marks(data, offset, from_zero=from_zero, outer=outer):
        if reached is not None and reached.outer == mark.outer and mark.shown.unit != "bar":
            reached = mark._replace(position=max(mark.position, reached.position))
        else:
            reached = mark
        yield reached


def _marks(
    data: bytes, offset: int, *, from_zero: bool, outer: tuple[str, int, int] | None
) -> Iterator[Mark]:
    for text, end in _lines(data, offset):
        found = [one for one in _OUTER.finditer(text) if _is_count(*one.groups(""))]
        rest = text[found[-1].end() :] if found else text
        inner = _inner(rest)
        if found:
            unit, done, total = found[-1].groups("")
            outer = (unit.lower(), int(done), int(total or 0))
            over = bool(re.search(r"\d", rest))
            position = float(outer[1] - (not over) + from_zero)
            if inner is not None:
                position = outer[1] - 1 + from_zero + inner[0] / inner[1]
            shown = LogProgress(*outer, inner=inner)
            yield Mark(shown, min(max(position, 0.0), outer[2] or position), end)
        elif inner is not None and outer is not None and outer[0] == "epoch":
            position = outer[1] - 1 + from_zero + inner[0] / inner[1]
            yield Mark(LogProgress(*outer, inner=inner), max(position, 0.0), end)
        elif (inner is not None and "%|" in text) or (inner is not None and "━" in text):
            yield Mark(LogProgress("bar", *inner, _ran(text)), float(inner[0]), end)


def _is_count(unit: str, done: str, total: str) -> bool:
    """Return True for `3/10`, and for an epoch also without the total."""
    return 0 < int(total) >= int(done) if total else unit.lower() == "epoch"


def _inner(text: str) -> tuple[int, int] | None:
    """Return how much of a part is done, e.g. of an epoch."""
    match = next(reversed([*_INNER.finditer(text)]), None)
    if match is None:
        return None
    if match["percent"]:
        return int(match["percent"]), 100
    names = (("bar", "of_bar"), ("place", "of"), ("keras", "of_keras"), ("rich", "of_rich"))
    for name, of in names:
        if match[name]:
            done, total = int(match[name]), int(match[of])
            return (done, total) if 0 < total >= done else None
    return None


def _ran(text: str) -> int | None:
    match = _CLOCK.search(text)
    if match is None:
        return None
    hours, minutes, seconds = (int(group or 0) for group in match.groups())
    return 3600 * hours + 60 * minutes + seconds


def _read(log: Path, size: int, *, end: bool) -> tuple[bytes, int]:
    try:
        with plain_files.open_plain(log) as file:
            start = max(file.seek(0, 2) - size, 0) if end else 0
            file.seek(start)
            return file.read(size), start
    except OSError:
        return b"", 0


def log_progress(logs: Sequence[Path]) -> LogProgress | None:
    """Return the progress in the last lines of logs; a count goes before a bar of its parts."""
    found = _last(logs)
    return None if found is None else found[1].shown


def _last(logs: Sequence[Path]) -> tuple[int, Mark, bool] | None:
    """Return the last count, the index of its log, and if its first unit is 0."""
    newest_first = sorted(range(len(logs)), key=lambda at: _written(logs[at]), reverse=True)
    found: list[tuple[int, Mark, bool]] = []
    for at in newest_first:
        head = next(marks(_read(logs[at], HEAD_BYTES, end=False)[0]), None)
        from_zero = head is not None and head.shown.unit != "bar" and head.shown.done == 0
        mark = _last_of(logs[at], from_zero)
        found += [] if mark is None else [(at, mark, from_zero)]
    counts = (one for one in found if one[1].shown.unit != "bar")
    return next(counts, next(iter(found), None))


def _last_of(log: Path, from_zero: bool) -> Mark | None:
    """Return a log's last count."""
    data, start = _read(log, TAIL_BYTES, end=True)
    found = next(reversed([*marks(data, start, from_zero=from_zero)]), None)
    if found is None or found.shown.unit != "bar" or not start:
        return found
    last = start // BLOCK
    for block in range(last, max(last - MOST_BLOCKS, -1), -1):
        until = start if block == last else None
        if (before := _last_in_block(log, block, until, from_zero)) is not None:
            return [*marks(data, start, from_zero=from_zero, before=before)][-1]
    return found


@lru_cache(maxsize=4096)
def _last_in_block(log: Path, block: int, until: int | None, from_zero: bool) -> Mark | None:
    """Return the last count of a block of a log that is no bar; a log is never overwritten."""
    end = (block + 1) * BLOCK if until is None else until
    try:
        with plain_files.open_plain(log) as file:
            start = file.seek(max(block * BLOCK - LINE, 0))
            data = file.read(end - start)
    except OSError:
        return None
    counts = marks(data, start, from_zero=from_zero)
    return next(reversed([one for one in counts if one.shown.unit != "bar"]), None)


def _written(log: Path) -> int:
    try:
        return plain_files.status(log).st_mtime_ns
    except OSError:
        return 0


def end_of_work(
    directory: Path, started_at: int, now: int, total_of: Callable[[str], float | None]
) -> int | None:
    """Return when an attempt's work will be done, in microseconds since 1970; None: unknown.

    Args:
        directory: the attempt's, with its logs.
        started_at: when it started.
        now: the time.
        total_of: returns how many of a unit, e.g. `epoch`, there will be, if the log says none.
    """
    logs = [directory / name for name in (STDOUT_FILE, STDERR_FILE)]
    found = _last(logs)
    if found is None:
        return None
    at, last, from_zero = found
    total = float(last.shown.total) or total_of(last.shown.unit)
    if not total or last.position >= total:  # nobody knows how long what follows will take
        return None
    times = GrowthTimes(directory)
    times.poll()
    begun = _time(times, at, 1) or started_at
    last_at = _time(times, at, last.end) or _written(logs[at]) // 1000
    if last.shown.seconds is not None and last.shown.total:  # by the bar's own clock
        if not last.shown.covers((last_at - started_at) / clock.SECOND):
            return None
        begun = last_at - last.shown.seconds * clock.SECOND
    first, first_at = 0.0, begun
    for mark in marks(_read(logs[at], HEAD_BYTES, end=False)[0], from_zero=from_zero):
        if mark.shown.unit == last.shown.unit and mark.shown.total == last.shown.total:
            first_time = _time(times, at, mark.end)
            if first_time and last.position - mark.position >= LEAST_PART * total:
                first, first_at = mark.position, first_time
            break
    done, spent = last.position - first, last_at - first_at
    if done <= 0 or spent <= 0:
        return None
    one = spent / done
    left = total - last.position
    # a unit that takes longer than the others is almost done
    return int(max(last_at + left * one, now + max(left - 1, 0) * one))


def _time(times: GrowthTimes, rank: int, end: int) -> int | None:
    return times.time(times.moment(rank, end))
