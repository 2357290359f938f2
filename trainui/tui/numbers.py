"""Numbers, times, sizes and parameters as text in narrow columns."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import chain
from typing import Any

from trainui import formatting
from trainui.braille import plot_lines
from trainui.clock import SECOND
from trainui.model.records import SeriesSummary
from trainui.model.states import Status
from trainui.store.read.run_list import RunLine
from trainui.text import harmless

LONG_NUMBER = 9
"""Characters above which a parameter's value is shortened; `0.0000125` is shown as written."""

MOST_PARAMS = 16
"""The most parameters that are compared: no terminal has room for more."""

ROUNDED_FROM, MOST_WORDS = 8, 14
"""Characters above which a number is rounded, and a sweep's values are counted, not listed."""

LONG_SINCE, LEAST_POINTS = 1 / 4, 20
"""Share of a metric's steps without a better value from which that is said, and the points that it
needs: of fewer, a quarter is one or two."""


def number(value: float | None) -> str:
    """Format a metric's value in at most seven characters; `–` for None."""
    if value is None:
        return "–"
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else str(value)
    size = abs(value)
    if size >= 1e6 or 0 < size < 1e-3:
        return _scientific(value)
    if value == int(value):
        return str(int(value))
    whole_digits = len(str(int(size)))
    return f"{value:.{max(5 - whole_digits, 0)}f}"


def shortened(text: str) -> str:
    """Return a parameter's value for a column: a number of many digits with four of them."""
    if len(text) <= LONG_NUMBER:
        return text
    try:
        return f"{float(text):.4g}"
    except ValueError:
        return text


def _scientific(value: float) -> str:
    """Format e.g. `1.23e-5`, with fewer digits if the exponent is long."""
    for digits in (2, 1, 0):
        mantissa, exponent = f"{value:.{digits}e}".split("e")
        text = f"{mantissa}e{int(exponent)}"
        if len(text) <= 7:
            break
    return text


def exact_step(value: float) -> str:
    """Format a step with all of its digits, e.g. `1,204`."""
    if not math.isfinite(value):
        return "–"
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"


def no_better_since(best: float, series: SeriesSummary, unit: str) -> str:
    """Return e.g. `, no better for 290 steps` for a value that is best at step `best`.

    Empty where that was in the last quarter of the steps, or where there are few points. `unit`:
    what a step counts.
    """
    first, last = series.first_step, series.last_step
    if first is None or last is None or series.count < LEAST_POINTS:
        return ""
    since = last - best
    is_long = since >= LONG_SINCE * (last - first) > 0
    return f", no better for {exact_step(since)} {unit}s" if is_long else ""


def step(value: float | None) -> str:
    """Format a step, as an integer if it is one."""
    if value is None or not math.isfinite(value):
        return "–"
    if value != int(value):
        return f"{value:g}"
    whole = int(value)
    if whole < 100_000:
        return str(whole)
    return f"{whole / 1e6:.4g}M" if whole >= 1_000_000 else f"{whole / 1e3:.4g}k"


def elapsed(micros: int | None, *, ticks: bool = False) -> str:
    """Format a time worked, in whole seconds if it `ticks`; empty for None: nothing has started."""
    if micros is None:
        return ""
    seconds = max(micros, 0) / SECOND
    return formatting.duration(int(seconds) if ticks and seconds < 10 else seconds)


def coarse_time(seconds: float) -> str:
    """Format a forecast, rounded (to 10 minutes above an hour) so that it rarely changes."""
    step = 600 if seconds >= 3600 else 60
    rounded = max(round(seconds / step) * step, 60)
    words = formatting.duration(rounded)
    return f"~{words.removesuffix(' 00s').removesuffix(' 00m').removesuffix(' 0h')}"


_AGES = ((86_400, 3600), (60, 60), (0, 1))
"""Of an age of at least so many seconds, the seconds after which it reads otherwise."""


def age(micros: int, now: int) -> str:
    """Format the age of a moment, with the moment: `1h 12m ago (14:05:11)`."""
    seconds, period = _age(micros, now)
    words = f"{int(seconds / period)}{'m' if period == 60 else 's'}"
    if seconds >= 3600:
        words = formatting.duration(seconds)
    return f"{words} ago ({clock_time(micros)})"


def age_changes_in(micros: int, now: int) -> float:
    """Return the seconds until the age of a moment reads otherwise."""
    seconds, period = _age(micros, now)
    return period - seconds % period


def _age(micros: int, now: int) -> tuple[float, int]:
    seconds = max(now - micros, 0) / SECOND
    return seconds, next(period for least, period in _AGES if seconds >= least)


def clock_time(micros: int | None) -> str:
    """Format a time of day in local time, with the date if it is not today."""
    return "" if micros is None else _dated(micros, "%H:%M:%S", "%d %b %H:%M", "%Y-%m-%d %H:%M")


def when(micros: int) -> str:
    """Format a time in at most six characters: `14:05` if today, else `03 Mar`, else the year."""
    return _dated(micros, "%H:%M", "%d %b", "%Y")


def _dated(micros: int, today: str, this_year: str, earlier: str) -> str:
    """Format a time in local time by the first of three formats that it needs."""
    moment, now = datetime.fromtimestamp(micros / SECOND).astimezone(), datetime.now().astimezone()
    if moment.date() == now.date():
        return moment.strftime(today)
    return moment.strftime(this_year if moment.year == now.year else earlier)


def state_style(status: Status) -> str:
    """Return the name of a state's style."""
    return f"state-{status}"


def progress_bar(done: float, total: int, width: int) -> tuple[str, str]:
    """Return the full and the empty part of a progress bar; it is full only at 100 %."""
    return bar(int(width * done / total) if total else 0, width)


def bar(full: int, width: int) -> tuple[str, str]:
    """Return the full and the empty part of a bar, distinguishable without colours."""
    return "━" * full, "─" * (width - full)


_BLOCKS = "▁▂▃▄▅▆▇█"


def blocks(shares: Sequence[float]) -> str:
    """Draw each percentage (0 to 100) as one block; the scale is fixed, so that lines compare.

    What is not known (NaN) is blank.
    """
    most = len(_BLOCKS) - 1
    return "".join(
        " " if math.isnan(share) else _BLOCKS[round(min(max(share, 0.0), 100.0) * most / 100)]
        for share in shares
    )


def spark(values: Sequence[float], width: int) -> str:
    """Draw a sparkline from the least to the greatest value; gaps are interpolated.

    The oldest value comes first; each character shows two, and more values are averaged.
    """
    columns, count = [], min(2 * width, len(values))
    for at in range(count):
        part = values[len(values) * at // count : len(values) * (at + 1) // count]
        finite = [value for value in part if math.isfinite(value)]
        columns.append(sum(finite) / len(finite) if finite else math.nan)
    return plot_lines(columns, columns, 1)[0] if columns else ""


# --- parameters of listed runs


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
    if swept := _swept(sweeps_json):
        from trainui.pipeline.matrix import TRIAL  # late: the first frame has no values of sweeps

        swept = {name: of for name, of in swept.items() if name != TRIAL}
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
    exact = number_of(value) if len(value) > ROUNDED_FROM else None
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


def swept_count(run: RunLine, name: str) -> int:
    """Return how many values of a parameter a run's sweeps have; 0 without any."""
    return len(_swept(run.sweeps_json).get(name, ()))


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
