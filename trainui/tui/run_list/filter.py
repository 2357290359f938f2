"""The filter language of the list of runs: words, and terms like `params.lr>1e-3`; and its orders.

    trouble  trouble:nan  status:failed  name:digits  params.lr>1e-3  metric.val/loss<0.1  age<2d
    -status:completed

A run must match all terms. A sweep has the parameters of all of its members, and matches a term if
one of them does. Invalid terms are reported and ignored, so that the list narrows while the user
types.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any, NamedTuple

from trainui import clock, formatting
from trainui.clock import SECOND
from trainui.model.headline_metric import ComparedMetric
from trainui.model.states import Status
from trainui.record import dataclass
from trainui.store.read.run_list import RunLine
from trainui.text import harmless
from trainui.tui.numbers import number_of, searches_of, values_of
from trainui.tui.snapshot import SMOOTHED

if TYPE_CHECKING:
    from trainui.tui.snapshot import RunValues

WHEN = "WHEN"

METRIC_PREFIX = "metric."
"""Prefix of the names of orders by a metric."""

STATE_ORDER = (
    Status.RUNNING,
    Status.QUEUED,
    Status.FAILED,
    Status.INTERRUPTED,
    Status.CANCELLED,
    Status.ENDED,
    Status.COMPLETED,
)
"""The states that a run may have, in the order in which it is sorted by them."""

LEAST_OF_ID = 4
"""Characters of a word that may be the start of a run's id: most ids have each digit somewhere."""

UUID = 36
"""Characters of an id that nobody chose."""

_WORD = re.compile(r'(?:[^\s"]|"[^"]*"?)+')

_TERM = re.compile(r"(?P<field>[A-Za-z_][^<>=!:\s]*)(?P<operator>!=|>=|<=|[:=<>])(?P<value>.*)")

_EXAMPLES = {"params": "lr>1e-3", "metric": "val/loss<0.1"}

_DURATIONS = ("age", "elapsed")

_ORDER: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    ":": operator.eq,
    "!=": operator.ne,
}


class SortOrder(NamedTuple):
    """A sort order."""

    title: str
    """Title of the column that it sorts by."""
    key: Callable[[RunLine], Any]
    """The sort key; runs with equal keys stay newest first, runs with None come last."""
    words: tuple[str, str] = ("smallest", "largest")
    """What comes first, and what comes first in reverse order."""
    metric: str = ""
    """The metric to sort by, by its stored name; empty: none."""
    lower: bool | None = None
    """True if lower values of the metric are better; None: unknown, or no metric."""

    @property
    def name(self) -> str:
        """The name under which it is saved."""
        return f"{METRIC_PREFIX}{self.metric}" if self.metric else self.title

    def arranged(self, runs: Sequence[RunLine], *, reverse: bool) -> Sequence[RunLine]:
        """Sort runs that are given with the newest first."""
        if self.title == WHEN:
            return runs[::-1] if reverse else runs
        known = [run for run in runs if self.key(run) is not None]
        rest = [run for run in runs if self.key(run) is None]
        return [*sorted(known, key=self.key, reverse=reverse), *rest]


ORDERS = (
    SortOrder(WHEN, lambda run: -run.created_at, ("newest", "oldest")),
    SortOrder("STATE", lambda run: STATE_ORDER.index(run.status), ("running", "completed")),
    SortOrder("NAME", lambda run: run.name.casefold(), ("a", "z")),
    SortOrder("STAGES", lambda run: -run.done / max(run.total, 1), ("most done", "least done")),
    SortOrder("ELAPSED", lambda run: _longest_first(run), ("longest", "shortest")),
)
"""The orders through which `s` cycles, followed by the metric and the shown parameters."""


def by_param(name: str) -> SortOrder:
    """Return the order by a parameter, of a sweep by its least value; runs without it are last."""

    def key(run: RunLine) -> tuple[bool, float, str] | None:
        return min(map(_param_key, values_of(run, name)), default=None)

    return SortOrder(name, key)


def _param_key(value: str) -> tuple[bool, float, str]:
    number = number_of(value)
    return (number is None, number or 0.0, value.casefold())


def by_metric(metric: ComparedMetric, values: Callable[[], Mapping[str, float]]) -> SortOrder:
    """Return the order by a metric's value: the best first, runs without it or with NaN last.

    With `SMOOTHED` before the metric's name, its smoothed values are meant; `values` returns those
    read so far, by run id.
    """
    sign = -1.0 if metric.lower is False else 1.0

    def key(run: RunLine) -> float | None:
        value = values().get(run.id, math.nan)
        return None if math.isnan(value) else sign * value

    words = ("smallest", "largest") if metric.lower is None else ("best", "worst")
    name = metric.name.removeprefix(SMOOTHED)
    word = metric.word if name == metric.name else "smoothed"
    return SortOrder(f"{harmless(name)} {word}", key, words, metric.name, metric.lower)


def _longest_first(run: RunLine) -> int | None:
    if (worked := run.worked_until(clock.now())) is None:
        return None
    # running runs come first, the longest one at the top
    return -worked if run.completed_at is not None else -worked - 2**62


Values = Mapping[str, "RunValues"]
"""By metric and run id: the metric's last value."""

_Test = Callable[[RunLine, int, Values], bool]
"""Takes a run, the time, and the metrics' values."""


class TermError(Exception):
    """A term is invalid; the message says why."""


@dataclass(frozen=True, slots=True)
class RunFilter:
    """A parsed filter."""

    text: str = ""
    problems: tuple[str, ...] = ()
    """Error messages, one for each invalid term."""
    metrics: frozenset[str] = frozenset()
    """The metrics that its terms use."""
    params: frozenset[str] = frozenset()
    """The parameters that its terms use."""
    needs_sweeps: bool = False
    """True if a term depends on sweeps: on parameters or searches."""
    _tests: tuple[_Test, ...] = field(default=(), repr=False, compare=False)

    def fits(self, run: RunLine, now: int, values: Values) -> bool:
        """Return True if a run matches all terms."""
        return all(test(run, now, values) for test in self._tests)

    def __bool__(self) -> bool:
        return bool(self._tests)


def parse(text: str) -> RunFilter:
    """Parse a filter; never raises, because the user may still be typing."""
    tests: list[_Test] = []
    problems: list[str] = []
    used = _Used()
    for word in _WORD.findall(text):
        negated = word.startswith("-") and len(word) > 1
        try:
            test = _test(word.removeprefix("-") if negated else word, used)
        except TermError as error:
            problems.append(str(error))
        else:
            tests.append(_not(test) if negated else test)
    return RunFilter(
        text,
        tuple(problems),
        frozenset(used.metrics),
        frozenset(used.params),
        needs_sweeps=bool(used.params) or used.searches,
        _tests=tuple(tests),
    )


@dataclass(slots=True)
class _Used:
    """What the terms of a filter depend on, besides the runs' records."""

    metrics: set[str] = field(default_factory=set)
    params: set[str] = field(default_factory=set)
    searches: bool = False


def _not(test: _Test) -> _Test:
    return lambda run, now, values: not test(run, now, values)


def _test(word: str, used: _Used) -> _Test:
    from trainui.pipeline.matrix import TRIAL  # late: the first frame has no filter

    term = _TERM.fullmatch(word)
    if term is None:
        return _word_test(word)
    name, sign, value = term["field"], term["operator"], term["value"].replace('"', "")
    folded = name.casefold()
    scope, dot, rest = name.partition(".")
    is_known = folded in _TEXTS or folded in _NUMBERS or scope in _EXAMPLES or folded == TRIAL
    if not is_known and sign == ":":
        raise _unknown(name)
    if not value:
        raise TermError(f"{name}{sign} needs a value")
    if folded in _TEXTS:
        used.searches = used.searches or folded == "search"
        return _text_test(folded, sign, value)
    if folded in _NUMBERS:
        wanted = (_duration if folded in _DURATIONS else _number)(folded, value)
        return _compared(_NUMBERS[folded], sign, wanted)
    if scope in _EXAMPLES and (not dot or not rest):
        raise TermError(f"{scope}. needs a name, e.g. {scope}.{_EXAMPLES[scope]}")
    if scope == "metric":
        return _metric_test(rest, sign, value, used)
    if scope == "params" or folded == TRIAL:
        return _param_test(rest or TRIAL, sign, value, used)
    return _bare_test(word, name, sign, value, used)


def _unknown(name: str) -> TermError:
    from trainui.pipeline.matrix import TRIAL

    fields = ", ".join((*(name for name in _TEXTS if name != "state"), *_NUMBERS, TRIAL))
    return TermError(f"unknown field {name!r}: params.{name}, metric.{name}, {fields}")


def _bare_test(word: str, name: str, sign: str, value: str, used: _Used) -> _Test:
    """Return the test of a parameter, a metric, or part of a stage name; `used` collects names."""
    if sign == "!=":
        return _param_test(name, sign, value, used)
    if sign != "=" and number_of(value) is None:
        raise _unknown(name)
    other = _anywhere(word) if sign == "=" else _metric_test(name, sign, value, used)
    param = _param_test(name, sign, value, used)
    return lambda run, now, values: param(run, now, values) or other(run, now, values)


def _word_test(word: str) -> _Test:
    if word == "trouble":
        return lambda run, _now, _values: bool(run.trouble.kinds)
    if word in ("or", "OR"):
        raise TermError("a run must match all terms; for one of several values write name:a,b")
    return _anywhere(word)


def _anywhere(word: str) -> _Test:
    """Search for a word in a run's name, note, state and stages, and as the start of its id."""
    folded = word.replace('"', "").casefold()
    may_be_id = len(folded) >= LEAST_OF_ID

    def test(run: RunLine, _now: int, _values: Values) -> bool:
        own = run.id.rpartition(":")[2]
        chosen = () if len(own) == UUID else (own,)
        stages = (*run.current, *run.failed)
        texts = (run.name, run.pipeline, run.box, *chosen, run.note, run.status, *stages)
        if folded in " ".join(texts).casefold():
            return True
        return may_be_id and (own.startswith(folded) or run.id.casefold().startswith(folded))

    return test


_TEXTS: Mapping[str, Callable[[RunLine], tuple[str, ...]]] = {
    "status": lambda run: (run.status,),
    "state": lambda run: (run.status,),
    "name": lambda run: (run.name,),
    "pipeline": lambda run: (run.pipeline,),
    "box": lambda run: (run.box,),
    "id": lambda run: (run.id,),
    "stage": lambda run: (*run.current, *run.failed),
    "search": searches_of,
    "note": lambda run: (run.note,),
    "verdict": lambda run: (run.verdict,),
    "trouble": lambda run: run.trouble.kinds,
}

_Reader = Callable[[RunLine, int, Values], float | None]


def _elapsed(run: RunLine, now: int, _values: Values) -> float | None:
    worked = run.worked_until(now)
    return None if worked is None else worked / SECOND


_NUMBERS: Mapping[str, _Reader] = {
    "age": lambda run, now, _: (now - run.created_at) / SECOND,
    "elapsed": _elapsed,
    "stages": lambda run, *_: run.total,
    "done": lambda run, *_: run.done,
    "priority": lambda run, *_: run.priority,
}


def _text_test(name: str, sign: str, value: str) -> _Test:
    if sign in ("<", "<=", ">", ">="):
        raise TermError(f"{name}{sign}{value}: {name} is a text; use : (contains), = or !=")
    sought = [part for part in value.casefold().split(",") if part]
    if name in ("status", "state"):
        for part in sought:
            if not any(part in status for status in Status):
                raise TermError(f"unknown state {part!r}: {', '.join(STATE_ORDER)}")
    read = _TEXTS[name]

    def test(run: RunLine, _now: int, _values: Values) -> bool:
        texts = [text.casefold() for text in read(run)]
        if sign == ":":
            return any(part in text for part in sought for text in texts)
        return any(part in texts for part in sought) is (sign == "=")

    return test


def _compared(read: _Reader, sign: str, wanted: float) -> _Test:
    compare = _ORDER[sign]

    def test(run: RunLine, now: int, values: Values) -> bool:
        found = read(run, now, values)
        return found is not None and compare(found, wanted)

    return test


def _param_test(name: str, sign: str, value: str, used: _Used) -> _Test:
    """Return the test of a parameter; a sweep matches if one of its members does."""
    wanted, compare = number_of(value), _ORDER[sign]
    if wanted is None and sign in ("<", "<=", ">", ">="):
        raise TermError(f"params.{name}{sign}{value}: {value!r} is not a number")
    used.params.add(name)
    folded = value.casefold()

    def fits(found: str) -> bool:
        number = number_of(found)
        if wanted is not None and number is not None:
            return compare(number, wanted)
        if sign == ":":
            return folded in found.casefold()
        return sign in ("=", "!=") and compare(found.casefold(), folded)

    def test(run: RunLine, _now: int, _values: Values) -> bool:
        found = values_of(run, name)
        return any(map(fits, found)) if found else sign == "!="

    return test


def _metric_test(name: str, sign: str, value: str, used: _Used) -> _Test:
    def read(run: RunLine, _now: int, values: Values) -> float | None:
        return values[name].values.get(run.id) if name in values else None

    used.metrics.add(name)
    return _compared(read, sign, _number(f"metric.{name}", value))


def _number(name: str, value: str) -> float:
    found = number_of(value)
    if found is None:
        raise TermError(f"{name}: {value!r} is not a number")
    return found


def _duration(name: str, value: str) -> float:
    try:
        return formatting.parse_duration(value)
    except ValueError as error:
        raise TermError(f"{name}: {value!r} {error}") from error
