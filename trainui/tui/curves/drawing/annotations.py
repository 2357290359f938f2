"""Positions of alerts, stalls and prunings on a stage's curves.

An alert is drawn at the step that it reports, on its own metric. A stall is drawn at the last
point before it, on every metric. NaN values are marked by `plot`, with the step of the first one.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trainui.domain.notifications import ALERT, MARK, PRUNE, STALLED
from trainui.domain.records import Event, StageRecord
from trainui.store.db.protocol import Connection
from trainui.store.points.x_axis import Axis
from trainui.store.read import event_feed
from trainui.text import harmless
from trainui.tui.curves.model import Annotation, PlotLine

MOST = 50
"""The newest events of a stage that are read."""


@dataclass(frozen=True, slots=True)
class StageAlert:
    """An alert or a stall of a stage."""

    attempt: int
    time: float
    """Seconds since 1970."""
    words: str
    metric: str | None
    """None: all metrics."""
    step: float
    """NaN for a stall, and where a metric without steps was pruned."""


def read_alerts(connection: Connection, stage: StageRecord) -> list[StageAlert]:
    """Return the alerts, stalls and prunings of a stage, the oldest first."""
    found = event_feed.stage_alerts(connection, stage, (ALERT, MARK, STALLED, PRUNE), most=MOST)
    return [_alert(stage, event, data) for event, data in found]


def _alert(stage: StageRecord, event: Event, data: Mapping[str, Any]) -> StageAlert:
    words = event.text.removeprefix(f"{stage.name}: ")
    metric, step = data.get("metric"), data.get("step", math.nan)
    return StageAlert(event.attempt or 0, event.time / 1e6, words, metric, step)


def annotations_of(
    found: Sequence[StageAlert], name: str, line: PlotLine, axis: Axis, attempt: int | None
) -> tuple[Annotation, ...]:
    """Return the annotations of one metric.

    With `attempt`, only those of this attempt.
    """
    return tuple(
        Annotation(x, harmless(alert.words))
        for alert in found
        if alert.metric in (None, name) and attempt in (None, alert.attempt)
        if not math.isnan(x := _place(alert, line, axis))
    )


def _place(alert: StageAlert, line: PlotLine, axis: Axis) -> float:
    """Return the x position of an alert or a stall; NaN if it is before the visible window."""
    by_time = math.isnan(alert.step)
    if axis == Axis.STEP and not by_time:
        return alert.step
    sought, among = (alert.time, line.times) if by_time else (alert.step, line.steps)
    known = [(value, x) for value, x in zip(among, line.at, strict=True) if value == value]
    at = bisect.bisect_right([value for value, _ in known], sought) - 1
    return known[at][1] if at >= 0 else math.nan
