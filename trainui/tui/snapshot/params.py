"""The parameters of listed runs, a sweep's among them, and what the list's columns follow from.

The columns follow from which parameters differ and from the widths of names and values.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from heapq import nlargest
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len

from trainui.pipeline.matrix import TRIAL
from trainui.store.read.run_list import RunLine
from trainui.text import harmless, trouble
from trainui.tui.numbers import number

if TYPE_CHECKING:
    from trainui.tui.snapshot.snapshot import ListedMetrics

MOST_PARAMS = 16
"""The most parameters that are compared: no terminal has room for more."""

LONG_NUMBER, MOST_WORDS = 8, 14
"""Characters above which a number is rounded, and a sweep's values are counted, not listed."""

MOST_LOOKED_AT, MOST_NAMES = 1000, 100
"""The most runs examined (a parameter that differs only among older ones gets no column), and the
most stages of a run whose names are measured."""

RECENT, RARE = 40, 8
"""The newest runs, of which one in so many must have a parameter for its column to take precedence
over names and metrics: added trainings of many kinds have each its own parameters."""

EXTERNAL_MARK, AGENT_MARK = " ext", " agent"
"""The marks behind the name of an external run, and of one that an agent started."""

STEP_WIDTH = 9
"""Width of steps, e.g. `1.2M/3.4M`."""


def values_of(run: RunLine, name: str) -> Sequence[str]:
    """Return the different values of a parameter: one, or in a sweep those of its members."""
    found = _swept(run.sweeps_json).get(name)
    if found is not None:
        return found
    own = params_of(run.params_json).get(name)
    return () if own is None else (own,)


def searches_of(run: RunLine) -> tuple[str, ...]:
    """Return the names of a run's searches."""
    return tuple(_parsed(run.sweeps_json).get("searches", ()))


def shown_params(run: RunLine) -> Mapping[str, str]:
    """Return a run's parameters as the list shows them; of a sweep's, the range."""
    return _shown(run.params_json, run.sweeps_json)


@lru_cache(maxsize=20_000)
def _shown(params_json: str, sweeps_json: str) -> Mapping[str, str]:
    own = {name: (value,) for name, value in params_of(params_json).items()}
    swept = {name: of for name, of in _swept(sweeps_json).items() if name != TRIAL}
    return {name: _shown_values(values) for name, values in {**own, **swept}.items()}


def _shown_values(values: Sequence[str]) -> str:
    """Return e.g. `0.001..0.1`, `gelu,relu` or `12 values`."""
    if len(values) == 1:
        return shown_value(values[0])
    numbers = [found for found in map(number_of, values) if found is not None]
    if len(numbers) == len(values):
        first, last = (min(values, key=float), max(values, key=float))
        return f"{shown_value(first)}..{shown_value(last)}"
    words = harmless(",".join(values))
    return words if len(words) <= MOST_WORDS else f"{len(values)} values"


def shown_value(value: str) -> str:
    """Return a parameter's value as the list shows it; long numbers are rounded."""
    exact = number_of(value) if len(value) > LONG_NUMBER else None
    return harmless(value) if exact is None else number(exact)


def number_of(text: str) -> float | None:
    """Parse a number; None if the text is not one, or is NaN."""
    try:
        found = float(text)
    except ValueError:
        return None
    return None if math.isnan(found) else found


@lru_cache(maxsize=20_000)
def params_of(params_json: str) -> Mapping[str, str]:
    """Return a run's own parameters as text: strings unchanged, other values as JSON."""
    if params_json == "{}":
        return {}
    found = json.loads(params_json)
    return {
        str(name): value if isinstance(value, str) else json.dumps(value)
        for name, value in found.items()
    }


def _swept(sweeps_json: str) -> Mapping[str, Sequence[str]]:
    values: Mapping[str, Sequence[str]] = _parsed(sweeps_json).get("values", {})
    return values


@lru_cache(maxsize=2_000)
def _parsed(sweeps_json: str) -> Mapping[str, Any]:
    return json.loads(sweeps_json) if sweeps_json else {}


def differing(params_jsons: Iterable[str]) -> tuple[str, ...]:
    """Return the parameters that differ between runs, last those that some runs lack."""
    varied, partial = varied_and_partial([params_of(text) for text in dict.fromkeys(params_jsons)])
    return (*varied, *partial)[:MOST_PARAMS]


def varied_and_partial(
    known: Sequence[Mapping[str, str]], groups: Collection[Sequence[Mapping[str, str]]] = ()
) -> tuple[list[str], list[str]]:
    """Return the names of parameters that differ, and of those that only whole groups lack.

    Those differ that have several values, or that some runs of one group have and others lack.
    """
    values: dict[str, set[str]] = {}
    for params in known:
        for name, value in params.items():
            values.setdefault(name, set()).add(value)
    counts = Counter(chain.from_iterable(known))
    varied = [name for name, some in values.items() if len(some) > 1]
    partial = [
        name for name, some in values.items() if len(some) == 1 and counts[name] < len(known)
    ]
    within = {name for runs in groups for names in varied_and_partial(runs) for name in names}
    varied += [name for name in partial if name in within]
    return varied, [name for name in partial if name not in within]


@dataclass(frozen=True, slots=True)
class ColumnStats:
    """Widths of the columns in characters, and names of the optional ones."""

    widths: Counter[str] = field(default_factory=Counter)
    """By what `_WIDTHS` measures, and for the metric, its member, the GPUs and the estimates."""
    params: tuple[str, ...] = ()
    """Names of the parameters that differ."""
    compared: int = 0
    """How many of them, from the first one on, have several values, or differ between runs of one
    pipeline; the others have one value, and other pipelines do not have them, or are rare."""
    param_widths: Mapping[str, int] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    """The runs' names, without control characters; those too long are shortened together."""
    metric_names: tuple[str, ...] = ()
    """The titles of the columns with metrics; a run without the metric is blank there."""

    def grown(self, other: ColumnStats) -> ColumnStats:
        """Return the larger of both widths, so that columns do not shift while runs progress."""
        return replace(self, widths=self.widths | other.widths)


def column_stats(runs: Sequence[RunLine], newest: Sequence[RunLine] | None = None) -> ColumnStats:
    """Compute the statistics of the listed runs.

    `newest` are the same runs, the newest first, so that the choice and order of parameter columns
    do not depend on the sort order.
    """
    looked_at = list(islice(runs, MOST_LOOKED_AT))
    listed = list(islice(runs if newest is None else newest, MOST_LOOKED_AT))
    unlike = {(run.pipeline, run.params_json, run.sweeps_json): run for run in listed}
    of_pipelines: dict[str, list[Mapping[str, str]]] = {}
    for run in unlike.values():  # without values of sweeps, which may not have been read yet
        of_pipelines.setdefault(run.pipeline, []).append(params_of(run.params_json))
    shown = [shown_params(run) for run in unlike.values()]
    varied, partial = varied_and_partial(shown, of_pipelines.values())
    recent = [shown_params(run) for run in listed[:RECENT]]
    counts = Counter(chain.from_iterable(recent))
    common = [name for name in varied if counts[name] * RARE >= len(recent)]
    rare = [name for name in varied if counts[name] * RARE < len(recent)]
    names = (*common, *rare, *partial)[:MOST_PARAMS]
    looked_at += nlargest(1, runs, key=lambda run: len(run.name))  # or older names would be cut
    measured = {what: max(map(width, looked_at), default=0) for what, width in _WIDTHS.items()}
    param_widths = {name: max(cell_len(params.get(name, "")) for params in shown) for name in names}
    run_names = tuple(dict.fromkeys(harmless(run.name) for run in looked_at))
    return ColumnStats(Counter(measured), names, len(common), param_widths, run_names)


def with_listed(facts: ColumnStats, listed: ListedMetrics, *, endings: bool) -> ColumnStats:
    """Return the statistics extended by the metrics of all listed runs."""
    found = Counter(
        metric=len(listed.columns),
        member=listed.member,
        gpus=listed.gpus,
        endings=int(endings),
        step=STEP_WIDTH if listed.has_steps else 0,
    )
    return replace(facts, widths=facts.widths | found, metric_names=listed.columns)


def _name_width(run: RunLine) -> int:
    marks = len(AGENT_MARK) * bool(run.started_by)
    marks += len(EXTERNAL_MARK) * run.is_external + len(f" {run.priority:+d}") * bool(run.priority)
    return cell_len(harmless(run.name)) + marks


def _current_width(run: RunLine) -> int:
    shown = (run.current or run.failed)[:MOST_NAMES]
    return sum(cell_len(harmless(name)) + 2 for name in shown)


_WIDTHS: Mapping[str, Callable[[RunLine], int]] = {
    "name": _name_width,
    "box": lambda run: len(run.box) + (5 if run.seen_at is not None else 0) if run.box else 0,
    "pipeline": lambda run: cell_len(run.pipeline) if run.pipeline != run.name else 0,
    "count": lambda run: len(f"{run.done}/{run.total}"),
    "current": _current_width,
    "verdict": lambda run: bool(run.verdict),
    "trouble": lambda run: len(trouble(run.trouble._asdict())) if run.trouble.kinds else 0,
    "trouble_brief": lambda run: sum(len(str(count)) + 2 for count in run.trouble if count) - 1,
}
"""By what is measured, the characters that a run needs; 0 for all runs: no column."""
