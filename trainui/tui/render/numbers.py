"""Numbers, times and sizes as people read them in a narrow column."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

from trainui.braille import plot_lines
from trainui.clock import SECOND, format_duration
from trainui.domain.states import Status


def number(value: float | None) -> str:
    """Write a metric's value in at most seven characters; `–` for none."""
    if value is None:
        return "–"
    if not math.isfinite(value):
        return str(value)
    size = abs(value)
    if size >= 1e6 or 0 < size < 1e-3:
        return _scientific(value)
    if value == int(value):
        return str(int(value))
    whole_digits = len(str(int(size)))
    return f"{value:.{max(5 - whole_digits, 0)}f}"


def _scientific(value: float) -> str:
    """Write `1.23e-5`, with fewer digits where the exponent is long."""
    for digits in (2, 1, 0):
        mantissa, exponent = f"{value:.{digits}e}".split("e")
        text = f"{mantissa}e{int(exponent)}"
        if len(text) <= 7:
            break
    return text


def step(value: float | None) -> str:
    """Write a step: whole where it is."""
    if value is None:
        return "–"
    if value != int(value):
        return f"{value:g}"
    whole = int(value)
    if whole < 100_000:
        return str(whole)
    return f"{whole / 1e6:.4g}M" if whole >= 1_000_000 else f"{whole / 1e3:.4g}k"


def elapsed(started_at: int | None, completed_at: int | None, now: int) -> str:
    """Write how long something took, or has taken so far; empty where it has not begun."""
    if started_at is None:
        return ""
    seconds = ((completed_at or now) - started_at) / SECOND
    return format_duration(seconds if completed_at or seconds >= 10 else int(max(seconds, 0)))


def clock_time(micros: int | None) -> str:
    """Write a time of the day here, with the date where it was not today."""
    if micros is None:
        return ""
    moment = datetime.fromtimestamp(micros / SECOND).astimezone()
    today = datetime.now().astimezone()
    if moment.date() == today.date():
        return f"{moment:%H:%M:%S}"
    return f"{moment:%d %b %H:%M}" if moment.year == today.year else f"{moment:%Y-%m-%d %H:%M}"


def when(micros: int) -> str:
    """Write a time in at most six characters: `14:05` today, else `03 Mar`, else the year."""
    moment = datetime.fromtimestamp(micros / SECOND).astimezone()
    today = datetime.now().astimezone()
    if moment.date() == today.date():
        return f"{moment:%H:%M}"
    return f"{moment:%d %b}" if moment.year == today.year else f"{moment:%Y}"


def state_style(status: Status) -> str:
    """Return the name of a state's style."""
    return f"state-{status}"


def progress_bar(done: float, total: int, width: int) -> tuple[str, str]:
    """Return the full and the empty part of a bar; it is full only when all is done."""
    return bar(int(width * done / total) if total else 0, width)


def bar(full: int, width: int) -> tuple[str, str]:
    """Return the full and the empty part of a bar, told apart without colours too."""
    return "━" * full, "─" * (width - full)


_BLOCKS = "▁▂▃▄▅▆▇█"


def blocks(shares: Sequence[float]) -> str:
    """Draw values between 0 and 100 as a block each, so that two lines compare."""
    most = len(_BLOCKS) - 1
    return "".join(_BLOCKS[round(min(max(share, 0.0), 100.0) * most / 100)] for share in shares)


def spark(values: Sequence[float], width: int) -> str:
    """Draw a course in one line, gaps bridged, from its least to its greatest value.

    Args:
        values: from the oldest to the newest; NaN where there is none.
        width: cells, two values each; of more values some are averaged.
    """
    columns = [_mean(part) for part in _parts(values, 2 * width)]
    return plot_lines(columns, columns, 1)[0] if columns else ""


def _parts(values: Sequence[float], count: int) -> list[Sequence[float]]:
    count = min(count, len(values))
    return [
        values[len(values) * at // count : len(values) * (at + 1) // count] for at in range(count)
    ]


def _mean(values: Sequence[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return sum(finite) / len(finite) if finite else math.nan
