"""The parameters of listed runs: a run's own, and those that the members of its sweeps have."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from trainui.pipeline.matrix import TRIAL
from trainui.store.read.run_list import RunLine
from trainui.text import harmless
from trainui.tui.numbers import number

MOST_PARAMS = 16
"""The most parameters that are compared: no terminal has room for more."""

LONG_NUMBER, MOST_WORDS = 8, 14
"""Characters above which a number is rounded, and a sweep's values are counted, not listed."""


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
