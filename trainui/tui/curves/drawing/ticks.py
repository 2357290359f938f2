"""Marks of an axis and their labels: round numbers, durations and times of day."""

from __future__ import annotations

import bisect
import math
import re
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

LABEL = 6
"""The most characters of a label."""

_TIMES = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200)
"""Distances between two marks in seconds, up to half a day; beyond that whole days."""

_DAY = 86_400


class Tick(NamedTuple):
    """A mark of an axis."""

    value: float
    label: str


def numbers(low: float, high: float, most: int) -> list[Tick]:
    """Return at most `most` round numbers in a range, labelled as values of a metric."""
    stride = round_stride(high - low, most)
    values = _multiples(low, high, stride)
    return _apart(map(Tick, values, _written(values, stride)))


def _apart(found: Iterable[Tick]) -> list[Tick]:
    """Drop marks with a label that an earlier one has."""
    by_label: dict[str, Tick] = {}
    for tick in found:
        by_label.setdefault(tick.label, tick)
    return list(by_label.values())


def steps(low: float, high: float, most: int) -> list[Tick]:
    """Return round numbers labelled as steps: `0`, `500`, `1.5k`, `2M`."""
    stride = round_stride(high - low, most)
    if float(low).is_integer() and high - low >= 1:
        stride = max(stride, 1.0)
    return _apart(Tick(value, count(value, stride)) for value in _multiples(low, high, stride))


def powers(low: float, high: float, most: int) -> list[Tick]:
    """Return powers of ten; in a range of less than two decades also 2 and 5 times each power."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    if last - first >= 2:
        stride = -(-(last - first + 1) // max(most, 1))
        return [Tick(10.0**power, short(10.0**power)) for power in range(first, last + 1, stride)]
    found = _apart(
        Tick(part * 10.0**power, short(part * 10.0**power))
        for power in range(first - 1, last + 1)
        for part in (1, 2, 5)
        if low <= part * 10.0**power <= high
    )
    if 2 <= len(found) <= most:
        return found
    whole = [Tick(10.0**power, short(10.0**power)) for power in range(first, last + 1)]
    return whole if len(whole) > 1 else numbers(low, high, most)


def durations(low: float, high: float, most: int) -> list[Tick]:
    """Return round durations: `0`, `30s`, `5m`, `2h`, `3d`."""
    stride = _time_stride(high - low, most)
    if stride < 1:
        return _apart(Tick(value, f"{value:g}s") for value, _ in numbers(low, high, most))
    return _apart(Tick(value, duration(value)) for value in _multiples(low, high, stride))


def moments(low: float, high: float, most: int) -> list[Tick]:
    """Return round times of day in local time; at midnight the date."""
    stride = max(_time_stride(high - low, most), 1)
    offset = datetime.fromtimestamp(low).astimezone().utcoffset()
    shift = offset.total_seconds() if offset is not None else 0.0
    return [
        Tick(value - shift, _moment(value - shift, stride))
        for value in _multiples(low + shift, high + shift, stride)
    ]


def _moment(seconds: float, stride: float) -> str:
    moment = datetime.fromtimestamp(seconds).astimezone()
    if stride >= _DAY or (moment.hour, moment.minute, moment.second) == (0, 0, 0):
        return f"{moment:%d %b}"
    return f"{moment:%H:%M}" if stride >= 60 else f"{moment:%H:%M:%S}"


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


def with_ends(low: float, high: float, most: int) -> list[Tick]:
    """Return the two ends of a range, then at most `most` round numbers in it."""
    inner, grain = numbers(low, high, most), round_stride(high - low, most) / 10
    ends = [Tick(high, short(high, grain)), Tick(low, short(low, grain))]
    labels = [tick.label for tick in (*ends, *inner)]
    exact = not any(label.startswith("+") for label in labels)
    if exact and ends[0].label != ends[1].label and max(map(len, labels)) <= LABEL:
        return [*ends, *inner]
    above = [Tick(value, _above(value - low)) for value in (high, *(tick.value for tick in inner))]
    return [above[0], Tick(low, short(low)), *(tick for tick in above[1:] if tick.value > low)]


def short(value: float, grain: float = 0.0) -> str:
    """Format a value of the y axis: `0.05`, `12.5k`, `2.5e-5`.

    `grain` is the distance that the digits distinguish; 0: four significant digits or fewer.
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    power = math.floor(math.log10(abs(value)) + 1e-12)
    fine = -math.floor(math.log10(grain) + 1e-9) if grain > 0 else 3 - power
    if 4 <= power < 9:
        texts = [count(value, max(10.0**-fine, 10.0 ** (power - 4)))]
    else:
        texts = [trimmed(f"{value:.{max(fine, 0)}f}")] if -3 <= power < 4 else []
    for digits in range(max(min(power + fine, 3), 0), -1, -1):
        mantissa, exponent = f"{value:.{digits}e}".split("e")
        texts.append(f"{trimmed(mantissa)}e{int(exponent)}")
    return next((text for text in texts if len(text) <= LABEL), texts[-1])


def is_exact(value: float, grain: float) -> bool:
    """Return True if a value's label is as exact as the grain."""
    label = short(value, grain)
    number = label.rstrip("kMG")
    size = {"k": 1e3, "M": 1e6, "G": 1e9}.get(label[-1], 1.0)
    return abs(float(number) * size - value) < grain / 4


def _written(values: list[float], stride: float) -> list[str]:
    """Format numbers alike, with as many digits as distinguish them."""
    greatest = max((abs(value) for value in values), default=0.0)
    if stride <= 0 or greatest == 0:
        return [short(value) for value in values]
    fine = -math.floor(math.log10(stride) + 1e-9)
    power = math.floor(math.log10(greatest) + 1e-9)
    if -3 <= power < 4:
        texts = [f"{value:.{max(fine, 0)}f}" for value in values]
    elif 4 <= power < 9:
        texts = [count(value, stride) for value in values]
    else:
        texts = [short(value, stride) for value in values]
    texts = ["0" if value == 0 else text for value, text in zip(values, texts, strict=True)]
    if max(map(len, texts)) <= LABEL:
        return texts
    texts = [short(value, stride) for value in values]
    if len(set(texts)) == len(texts) and max(map(len, texts)) <= LABEL:
        return texts
    return [short(values[0]), *(_above(value - values[0]) for value in values[1:])]


def _above(distance: float) -> str:
    """Format a value as a distance above the first one, with two digits if they fit."""
    written = (f"+{distance:.2g}", f"+{distance:.1e}", f"+{distance:.0e}")
    texts = [re.sub(r"e\+?(-?)0?", r"e\1", text) for text in written]
    return next((text for text in texts if len(text) <= LABEL), texts[-1])


def count(value: float, stride: float = 0.0) -> str:
    """Format a step so that it differs from the steps one stride away."""
    size = abs(value)
    for least, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if size >= least:
            digits = max(-math.floor(math.log10(stride / least) + 1e-9), 0) if stride else 2
            return f"{trimmed(f'{value / least:.{digits}f}')}{letter}"
    digits = max(-math.floor(math.log10(stride) + 1e-9), 0) if stride else 4
    return trimmed(f"{value:.{digits}f}")


def trimmed(text: str) -> str:
    """Remove trailing zeros after the decimal point of a formatted number."""
    digits, exponent, power = text.partition("e")
    return (digits.rstrip("0").rstrip(".") if "." in digits else digits) + exponent + power


def duration(seconds: float) -> str:
    """Format a duration in one or two units: `0`, `90s`, `1m30s`, `2h`, `3d12h`."""
    whole = round(seconds)
    if whole == 0:
        return "0" if seconds == 0 else f"{seconds:.2g}s"
    for size, unit, below, smaller in (
        (_DAY, "d", 3600, "h"),
        (3600, "h", 60, "m"),
        (60, "m", 1, "s"),
    ):
        if abs(whole) >= size:
            rest = whole % size // below
            return f"{whole // size}{unit}" + (f"{rest}{smaller}" if rest else "")
    return f"{whole}s"


def moment(seconds: float) -> str:
    """Format a time of day in local time, with the date if it is not today."""
    from trainui.tui.render.numbers import clock_time

    return clock_time(round(seconds * 1_000_000))
