"""Text columns that label a row's numbers: the metric's name, or the part of the data.

The rules: in a long table, where a column has the metric's name and another its value, each metric
is a series and there are no others; rows labelled `train` and `val` in one column become two
series, unless the column names already say which part they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from trainui.metrics.formats.lenient_text import to_number
from trainui.store.points.chunks import Ints, Points, whole_steps

_METRICS = ("metric", "metric_name", "tag", "key", "name", "series", "variable")
"""Columns that contain a metric's name, in order of preference."""

_VALUES = ("value", "metric_value", "val")

_PARTS = ("split", "phase", "mode", "stage", "subset", "partition", "dataset")

HELD_OUT = r"val(?:id(?:ation)?)?|dev|eval(?:uation)?|test"
"""Names of the parts of the data that are not trained on, as a pattern."""

_PART = rf"train(?:ing)?|{HELD_OUT}"
_IS_PART = re.compile(_PART, re.IGNORECASE)
_NAMES_PART = re.compile(rf"(?:.*[^a-z])?(?:{_PART})(?:[^a-z].*)?", re.IGNORECASE)
_LONGEST = 60
"""Characters of a job's label."""


class Fields(NamedTuple):
    """The label columns of a table."""

    part: str | None
    metric: str | None
    value: str | None
    """In a long table: the column with the values."""


@lru_cache(maxsize=256)
def find(names: tuple[str, ...]) -> Fields | None:
    """Return a table's label columns; None if its column names show none."""
    known = {name.strip().lower(): name for name in reversed(names)}
    metric, value, part = (
        next((known[name] for name in wanted if name in known), None)
        for wanted in (_METRICS, _VALUES, _PARTS)
    )
    if metric is None or value is None or "train" in known:
        metric = value = None
    if any(name != value and names_part(name) for name in names):
        part = None
    return None if metric is None and part is None else Fields(part, metric, value)


def of_job(number: str, overrides: str) -> str:
    """Return the label of a job of a multirun: `0 lr=0.1 seed=1`."""
    return f"{number} {overrides.strip()}".replace("/", "_")[:_LONGEST].rstrip()


def names_part(name: str) -> bool:
    """Return True if a name includes the part of the data, as `val_loss` does."""
    return _NAMES_PART.fullmatch(name) is not None


def split(
    series: dict[str, Points],
    fields: Fields,
    rows: Ints,
    words: Mapping[str, Sequence[object]],
) -> dict[str, Points]:
    """Return the series of some rows, split by metric and part of the data.

    `rows` are the row numbers, which are the points' ordinals; `words` the cells by column name.
    """
    nothing = [None] * len(rows)
    texts, parts = (
        [cell.strip() if isinstance(cell, str) else "" for cell in words.get(name or "", nothing)]
        for name in (fields.metric, fields.part)
    )
    metrics = ["" if to_number(text) is not None else text for text in texts]
    parts = [f"{part}/".replace(" ", "") if _IS_PART.fullmatch(part) else "" for part in parts]
    if any(metrics):
        series = {name: points for name, points in series.items() if name == fields.value}
    elif not any(parts):
        return series
    found: dict[str, Points] = {}
    for name, points in series.items():
        labels = [f"{part}{metric or name}" for part, metric in zip(parts, metrics, strict=True)]
        found |= _by_label(points, labels, rows)
    return found


def _by_label(points: Points, labels: Sequence[str], rows: Ints) -> dict[str, Points]:
    kinds = {label: number for number, label in enumerate(dict.fromkeys(labels))}
    numbers = np.array([kinds[label] for label in labels])
    own = numbers[np.searchsorted(rows, points.ordinals)]
    found = {label: points[own == number] for label, number in kinds.items()}
    return {
        label: replace(part, steps=whole_steps(part.steps))
        for label, part in found.items()
        if len(part)
    }
