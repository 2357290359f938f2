"""Marks of an axis: round numbers, durations and times of day, with their labels."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from trainui.tui.axes import labels
from trainui.tui.axes.labels import (
    CACHED,
    LABEL,
    LETTERS_FROM,
    STEP_LETTERS_FROM,
    nearest,
)

_TIMES = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200)
"""Distances between two marks in seconds, up to half a day; beyond that whole days."""

_DAY, _YEAR = 86_400, 365 * 86_400

EXACT, TOLERABLE = 1 / 100, 1 / 4
"""Shares of the distance between two marks by which a label may be wrong."""


class Tick(NamedTuple):
    """A mark of an axis."""

    value: float
    label: str


class Ticks(NamedTuple):
    """The marks of an x axis."""

    marks: list[Tick]
    write: Callable[[float], str]
    """Writes the label of any place."""
    title: str = ""
    """What to add to the labels, e.g. `1200000 +`; empty: nothing."""


def apart(found: Iterable[Tick]) -> list[Tick]:
    """Drop marks with a label that an earlier one has."""
    by_label: dict[str, Tick] = {}
    for tick in found:
        by_label.setdefault(tick.label, tick)
    return list(by_label.values())


def numbers(low: float, high: float, most: int) -> list[float]:
    """Return at most `most` round numbers in a range."""
    return _multiples(low, high, round_stride(high - low, most))


@lru_cache(maxsize=CACHED)
def steps(low: float, high: float, most: int) -> Ticks:
    """Return round numbers labelled as steps: `0`, `500`, `1.5k`, `2M`."""
    stride = round_stride(high - low, most)
    if float(low).is_integer() and high - low >= 1:
        stride = max(stride, 1.0)
    values = _multiples(low, high, stride)
    if not values:
        return Ticks([], nearest_step)
    errors = stride * EXACT, stride * TOLERABLE
    form = labels.number_format(tuple(values), *errors, STEP_LETTERS_FROM)
    marks = apart(Tick(value, text) for value in values if (text := form.write(value)))
    return Ticks(marks, form.nearest, form.title_before)


def nearest_step(x: float) -> str:
    """Format a step as a label."""
    return nearest(x, STEP_LETTERS_FROM)


def powers(low: float, high: float, most: int) -> list[float]:
    """Return powers of ten; in a range of less than two decades also 2 and 5 times each power."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    if last - first >= 2:
        stride = -(-(last - first + 1) // max(most, 1))
        return [power_of_ten(power) for power in range(first, last + 1, stride)]
    found = [
        part * power_of_ten(power)
        for power in range(first - 1, last + 1)
        for part in (1, 2, 5)
        if low <= part * power_of_ten(power) <= high
    ]
    if 2 <= len(found) <= most:
        return found
    whole = [power_of_ten(power) for power in range(first, last + 1)]
    return whole if len(whole) > 1 else numbers(low, high, most)


def power_of_ten(power: int) -> float:
    """Return the number nearest to a power of ten."""
    return float(f"1e{power}")


def durations(low: float, high: float, most: int) -> Ticks:
    """Return round durations: `0`, `30s`, `5m`, `2h`, `3d`."""
    stride = _time_stride(high - low, most)
    if stride < 1:
        return _fractions(low, high, most)
    values = _multiples(low, high, stride)
    for base in (0, low // _DAY * _DAY):
        texts = [labels.short_duration(value - base) for value in values]
        if len(set(texts)) == len(texts) and max(map(len, texts), default=0) <= LABEL:
            break
    title = f"{labels.duration(base)} +" if base else ""
    return _above(values, texts, base, labels.short_duration, title)


def _fractions(low: float, high: float, most: int) -> Ticks:
    """Return round parts of seconds."""
    stride = round_stride(high - low, most)
    values, room = _multiples(low, high, stride), LABEL - 1
    errors = stride * EXACT, stride * TOLERABLE
    for base in (0, math.floor(low)):
        texts = [labels.written(value - base, *errors, room=room) for value in values]
        is_short = high - base < 10**LETTERS_FROM  # no letter of a number before the one of seconds
        if is_short and None not in texts and len(set(texts)) == len(texts):
            break
    in_seconds = [f"{text}s" if text else "" for text in texts]
    title = f"{base}s +" if base else ""
    return _above(values, in_seconds, base, lambda x: f"{nearest(x, room=room)}s", title)


def _above(
    values: Sequence[float],
    texts: Sequence[str],
    base: float,
    write: Callable[[float], str],
    title: str,
) -> Ticks:
    marks = apart(Tick(value, text) for value, text in zip(values, texts, strict=True) if text)
    return Ticks(marks, lambda x: write(x - base), title)


def moments(low: float, high: float, most: int) -> Ticks:
    """Return round times of day in local time; at midnight the date.

    In less than two minutes, marks are seconds after a whole minute.
    """
    if high - low < 120:
        base = low // 60 * 60
        inner = durations(low - base, high - base, most)
        marks = [Tick(value + base, label) for value, label in inner.marks]
        return Ticks(marks, lambda x: inner.write(x - base), f"{_moment(base, 60)} +")
    stride = max(_time_stride(high - low, most), 60)
    offset = datetime.fromtimestamp(low).astimezone().utcoffset()
    shift = offset.total_seconds() if offset is not None else 0.0
    values = [value - shift for value in _multiples(low + shift, high + shift, stride)]
    marks = apart(Tick(value, _moment(value, stride)) for value in values)
    return Ticks(marks, lambda x: _moment(x, min(stride, 60)))


def _moment(seconds: float, stride: float) -> str:
    moment = datetime.fromtimestamp(seconds).astimezone()
    if stride >= _YEAR:
        return f"{moment:%Y}"
    if stride >= _DAY or (moment.hour, moment.minute, moment.second) == (0, 0, 0):
        return f"{moment:%d%b}"
    return f"{moment:%H:%M}"


def round_stride(span: float, most: int) -> float:
    """Return the least 1, 2 or 5 times a power of ten of which at most `most` fit into a span."""
    least = span / max(most, 1)
    if not least > 0 or not math.isfinite(span):  # a subnormal span divided is 0
        return 0.0
    power = 10.0 ** math.floor(math.log10(least))
    for part in (1.0, 2.0, 5.0, 10.0):
        if span / (part * power) <= max(most, 1):
            return part * power
    return 10.0 * power


def _time_stride(span: float, most: int) -> float:
    wanted = span / max(most, 1)
    if wanted < 1:
        return 0.0
    at = bisect.bisect_left(_TIMES, wanted)
    return float(_TIMES[at]) if at < len(_TIMES) else max(round_stride(span / _DAY, most), 1) * _DAY


def _multiples(low: float, high: float, stride: float) -> list[float]:
    if not stride > 0:
        return [low]
    slack = stride * 1e-9
    first, last = math.ceil((low - slack) / stride), math.floor((high + slack) / stride)
    # a stride below the floats' resolution gives some of them twice
    return list(dict.fromkeys(index * stride for index in range(first, last + 1)))
