"""The marks of an axis: round numbers, durations and times of day, with the texts of their labels.

Labels have at most five characters, all are different and none is misleading. Where numbers need
more characters, labels are what is left of them after an offset is taken off, in units of a power
of ten; the axis's title says both.
"""

from __future__ import annotations

import bisect
import math
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal
from functools import lru_cache
from typing import NamedTuple

LABEL = 5
"""The most characters of a label."""

EXACT_END, TOLERABLE_END = 1 / 400, 1 / 40
"""Shares of an axis by which a label may be wrong: without notice, and by less than a line."""

LETTERS_FROM = 4
"""Power of ten from which a metric's value is written with a letter, e.g. `12k`."""

STEP_LETTERS_FROM = 3

SMALL = -3
"""Least power of ten of labels with an offset: they need no power of ten of their own each."""

CACHED = 256
"""Sizes of caches: axes seldom change."""

_SIZES = {"G": 9, "M": 6, "k": 3}
_DAY, _YEAR = 86_400, 365 * 86_400

_TIMES = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200)
"""Distances between two marks in seconds, up to half a day; beyond that whole days."""

EXACT, TOLERABLE = 1 / 100, 1 / 4
"""Shares of the distance between two marks by which a label may be wrong."""

CLOSE = 0.005
"""The least step, as a share of the marks, from which more of an axis may be empty."""

FAR_APART, SPARSE = 6, 0.5
"""Lines from which on marks are too far apart, and what twice as many count in such shares as
below."""

MOST_EMPTY, NO_MORE, FEWER, ODD, DIGIT, OPEN = 0.3, 0.55, 0.09, 0.04, 0.02, 0.05
"""The greatest share of an axis that is left empty for round ends, and that where there are no
others; and what counts as much as such a share: no marks in place of the most, marks that are no
multiples of their distance, a character of a label, a line above the last mark."""


class NumberFormat(NamedTuple):
    """How the numbers of an axis are written."""

    exact: float
    """A label that is wrong by no more than this is right."""
    tolerable: float
    letters_from: int = LETTERS_FROM
    offset: Decimal = Decimal(0)
    power: int = 0
    """Labels are in units of this power of ten."""

    def write(self, value: float) -> str | None:
        """Return a number's label; None if it would be wrong by more than is tolerable."""
        exact, tolerable = (
            float(Decimal(most).scaleb(-self.power)) for most in (self.exact, self.tolerable)
        )
        return written(self._rest(value), exact, tolerable, self.letters_from)

    def nearest(self, value: float) -> str:
        """Return the label that is nearest to a number."""
        return nearest(self._rest(value), self.letters_from)

    def _rest(self, value: float) -> float:
        return float((Decimal(value) - self.offset).scaleb(-self.power))

    def writes(self, values: Collection[float]) -> bool:
        """Return True if these numbers have different labels, and of two also one between them."""
        texts = [self.write(value) for value in values]
        if len(values) == 2:
            rough = self._replace(tolerable=4 * self.tolerable)
            texts.append(rough.write(sum(value / 2 for value in values)))
        return None not in texts and len(set(texts)) == len(texts)

    @property
    def title(self) -> str:
        """What to do with a label to get its number, e.g. `labels·1e-9 + 1.23`; empty: nothing."""
        unit = f"·1e{self.power}" if self.power else ""
        sign = "-" if self.offset < 0 else "+"
        offset = f" {sign} {_digits(abs(self.offset))}" if self.offset else ""
        return f"labels{unit}{offset}" if unit or offset else ""

    @property
    def title_before(self) -> str:
        """The same before the labels, e.g. `1200000 +`."""
        return self.title if self.power or not self.offset else f"{_digits(self.offset)} +"


@lru_cache(maxsize=CACHED)
def number_format(
    values: tuple[float, ...], exact: float, tolerable: float, letters_from: int = LETTERS_FROM
) -> NumberFormat:
    """Return the simplest format that distinguishes these numbers."""
    plain = NumberFormat(exact, tolerable, letters_from)
    low, high = min(values), max(values)
    greatest = Decimal(max(-low, high))
    formats = [plain, plain._replace(power=greatest.adjusted())]
    if (span := max(Decimal(high) - Decimal(low), 20 * Decimal(tolerable))) > 0:
        unit = Decimal(1).scaleb(span.adjusted() + 1)
        offset = (Decimal(low) / unit).to_integral_value(ROUND_FLOOR) * unit
        rest = (Decimal(high) - offset).adjusted()
        with_offset = [plain._replace(offset=offset)] if rest >= SMALL else []
        formats += [*with_offset, plain._replace(offset=offset, power=rest - 1)]
    return next((one for one in formats if one.writes(values)), formats[-1])


def written(
    value: float,
    exact: float,
    tolerable: float,
    letters_from: int = LETTERS_FROM,
    room: int = LABEL,
) -> str | None:
    """Return the shortest text of a number that is exact, else the nearest tolerable one."""
    least, found = math.inf, None
    for text in _texts(value, letters_from, exact, room):
        error = abs(_number(text) - value)
        if len(text) <= room and error < least:
            least, found = error, text
            if error <= exact:
                break
    return found if least <= tolerable else None


def nearest(value: float, letters_from: int = LETTERS_FROM, room: int = LABEL) -> str:
    """Return the text of a number that is nearest to it."""
    return written(value, 0.0, math.inf, letters_from, room) or f"{value:.0e}"


def _texts(value: float, letters_from: int, exact: float, room: int) -> Iterator[str]:
    """Yield texts of a number, from one to five significant digits."""
    if abs(value) <= exact * 1e-6:  # a rounding error of a difference
        yield "0"
        return
    for digits in range(1, room + 1):
        mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
        power = int(exponent)
        rounded = Decimal(mantissa).scaleb(power)
        if -3 <= power < letters_from:
            text = trimmed(f"{rounded:f}")
            yield _without_zero(text, room)
        elif letters_from <= power < 9 + 3 * (letters_from < LETTERS_FROM):
            letter = next(letter for letter, size in _SIZES.items() if size <= power)
            yield trimmed(f"{rounded.scaleb(-_SIZES[letter]):f}") + letter
            yield f"{rounded:.0f}"
        else:
            short = trimmed(mantissa)
            yield f"{short}e{power}"
            decimals = len(short.partition(".")[2])
            yield f"{Decimal(short).scaleb(decimals):f}e{power - decimals}"


def _without_zero(text: str, room: int) -> str:
    """Remove the zero before the decimal point of a number that is too long."""
    return text if len(text) <= room else re.sub(r"\b0\.", ".", text)


def _number(text: str) -> float:
    size = _SIZES.get(text[-1], 0)
    return float(f"{text[:-1]}e{size}") if size else float(text)


def _digits(value: Decimal) -> str:
    return trimmed(f"{value:f}") if -12 < value.adjusted() < 15 else f"{value.normalize():e}"


def aligned(texts: Sequence[str]) -> list[str]:
    """Give numbers with a decimal point the same number of decimals, if all of them fit."""
    decimals = max((len(text.partition(".")[2]) for text in texts), default=0)
    if not decimals or not all(text.lstrip("-").replace(".", "").isdigit() for text in texts):
        return list(texts)
    padded = [
        text if text == "0" else _without_zero(f"{Decimal(text):.{decimals}f}", LABEL)
        for text in texts
    ]
    return padded if all(len(text) <= LABEL for text in padded) else list(texts)


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


def fine_duration(seconds: float, grain: float) -> str:
    """Format a duration below a minute with as many digits as `grain` seconds change it by."""
    if grain >= 1 or abs(seconds) >= 60:
        return duration(seconds)
    return f"{count(seconds, grain)}s"


def short_duration(seconds: float) -> str:
    """Format a duration as a label, e.g. `10m15` for 10 minutes and 15 seconds."""
    if 0 < seconds < 9.95:
        return f"{nearest(round(seconds, 1) if seconds >= 1 else seconds, room=LABEL - 1)}s"
    text = duration(seconds)
    if len(text) <= LABEL:
        return text
    return text[:-1] if len(text) == LABEL + 1 else re.sub(r"(\D).*", r"\1", text)


def moment(seconds: float) -> str:
    """Format a time of day in local time, with the date if it is not today."""
    from trainui.tui.numbers import clock_time

    return clock_time(round(seconds * 1_000_000))


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
    form = number_format(tuple(values), *errors, STEP_LETTERS_FROM)
    marks = apart(Tick(value, text) for value in values if (text := form.write(value)))
    return Ticks(marks, form.nearest, form.title_before)


def nearest_step(x: float) -> str:
    """Format a step as a label."""
    return nearest(x, STEP_LETTERS_FROM)


_EVEN = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)
"""Distances between evenly spaced marks, each times a power of ten; as many are tried."""


@lru_cache(maxsize=CACHED)
class EvenMarks(NamedTuple):
    """Marks as many lines apart, and the end of the axis, which may be a line or two above them."""

    marks: tuple[float, ...] = ()
    end: float = math.nan


def even_marks(low: float, high: float, most: int, rows: int = 0) -> EvenMarks:
    """Return at most `most` parts' evenly spaced round numbers around a range; empty: none fit.

    The first one is the lower end of the axis, of which as little as possible is empty. `rows` are
    the lines from one end to the other, so that marks are whole lines apart; 0: any.
    """
    found: list[tuple[float, EvenMarks]] = []
    for parts in range(2, (min(most, rows) if rows > 1 else most) + 1):
        above = rows % parts if rows > 1 else 0
        if above and above >= rows // parts:
            continue
        length = parts + above / max(rows // parts, 1)
        least = (high - low) / length
        power = 10.0 ** math.floor(math.log10(least))
        steps = [part * size for size in (power, 10 * power) for part in _EVEN]
        for step in [step for step in steps if step >= least * (1 - 1e-9)][:4]:
            size = power * 10 if step >= power * 10 else power
            for grain in dict.fromkeys((step, size, size / 2)):
                first = math.floor(low / grain + 1e-9) * grain
                last = first + length * step
                empty = 1 - (high - low) / (last - first)
                is_wide = empty > MOST_EMPTY
                if last < high - 1e-9 * step or empty > NO_MORE:
                    continue
                if is_wide and step < CLOSE * max(abs(first), abs(last)):
                    continue  # parts left out of the labels say more
                marks = tuple(float(f"{first + at * step:.12g}") for at in range(parts + 1))
                texts = [written(mark, step / 1e6, step / 1e6) for mark in marks]
                known = [text for text in texts if text is not None]
                if len(set(known)) <= parts:
                    continue
                odd = abs(first / step - round(first / step)) > 1e-6
                cost = (
                    empty
                    + (empty > MOST_EMPTY)
                    + FEWER * (most - parts) / most
                    + SPARSE * max(rows / parts / FAR_APART - 1, 0)
                    + ODD * odd
                    + OPEN * above
                )
                cost += DIGIT * max(map(len, known))
                found.append((cost, EvenMarks(marks, last if above else marks[-1])))
    return min(found, default=(0.0, EvenMarks()))[1]


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
        texts = [short_duration(value - base) for value in values]
        if len(set(texts)) == len(texts) and max(map(len, texts), default=0) <= LABEL:
            break
    title = f"{duration(base)} +" if base else ""
    return _above(values, texts, base, short_duration, title)


def _fractions(low: float, high: float, most: int) -> Ticks:
    """Return round parts of seconds."""
    stride = round_stride(high - low, most)
    values, room = _multiples(low, high, stride), LABEL - 1
    errors = stride * EXACT, stride * TOLERABLE
    for base in (0, math.floor(low)):
        texts = [written(value - base, *errors, room=room) for value in values]
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
