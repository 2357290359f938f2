"""What people are told of without asking: ends of runs, and what happens to a stage meanwhile."""

from __future__ import annotations

from dataclasses import dataclass

from trainui.domain.states import Status

ENDS = (Status.COMPLETED, Status.FAILED, Status.INTERRUPTED, Status.CANCELLED)
"""How a run ends."""

STALLED, NAN, ALERT = "stalled", "nan", "alert"

MARKS = (STALLED, NAN, ALERT)
"""Kinds of events of a stage that are told; whoever records one has it told by that."""

MARK = "mark"
"""The kind of an alert that nobody is told of."""

MARKED = (NAN, ALERT, MARK)
"""Kinds of events that a stage's metrics give rise to: shown with it as long as the attempt is its
last."""

CODE = "code"
"""The kind of an event that says of an attempt that its code was changed since the submission."""

CHECKPOINT = "checkpoint"
"""The kind of an event that says why an attempt does not continue from the newest checkpoint."""

KINDS = (*map(str, ENDS), *MARKS)
"""What the setting `notify_on` may hold."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell."""

    kind: str
    """One of `KINDS`."""
    run_id: str
    run_name: str
    text: str
    """One sentence that names the run."""
