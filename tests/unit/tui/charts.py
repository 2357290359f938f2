"""Charts as the feed would hand them over, for tests of what is drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence

from trainui.model.records import SeriesSummary
from trainui.tui.curve_data import Chart, PlotLine

NAN = math.nan


def line(values: Sequence[float], **changed: object) -> PlotLine:
    """A line of one point a column."""
    places = tuple(float(at) if value == value else NAN for at, value in enumerate(values))
    fields: dict[str, object] = {
        "label": "train",
        "index": 0,
        "own": True,
        "at": places,
        "steps": places,
        "times": tuple(1e9 + at for at in places),
        "lows": tuple(values),
        "highs": tuple(values),
        "means": tuple(values),
        "smooths": tuple(values),
        "lasts": tuple(values),
        "end": float(len(values) - 1),
    }
    return PlotLine(**{**fields, **changed})  # type: ignore[arg-type]


def chart(*lines: PlotLine, name: str = "train/loss", **changed: object) -> Chart:
    """A chart of lines that are equally long."""
    high = float(max(len(lines[0].lows) - 1, 1))
    fields: dict[str, object] = {"low": 0.0, "high": high, "extent": (0.0, high)}
    return Chart(name=name, lines=lines, **{**fields, **changed})  # type: ignore[arg-type]


def figures(name: str = "train/loss", **changed: object) -> SeriesSummary:
    """A metric in figures."""
    fields: dict[str, object] = {
        "count": 4,
        "last": 0.5,
        "min": 0.0,
        "max": 1.0,
        "first_step": 0,
        "last_step": 100,
        "nonfinite": 0,
        "superseded": 0,
    }
    return SeriesSummary("", name, **{**fields, **changed})  # type: ignore[arg-type]
