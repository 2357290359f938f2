"""Lines of one form in turn whose counter goes up, read together.

The rule: the state has read two such lines, with the same distance from counter to step. Those that
follow differ in nothing but numbers: they say the same, and their steps have that distance. The
last two of a run are left to the state, which remembers what it has seen of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import islice, zip_longest
from typing import NamedTuple

from trainui.metrics.formats.text.forms import DIGITS, MAX_PRINTED, VALUE, lex, pieces_of
from trainui.metrics.formats.text.grammar import Line
from trainui.metrics.formats.text.names import STEP, Row

_LEAST, _LEFT = 3, 2
"""Lines that are worth it, and lines at the end of a run."""
_WHOLE = r"\d{1,15}"
_OTHER = (
    r"(?:(?!\d+(?![\d.]|[eE][-+\d]))[-+]?(?:\d{1,9}(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d{1,3})?"
    r"|[-+]?(?:[nN][aA][nN]|[iI]nf)(?!\w))"
)
_WIDE = re.compile(r"(?:\\ ){2,}")
_LONGEST_NUMBER = 30
"""More characters than a number has."""
_MAY_JOIN = re.compile(r"[dhm:,.] ?|[xXbB].*", re.DOTALL)
"""Between two numbers, it may make them one, or a time, for some of their digits."""


class Steady(NamedTuple):
    """A line with counters, as the state has read it."""

    said: Line
    names: Sequence[str]
    """Of its values."""
    distance: float
    """From its counter to its step."""
    outer: str
    """The number of its epoch, as it is written."""
    counter: float


class _Plan(NamedTuple):
    """Where a form's numbers are."""

    pattern: re.Pattern[str]
    groups: Sequence[int]
    """Of the counter, of what is the same in all lines of a run, and of the values."""
    fixed: int
    values: Sequence[tuple[int, float, int | None]]
    """Of each value: its place among the groups, a factor, and the place of what divides it."""


def following(steady: Steady, lines: Sequence[str], at: int) -> list[Row]:
    """Return the rows of the lines behind one, a row for each line."""
    plan = _plan_of(lines[at], steady.said)
    own = plan.pattern.fullmatch(lines[at]) if plan else None
    if plan is None or own is None:
        return []
    match, chosen, end = plan.pattern.fullmatch, plan.groups, 1 + plan.fixed
    first = own.group(*chosen)
    last, fixed = float(first[0]), first[1:end]
    taken = []
    for line in islice(lines, at + 1, None):
        if (found := match(line)) is None:
            break
        cells = found.group(*chosen)
        if not (count := float(cells[0])) > last or cells[1:end] != fixed:
            break
        last = count
        taken.append(cells)
    del taken[-_LEFT:]
    if len(taken) < _LEAST:
        return []
    columns = [[*map(float, column)] for column in zip(*taken, strict=True)]
    steps = [count + steady.distance for count in columns[0]]
    values = [_values(columns, *value) for value in plan.values]
    names = STEP, *steady.names
    return [dict(zip(names, row, strict=True)) for row in zip(steps, *values, strict=True)]


def _values(columns: Sequence[list[float]], at: int, factor: float, of: int | None) -> list[float]:
    values = columns[at] if factor == 1.0 else [number * factor for number in columns[at]]
    if of is None:
        return values
    return [value / (total or 1.0) for value, total in zip(values, columns[of], strict=True)]


def _plan_of(line: str, said: Line) -> _Plan | None:
    form, _written = lex(line)
    shapes = (re.sub(r"\d+", "0", text) for text in pieces_of(line)[1::3] if text)
    return _planned(form, tuple(shapes), said)


@lru_cache(256)
def _planned(form: str, shapes: Sequence[str], said: Line) -> _Plan | None:
    """Return where the numbers of a form are; None where their digits decide what it says.

    Args:
        form: the form of a line.
        shapes: its times, paths and ids, with a 0 for their digits.
        said: what the form says.
    """
    numbers, texts = re.findall(VALUE, form), re.split(VALUE, form)
    joined = [*map(_MAY_JOIN.fullmatch, texts[1:-1])]
    counter = said.counter
    if counter.factor != 1.0 or any(joined):
        return None
    if len(form) + len(numbers) * _LONGEST_NUMBER > MAX_PRINTED or len({*numbers}) < len(numbers):
        return None
    fixed = [counter.of] if counter.of else []
    fixed += [said.epoch.value] if said.inner and said.epoch and not said.counts_all else []
    wanted = [counter.value, *fixed]
    for value in said.values:
        wanted += [place for place in (value.value, value.of) if place and place not in wanted]
    digits, pattern = iter(shapes), ""
    for text, number in zip_longest(texts, numbers):
        literal = _WIDE.sub(r" {2,}", re.escape(text))
        pattern += re.sub(DIGITS, lambda _: re.escape(next(digits)).replace("0", r"\d+"), literal)
        if number:
            kind = _WHOLE if number < "\ue400" else _OTHER
            pattern += f"({kind})" if number in wanted else kind
    groups = {number: at for at, number in enumerate(filter(wanted.__contains__, numbers), 1)}
    values = [
        (wanted.index(value.value), value.factor, wanted.index(value.of) if value.of else None)
        for value in said.values
    ]
    return _Plan(re.compile(pattern), [groups[one] for one in wanted], len(fixed), values)
