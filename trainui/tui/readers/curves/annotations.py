"""Positions of alerts, stalls and prunings on a stage's curves.

An alert is drawn at the step that it reports, on its own metric. A stall is drawn at the last
point before it, on every metric. NaN values are marked by `plot`, with the step of the first one.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping, Sequence
from typing import Any

from trainui.domain.notifications import ALERT, EARLY, MARK, PRUNE, STALLED
from trainui.domain.records import Event, StageRecord
from trainui.store.db.protocol import Connection
from trainui.store.plotting.x_axis import Axis
from trainui.store.read import event_feed
from trainui.text import harmless
from trainui.tui.data.curves import Annotation, PlotLine

MOST = 50
"""The newest events of a stage that are read."""


StageAlert = tuple[Event, Mapping[str, Any]]
"""An alert, a stall or a pruning, and its data: `metric` (none: all metrics) and `step` (none: a
stall, or the pruning of a metric without steps)."""


def read_alerts(connection: Connection, stage: StageRecord) -> list[StageAlert]:
    """Return the alerts, stalls, prunings and the early stop of a stage, the oldest first."""
    kinds = (ALERT, EARLY, MARK, STALLED, PRUNE)
    return [*event_feed.stage_alerts(connection, stage, kinds, most=MOST)]


def annotations_of(
    found: Sequence[StageAlert], name: str, line: PlotLine, axis: Axis, attempt: int | None
) -> tuple[Annotation, ...]:
    """Return the annotations of one metric; with `attempt`, only those of this attempt."""
    return tuple(
        Annotation(x, harmless(event.text.removeprefix(f"{event.stage}: ")))
        for event, data in found
        if data.get("metric") in (None, name) and attempt in (None, event.attempt)
        if not math.isnan(x := _place(event, data.get("step", math.nan), line, axis))
    )


def _place(event: Event, step: float, line: PlotLine, axis: Axis) -> float:
    """Return the x position of an alert or a stall; NaN if it is before the visible window."""
    by_time = math.isnan(step)
    if axis == Axis.STEP and not by_time:
        return step
    sought, among = (event.time / 1e6, line.times) if by_time else (step, line.steps)
    known = [(value, x) for value, x in zip(among, line.at, strict=True) if value == value]
    at = bisect.bisect_right([value for value, _ in known], sought) - 1
    return known[at][1] if at >= 0 else math.nan
