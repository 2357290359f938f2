"""Folds series that differ in one parameter, e.g. a seed, into their mean with a band around it."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from itertools import pairwise

from trainui.pipeline.folding import is_repeat, mean, moments
from trainui.pipeline.matrix import TRIAL
from trainui.tui.data.curves import ALL_IN_ONE, PlotLine, PlottedSeries
from trainui.tui.readers.curves.series import differing_params


def groups(
    series: Sequence[PlottedSeries], fold: str | None
) -> list[tuple[str, list[PlottedSeries]]]:
    """Return the series by the line that they are folded into, each with the line's label.

    `fold` is the parameter to fold over (`Comparison.fold`).
    """
    if fold == ALL_IN_ONE and len(series) > 1:
        return [(f"all {len(series)}", list(series))]
    names = differing_params(series)
    declared = {one.over for one in series}
    folded = {
        name
        for name in names
        if (name in declared or is_repeat(name) if fold is None else name == fold)
    }
    kept = [name for name in names if name not in folded]
    found: dict[tuple[str | None, ...], list[PlottedSeries]] = {}
    for one in series:
        params = dict(one.params)
        repeated = any(name in params for name in folded)
        key = tuple(params.get(name) for name in kept) if repeated else (one.label,)
        found.setdefault(key, []).append(one)
    return [
        (some[0].label if len(some) == 1 else _label(some[0], kept, folded), some)
        for some in found.values()
    ]


def _label(one: PlottedSeries, names: Sequence[str], folded: Collection[str]) -> str:
    """Return the parameters that differ between lines; of a single line all but the folded.

    A trial's number says enough.
    """
    params = dict(one.params)
    names = [TRIAL] if TRIAL in names else names
    names = names or [name for name in params if name not in folded]
    return ",".join(f"{name}={params[name]}" for name in names if name in params) or "mean"


def folded(lines: Sequence[PlotLine], label: str) -> PlotLine:
    """Return the mean of lines, with the range over all of them as its band.

    Each line counts from its first to its last point; between two of its points its value is
    interpolated, and at its points it is exact. The best value is the mean of the best values of
    the lines that have completed, as in tables, else of all; the last one is that of the lines that
    got furthest, whatever the width of the plot.
    """
    import numpy as np

    found = moments([_filled(line.smooths) for line in lines])
    means, counts = found.means, found.counts
    at = np.where(counts > 0, np.fmax.reduce([line.at for line in lines]), np.nan)
    steps = np.fmax.reduce([line.steps for line in lines])
    shown = np.where(np.isnan(at), np.nan, means)
    done = [line for line in lines if line.completed] or lines
    bests = [line.best[0] for line in done if line.best is not None]
    kinds: dict[int, int] = {}
    for column, kind in (odd for line in lines for odd in line.odd):
        kinds[column] = kinds.get(column, 0) | kind
    values = tuple(shown.tolist())
    return PlotLine(
        label=label,
        index=min(line.index for line in lines),
        own=any(line.own for line in lines),
        at=tuple(at.tolist()),
        steps=tuple(steps.tolist()),
        times=tuple(np.fmax.reduce([line.times for line in lines]).tolist()),
        lows=tuple(np.fmin.reduce([line.lows for line in lines]).tolist()),
        highs=tuple(np.fmax.reduce([line.highs for line in lines]).tolist()),
        means=values,
        smooths=values,
        lasts=values,
        odd=tuple(sorted(kinds.items())),
        end=max(line.end for line in lines),
        best=(mean(bests), math.nan, math.nan) if bests else None,
        last=_last(lines),
        members=tuple(line.smooths for line in lines),
        counts=tuple(counts.tolist()),
        deviations=tuple(found.deviations.tolist()),
        nan_since=min((one.nan_since for one in lines if one.nan_since is not None), default=None),
    )


def _last(lines: Sequence[PlotLine]) -> tuple[float, float] | None:
    """Return the mean of the last values of the lines that got furthest, and their step."""
    known = [line.last for line in lines if line.last is not None]
    if len(known) < len(lines):
        return None
    end = max(step for _, step in known)
    values = [value for value, step in known if step == end and math.isfinite(value)]
    return (mean(values) if values else math.nan), end


def _filled(values: Sequence[float]) -> list[float]:
    """Interpolate the columns between two points."""
    found = list(values)
    known = [at for at, value in enumerate(values) if math.isfinite(value)]
    for left, right in pairwise(known):
        for at in range(left + 1, right):
            share = (at - left) / (right - left)
            found[at] = values[left] + (values[right] - values[left]) * share
    return found
