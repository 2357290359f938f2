"""Alerts on a running stage: problems found in its metrics, each recorded once.

The rule: an alert that stops its stage requests the cancellation in the transaction that records
it; an alert already on record requests nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from trainui.model.definition import Alert
from trainui.model.notifications import ALERT, EARLY, MARK, NAN
from trainui.model.states import Status
from trainui.store.db.protocol import Connection
from trainui.store.runs import events, stage_requests, stages


@dataclass(frozen=True, slots=True)
class AlertRecord:
    """A problem found in a running stage."""

    kind: str
    """One of `MARKED`, or `EARLY`."""
    words: str
    stops: bool = False
    """True if the stage must be stopped."""
    metric: str | None = None
    """The metric with the problem; None: not about a metric."""
    step: float | None = None
    """The step of the problem."""
    condition: str | None = None
    """The condition of the configured alert; None: not configured."""

    @property
    def data(self) -> dict[str, object] | None:
        """The problem for programs, as recorded with its event."""
        if self.metric is None:
            return None
        data: dict[str, object] = {"metric": self.metric, "step": self.step}
        return {**data, "condition": self.condition} if self.condition else data

    @classmethod
    def of_nan(cls, words: str, metric: str, step: float) -> AlertRecord:
        """Return the alert for a NaN, which needs no configured alert."""
        return cls(NAN, words, metric=metric, step=step)

    @classmethod
    def of_alert(
        cls, alert: Alert, words: str, metric: str | None = None, step: float | None = None
    ) -> AlertRecord:
        """Return the mark for a configured alert."""
        stops = alert.action == "stop"
        kind = MARK if alert.action == "mark" else ALERT
        if stops and alert.condition == "no_improvement":
            kind = EARLY
        return cls(kind, words, stops, metric, step, alert.condition)


def record(
    connection: Connection, stage_id: str, attempt: int, marks: Iterable[AlertRecord]
) -> None:
    """Record alerts on a stage's attempt, in a write transaction; ignored if it is not a stage."""
    if (stage := stages.find(connection, stage_id)) is None:
        return
    for mark in marks:
        text = f"{stage.name}: {mark.words}"
        known = connection.execute(
            "SELECT 1 FROM events WHERE run_id = ? AND stage = ? AND attempt = ? AND kind = ? "
            "AND text = ?",
            (stage.run_id, stage.name, attempt, mark.kind, text),
        )
        if known.fetchone() is not None:
            continue
        events.record_of(connection, stage, mark.kind, text, attempt=attempt, data=mark.data)
        if mark.stops and stage.status == Status.RUNNING and stage.attempt == attempt:
            early = mark.kind == EARLY
            why = f"{'stopped early' if early else 'stopped by an alert'}: {mark.words}"
            stage_requests.request_stop(connection, stage, why, early=early)
