"""The progress that a stage's log prints, as the counts in it.

`epoch 3/10`, `step 40 of 100`, `Train Epoch: 4 [352/360 (98%)]`, `epoch_3`, the bars of tqdm, Rich
and Keras, and bars within an epoch. A count with values behind it is of a unit that is over, a
heading without any begins one. Each has the time at which the supervisor saw it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from trainui import system
from trainui.control.log_files import GrowthTimes
from trainui.record import dataclass
from trainui.supervisor.protocol import STDERR_FILE, STDOUT_FILE
from trainui.text import as_overwritten
from trainui.tui.snapshot import LogProgress

HEAD_BYTES, TAIL_BYTES = 65_536, 4096
"""The beginning of a log in which its first count is sought, and the end for its last one."""

BLOCK, MOST_BLOCKS, LINE = 16_384, 512, 256
"""Bytes that are read at once, and how many times, back to the epoch that a bar belongs to: Keras
and Rich print a bar's every state, and an epoch only once. And the bytes before each that are read
too, in which a line may begin."""

MOST_BAR_BLOCKS = 64
"""Blocks back to the bar within which an evaluation has its own."""

PROGRESS_BYTES = 4096
"""The beginning of a log in which `max_steps` is searched for."""

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

_ALONE = re.compile(r"\s*\[\s*\d+/\d+\]\s.*(?:[=:]\s*[-+]?\d|\d\.\d)")
"""`[ 12/200] loss=0.5`: a place without a unit, but with values."""

_SIGNS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x08+")
"""Colours, and the backspaces behind Keras' bars."""

_CLOCK = re.compile(r" \[(?:(\d+):)?(\d+):(\d+)<")
"""How long a bar of tqdm has run."""

_TOTAL = re.compile(rb"(?:max_steps|total optimization steps)[^\w-]{1,4}([\d,]+)", re.IGNORECASE)
"""The number of steps that a log announces."""


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
        shown = _SIGNS.sub("", piece.decode("utf-8", "replace").strip("\r\n"))
        text = as_overwritten(shown).rstrip()
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
        elif inner is not None and ("%|" in text or "━" in text or _ALONE.match(text)):
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
        with system.open_plain(log) as file:
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
    newest_first = sorted(range(len(logs)), key=lambda at: written_at(logs[at]), reverse=True)
    found: list[tuple[int, Mark, bool]] = []
    for at in newest_first:
        head = marks(_read(logs[at], HEAD_BYTES, end=False)[0])
        count = next((one for one in head if one.shown.unit != "bar"), None)
        from_zero = count is not None and count.shown.done == 0
        mark = _last_of(logs[at], from_zero)
        found += [] if mark is None else [(at, mark, from_zero)]
    counts = (one for one in found if one[1].shown.unit != "bar")
    return next(counts, next(iter(found), None))


def _last_of(log: Path, from_zero: bool) -> Mark | None:
    """Return a log's last count; of bars the longest, within which an evaluation has its own."""
    data, start = _read(log, TAIL_BYTES, end=True)
    tail = [*marks(data, start, from_zero=from_zero)]
    if not tail or tail[-1].shown.unit != "bar":
        return tail[-1] if tail else None
    last = start // BLOCK
    blocks = [*range(last, max(last - MOST_BLOCKS, -1), -1)] if start else []
    for block in blocks:
        before = _last_in_block(log, block, start if block == last else None, from_zero)
        if before is not None and before.shown.unit != "bar":
            return [*marks(data, start, from_zero=from_zero, before=before)][-1]
    earlier = (
        _last_in_block(log, block, start if block == last else None, from_zero)
        for block in blocks[:MOST_BAR_BLOCKS]
    )
    around = (one for one in (*reversed(tail), *earlier) if _is_around(one, tail[-1]))
    outer = next(around, None)
    return tail[-1] if outer is None else _latest(log, outer)


def _latest(log: Path, bar: Mark) -> Mark:
    """Return the last state of a bar around others near this one, which is full if it has ended."""
    try:
        with system.open_plain(log) as file:
            file.seek(bar.end)
            later = [*marks(file.read(BLOCK), bar.end)]
    except OSError:
        return bar
    return next((one for one in reversed(later) if is_same_unit(one, bar)), bar)


def _is_around(mark: Mark | None, last: Mark) -> bool:
    """Return True for a bar that is not full, and has run for longer than the last one."""
    if mark is None or mark.shown.seconds is None or last.shown.seconds is None:
        return False
    return mark.shown.done < mark.shown.total and mark.shown.seconds > last.shown.seconds


@lru_cache(maxsize=4096)
def _last_in_block(log: Path, block: int, until: int | None, from_zero: bool) -> Mark | None:
    """Return a block's last count, else its longest bar; a log is never overwritten."""
    end = (block + 1) * BLOCK if until is None else until
    try:
        with system.open_plain(log) as file:
            start = file.seek(max(block * BLOCK - LINE, 0))
            data = file.read(end - start)
    except OSError:
        return None
    found = [*marks(data, start, from_zero=from_zero)]
    counts = [one for one in found if one.shown.unit != "bar"]
    longest = max(found, key=_ran_unfinished, default=None)
    return counts[-1] if counts else longest


def _ran_unfinished(bar: Mark) -> tuple[bool, int]:
    """Return the order of bars: for how long each has run, full ones first."""
    return bar.shown.done < bar.shown.total, bar.shown.seconds or 0


def _mark_before(log: Path, last: Mark, position: float, from_zero: bool) -> Mark | None:
    """Return the last count of the same unit up to a position, by halving the log."""

    def reached(block: int) -> Mark | None:
        for at in range(block, max(block - MOST_BLOCKS, -1), -1):
            mark = _last_in_block(log, at, None, from_zero)
            if mark is not None and is_same_unit(mark, last):
                return mark
        return None

    low, high = 0, last.end // BLOCK
    while low < high:
        middle = (low + high) // 2
        mark = reached(middle)
        if mark is None or mark.position <= position:
            low = middle + 1
        else:
            high = middle
    before = reached(low - 1) if low else None
    found = [] if before is None else [before]
    try:
        with system.open_plain(log) as file:
            start = file.seek(max(low * BLOCK - LINE, 0))
            counts = marks(file.read(BLOCK + LINE), start, from_zero=from_zero)
    except OSError:
        return None
    found += [one for one in counts if is_same_unit(one, last)]
    return next((one for one in reversed(found) if one.position <= position), None)


def is_same_unit(mark: Mark, other: Mark) -> bool:
    """Return True for two counts of the same unit with the same total."""
    return (mark.shown.unit, mark.shown.total) == (other.shown.unit, other.shown.total)


def written_at(log: Path) -> int:
    """Return when a log was last written, in nanoseconds since 1970; 0: unknown."""
    try:
        return system.status(log).st_mtime_ns
    except OSError:
        return 0


@dataclass(frozen=True, slots=True)
class Counted:
    """The counts of one unit in a log of an attempt, with their times."""

    log: Path
    rank: int
    times: GrowthTimes
    last: Mark
    from_zero: bool

    @classmethod
    def read(cls, directory: Path) -> Counted | None:
        """Read the unit of which an attempt's logs show the progress; None: there is none."""
        logs = [directory / name for name in (STDOUT_FILE, STDERR_FILE)]
        found = _last(logs)
        if found is None:
            return None
        times = GrowthTimes(directory)
        times.poll()
        return cls(logs[found[0]], found[0], times, found[1], found[2])

    def time(self, end: int) -> int | None:
        """Return when the log reached a size."""
        return self.times.time(self.times.moment(self.rank, end))

    def at(self, mark: Mark | None) -> tuple[float, int] | None:
        """Return how many units were done at a count, and when."""
        time = None if mark is None else self.time(mark.end)
        return None if mark is None or time is None else (mark.position, time)

    def reached(self, position: float) -> tuple[float, int] | None:
        """Return the last count up to a position."""
        return self.at(_mark_before(self.log, self.last, position, self.from_zero))

    def first(self) -> Mark | None:
        """Return the first count of a unit's parts, after what is compiled or loaded, or of one."""
        found: Mark | None = None
        data, _ = _read(self.log, HEAD_BYTES, end=False)
        for mark in marks(data, from_zero=self.from_zero):
            if is_same_unit(mark, self.last):
                if 0 < mark.position < 1:
                    return mark
                found = found or mark
                if mark.position >= 1:
                    break
        return found


def most_steps(logs: Sequence[Path]) -> int:
    """Return the number of steps that the beginning of a log announces; 0: none."""
    for log in logs:
        try:
            with system.open_plain(log) as file:
                match = _TOTAL.search(file.read(PROGRESS_BYTES))
        except OSError:
            continue
        if match is not None and (digits := match[1].replace(b",", b"")):
            return int(digits)
    return 0


def log_state(log: Path) -> tuple[int, int]:
    """Return a log's size, and when it was last written, in microseconds; 0 if it is missing."""
    try:
        status = system.status(log)
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns // 1000


def shown_progress(logs: Sequence[Path], last_step: int) -> LogProgress | None:
    """Return the log's progress; else the last step of those that its beginning announces."""
    found = log_progress(logs)
    total = most_steps(logs) if found is None and last_step else 0
    is_better = found is None and total and last_step <= total
    return LogProgress("step", last_step, total) if is_better else found
