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
from trainui.domain.states import Status
from trainui.execution.planner.slots import host
from trainui.execution.stall.cadence import Cadence
from trainui.execution.stall.stall_watch import Silence, StallWatch
from trainui.store.points import sources
from trainui.store.runs import alerts as alert_records
from trainui.store.runs import attempt_rows, stages
from trainui.store.runs.alerts import AlertRecord

IDLE = 5
"""GPU utilisation in per cent below which a GPU counts as idle."""


@dataclass(slots=True)
class _WatchedStall:
    alert: Alert
    pace: Cadence
    read: int
    """Bytes of its metric sources that have been read."""
    busy_at: float
    """Time at which one of its GPUs was last seen busy."""
    silence: Silence
    is_reported: bool = False
    """True if the current silence has been reported."""


class StallAlerts(StallWatch):
    """Watches the attempts of this host whose stages have a `stalled` alert."""

    _watched: dict[int, list[_WatchedStall]]

    def _check(self, now: float) -> None:
        running = self._running()
        with self._store.read() as connection:
            offsets = sources.offsets(connection) if any(self._watched.values()) else {}
        with_gpus = any(one.gpus and self._watched[one.id] for one in running)
        used = {gpu.index: gpu.utilisation for gpu in self._gpus()} if with_gpus else {}
        for attempt in running:
            busy = any((used.get(index) or 0) >= IDLE for index in attempt.gpus)
            for watched in self._watched[attempt.id]:
                _note(watched, offsets.get(attempt.stage_id, 0), now, busy=busy)
                self._judge(attempt, watched, now)

    def _running(self) -> list[AttemptRecord]:
        """Return the running attempts of this host; update `_watched` to exactly these."""
        with self._store.read() as connection:
            found = attempt_rows.in_state(connection, Status.RUNNING)
            running = [one for one in found if one.host == host()]
            known = self._watched
            self._watched = {
                one.id: known[one.id]
                if one.id in known
                else self._begin(stages.get(connection, one.stage_id).definition.alerts)
                for one in running
            }
        return running

    def _begin(self, alerts: Sequence[Alert]) -> list[_WatchedStall]:
        wanted = [alert for alert in alerts if alert.condition == "stalled"]
        return [
            _WatchedStall(
                alert,
                self._pace(alert),
                0,
                float("-inf"),
                Silence(self._store, self._look_every),
            )
            for alert in wanted
        ]

    def _pace(self, alert: Alert) -> Cadence:
        return Cadence((), least_silence=self._least_silence, of_median=alert.limit, of_longest=0.0)

    def _judge(self, attempt: AttemptRecord, watched: _WatchedStall, now: float) -> None:
        pace = watched.pace
        still = pace.is_stalled(now) and now - watched.busy_at > pace.patience
        if not watched.is_reported and watched.silence.is_of_the_stage(silent=still) != still:
            return  # decided at a later check
        if still and not watched.is_reported:
            idle = ", and its GPUs are idle" if attempt.gpus else ""
            words = (
                f"no metric for {formatting.duration(pace.silence(now))}, more than "
                f"{watched.alert.limit:g} times the usual pace{idle}"
            )
            with self._store.write() as connection:
                found = [AlertRecord.of_alert(watched.alert, words)]
                alert_records.record(connection, attempt.stage_id, attempt.number, found)
        watched.is_reported = still


def _note(watched: _WatchedStall, read: int, now: float, *, busy: bool) -> None:
    if read != watched.read:
        watched.read = read
        watched.pace.note(now)
    if busy:
        watched.busy_at = now
