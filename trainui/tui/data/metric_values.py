"""The values of a metric by which runs and stages are compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from trainui.domain.metric_direction import ComparedMetric
from trainui.text import harmless

SMOOTHED = "smoothed:"
"""Before a metric's stored name: of its smoothed values the last one is meant."""


class StageValue(NamedTuple):
    """A stage's value of a metric."""

    value: float
    """The best one; the last one if it is unknown which is better."""
    is_broken: bool
    """True if the metric has NaN or infinities, so that the stage ranks behind all others."""


class RunValues(NamedTuple):
    """A metric's value of every run that has one."""

    values: Mapping[str, float]
    """By run id; NaN if the metric has NaN or infinities."""
    lower: bool | None
    """True if lower is better: by the goal of the newest search for it, else by its name."""


def metric_title(metric: ComparedMetric) -> str:
    """Return a metric and which of its values is meant: `val/loss best`."""
    return f"{harmless(metric.name)} {metric.word}"
