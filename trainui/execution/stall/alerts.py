"""`stalled` alerts: no metric for much longer than usual, while the stage's GPUs are idle.

Only the attempt's metrics, as they are read, give its cadence. A busy GPU counts as activity here,
since a long evaluation is not a stall.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trainui import formatting
from trainui.domain.definition import Alert
from trainui.domain.records import AttemptRecord
from trainui.execution.stall.stall_rule import StallRule
from trainui.execution.stall.stall_watch import Stall, StallWatch
from trainui.store.points import sources
from trainui.store.runs import alerts as alert_records
from trainui.store.runs import stages
from trainui.store.runs.alerts import AlertRecord

IDLE = 5
"""GPU utilisation in per cent below which a GPU counts as idle."""


@dataclass(slots=True)
class _WatchedAlert:
    alert: Alert
    rule: StallRule
    stall: Stall
    read: int = 0
    """Bytes of its metric sources that have been read."""
    busy_at: float = float("-inf")
    """Time at which one of its GPUs was last seen busy."""


class StallAlerts(StallWatch):
    """Watches the attempts of this host whose stages have a `stalled` alert."""

    _watched: dict[int, list[_WatchedAlert]]

    def _check(self, running: Sequence[AttemptRecord], now: float) -> None:
        with self._store.read() as connection:
            for attempt in running:
                if attempt.id not in self._watched:
                    alerts = stages.get(connection, attempt.stage_id).definition.alerts
                    stalled = [alert for alert in alerts if alert.condition == "stalled"]
                    self._watched[attempt.id] = [self._begin(alert) for alert in stalled]
            offsets = sources.offsets(connection) if any(self._watched.values()) else {}
        with_gpus = any(one.gpus and self._watched[one.id] for one in running)
        used = {gpu.index: gpu.utilisation for gpu in self._gpus()} if with_gpus else {}
        for attempt in running:
            busy = any((used.get(index) or 0) >= IDLE for index in attempt.gpus)
            for watched in self._watched[attempt.id]:
                if (read := offsets.get(attempt.stage_id, 0)) != watched.read:
                    watched.read = read
                    watched.rule.note(now)
                watched.busy_at = now if busy else watched.busy_at
                self._judge(attempt, watched, now)

    def _begin(self, alert: Alert) -> _WatchedAlert:
        least = self._least_silence
        rule = StallRule((), least_silence=least, of_median=alert.limit, of_longest=0.0)
        return _WatchedAlert(alert, rule, Stall(self._store, self._grace))

    def _judge(self, attempt: AttemptRecord, watched: _WatchedAlert, now: float) -> None:
        rule = watched.rule
        stalled = rule.is_stalled(now) and now - watched.busy_at > rule.patience
        if not watched.stall.is_unrecorded(stalled=stalled):
            return
        if stalled:
            idle = ", and its GPUs are idle" if attempt.gpus else ""
            words = (
                f"no metric for {formatting.duration(rule.silence(now))}, more than "
                f"{watched.alert.limit:g} times the usual pace{idle}"
            )
            with self._store.write() as connection:
                found = [AlertRecord.of_alert(watched.alert, words)]
                alert_records.record(connection, attempt.stage_id, attempt.number, found)
        watched.stall.is_recorded = stalled
