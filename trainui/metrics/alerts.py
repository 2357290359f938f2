"""Alerts: the rules, and their events while an attempt is read."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from trainui import wakeup
from trainui.model.definition import Alert
from trainui.model.headline_metric import ABSURD, HUGE, RISE, is_loss
from trainui.model.states import DIVERGED
from trainui.record import dataclass
from trainui.store.db.engine import Database
from trainui.store.points import point_sources, write_points
from trainui.store.points.chunks import Bools, Floats, Points, step_number
from trainui.store.runs import stage_requests
from trainui.store.runs.metrics_progress import AttemptToRead
from trainui.store.runs.stage_requests import AlertRecord

# Evaluates alerts on points in the order in which they are read; pure, without I/O.
#
# Each alert triggers once per metric and attempt, at the first point that meets its condition. An
# attempt's first NaN, and the first loss that diverges, are reported even without an alert on them.


@dataclass(slots=True)
class _Progress:
    """Progress of a metric under a `no_improvement` alert."""

    best: float = math.inf
    """The best value so far; negated if the goal is `max`."""
    since: int = 0
    """Number of points since the best one."""


class AlertWatch:
    """Watches the points of one attempt."""

    def __init__(self, alerts: Sequence[Alert]) -> None:
        self._alerts = [alert for alert in alerts if alert.condition != "stalled"]
        self._patterns = [_pattern(alert.metric) for alert in self._alerts]
        self._found: set[tuple[int, str]] = set()
        self._progress: dict[tuple[int, str], _Progress] = {}
        self._nan_found = self._has_diverged = False
        self._least: dict[str, float] = {}
        """The least value of each loss so far."""
        self._seen: set[str] = set()

    def watches(self, name: str) -> bool:
        """Return True if an alert watches this metric."""
        return any(pattern.fullmatch(name) for pattern in self._patterns)

    def check(self, series: Mapping[str, Points]) -> list[AlertRecord]:
        """Check the next points of some metrics; return the alerts that they trigger."""
        self._seen |= series.keys()
        marks = [mark for name, points in series.items() for mark in self._triggered(name, points)]
        if not self._nan_found:
            first = next((m for name, points in series.items() if (m := _nan(name, points))), None)
            self._nan_found = first is not None
            if first is not None and all(first.words != mark.words for mark in marks):
                marks.append(first)
        return marks + self._divergence(series, marks)

    def _divergence(
        self, series: Mapping[str, Points], others: Sequence[AlertRecord]
    ) -> list[AlertRecord]:
        """Return the first loss that is infinite or explodes, unless there is a NaN already."""
        for name, points in series.items():
            if self._has_diverged or self._nan_found or not is_loss(name) or not len(points):
                continue
            before, values = self._least.get(name, math.inf), points.values
            least = np.minimum.accumulate(np.concatenate([[before], values]))[1:]
            self._least[name] = float(least[-1])
            at = _first(np.isinf(values) | _explodes(values, least))
            if at is None:
                continue
            self._has_diverged = True
            words, step = _value_words(name, points, at), _step(points, at)
            if any(words in one.words for one in others):
                return []
            found = AlertRecord.of_nan(f"{words}: it has diverged", name, step)
            return [replace(found, condition=DIVERGED)]
        return []

    def unmatched(self) -> list[str]:
        """Return the metrics that alerts name and that never appeared."""
        named = zip(self._alerts, self._patterns, strict=True)
        return [
            alert.metric
            for alert, pattern in named
            if alert.metric != "*" and not any(map(pattern.fullmatch, self._seen))
        ]

    def _triggered(self, name: str, points: Points) -> Iterator[AlertRecord]:
        for number, alert in enumerate(self._alerts):
            if (number, name) in self._found or not self._patterns[number].fullmatch(name):
                continue
            counted = points if alert.after is None else points[points.steps >= alert.after]
            found = self._find(number, alert, name, counted) if len(counted) else None
            if found is not None:
                self._found.add((number, name))
                yield found

    def _find(self, number: int, alert: Alert, name: str, points: Points) -> AlertRecord | None:
        """Return the first point that triggers an alert; None if none does."""
        if alert.condition == "no_improvement":
            progress = self._progress.setdefault((number, name), _Progress())
            return _without_improvement(alert, name, points, progress)
        at = _first(_CONDITIONS[alert.condition](points.values, alert.limit))
        if at is None:
            return None
        limit = "" if alert.condition == "nan" else f", {alert.condition} {alert.limit:g}"
        words = _value_words(name, points, at) + limit
        return AlertRecord.of_alert(alert, words, name, _step(points, at))


def _explodes(values: Floats, least: Floats) -> Bools:
    """Return where a loss has exploded (`has_exploded`, for whole columns)."""
    return (values >= ABSURD) | ((values >= HUGE) & (values / RISE >= least))


_CONDITIONS: dict[str, Callable[[Floats, float], Bools]] = {
    "nan": lambda values, _limit: ~np.isfinite(values),
    "above": lambda values, limit: values > limit,
    "below": lambda values, limit: values < limit,
}


def _pattern(metric: str) -> re.Pattern[str]:
    """Return a regex for a metric's glob: only * and ? are special, since names may contain [."""
    parts = re.split(r"([*?])", metric)
    signs = {"*": ".*", "?": "."}
    return re.compile("".join(signs.get(part) or re.escape(part) for part in parts), re.DOTALL)


def _first(mask: Bools) -> int | None:
    return int(np.argmax(mask)) if np.count_nonzero(mask) else None


def _nan(name: str, points: Points) -> AlertRecord | None:
    at = _first(np.isnan(points.values))
    if at is None:
        return None
    return AlertRecord.of_nan(_value_words(name, points, at), name, _step(points, at))


def _value_words(name: str, points: Points, at: int) -> str:
    value = float(points.values[at])
    shown = "NaN" if math.isnan(value) else f"{value:.6g}"
    return f"{name} is {shown} at step {_step(points, at)}"


def in_epochs(alert: AlertRecord) -> AlertRecord:
    """Return an alert in the words of a metric whose steps are epochs."""
    step = f"step {alert.step}"
    before, _, after = alert.words.rpartition(f" at {step}")
    return replace(alert, words=f"{before} at epoch {alert.step}{after}") if before else alert


def _step(points: Points, at: int) -> int | float:
    return step_number(points.steps[at].item())


def _without_improvement(
    alert: Alert, name: str, points: Points, progress: _Progress
) -> AlertRecord | None:
    """Count the points since the best one; return a finding if there are too many."""
    sign = 1 if alert.goal == "min" else -1
    values = sign * points.values
    comparable = np.where(np.isnan(values), np.inf, values)
    best = np.minimum.accumulate(np.concatenate([[progress.best], comparable]))
    places = np.arange(len(values))
    last_better = np.maximum.accumulate(np.where(comparable < best[:-1], places, -1))
    since = np.where(last_better < 0, places + 1 + progress.since, places - last_better)
    progress.best, progress.since = float(best[-1]), int(since[-1])
    at = _first((since >= alert.limit) & np.isfinite(best[1:]))
    if at is None:
        return None
    step = _step(points, at)
    words = f"{name} has not improved for {alert.limit:g} points at step {step}"
    words = f"{words}; its best is {sign * float(best[at + 1]):.6g}"
    return AlertRecord.of_alert(alert, words, name, step)


# Checks the points of an attempt for alerts, and records those that they trigger.


class AttemptAlerts:
    """The alerts of one attempt."""

    def __init__(self, store: Database, attempt: AttemptToRead) -> None:
        self._store = store
        self._attempt = attempt
        self._pending: list[AlertRecord] = []
        """Triggered alerts that are not recorded yet."""
        self.reset()

    def reset(self) -> None:
        """Have all points checked again: another process stored points that were not checked."""
        self.watch = AlertWatch(self._attempt.definition.alerts)
        self._caught_up = False

    def catch_up(self) -> None:
        """Check the stored points: a reader may have died after storing and before checking."""
        if not self._caught_up:
            with self._store.read() as connection:
                stored = write_points.of_attempt(
                    connection, self._attempt.stage_id, self._attempt.number, self.watch.watches
                )
            self._caught_up = True
            self.check(stored)
        elif self._pending:
            self.check({})

    def check(self, batch: Mapping[str, Points]) -> None:
        """Check newly stored points, and record the alerts that they trigger."""
        self._pending += self.watch.check(batch)
        if self._pending:
            with self._store.write() as connection:
                epochs = point_sources.counted_in_epochs(connection, self._attempt.stage_id)
                found = [in_epochs(one) if one.metric in epochs else one for one in self._pending]
                stage_requests.record_alerts(
                    connection, self._attempt.stage_id, self._attempt.number, found
                )
            self._pending.clear()
            wakeup.wake()
