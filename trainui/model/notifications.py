"""Notifications to users: the ends of runs, and alerts on stages."""

from __future__ import annotations

from dataclasses import dataclass

from trainui.model.states import Status

ENDS = (Status.COMPLETED, Status.FAILED, Status.INTERRUPTED, Status.CANCELLED)
"""Final states of a run."""

STALLED, NAN, ALERT = "stalled", "nan", "alert"

MARKS = (STALLED, NAN, ALERT)
"""Kinds of stage events that cause a notification when they are recorded."""

MARK = "mark"
"""Kind of an alert event without notification."""

EARLY = "early"
"""Kind of event: an alert stops a stage early, on purpose; no notification, and no trouble."""

MARKED = (NAN, ALERT, MARK)
"""Kinds of events caused by a stage's metrics; shown with the stage until its next attempt."""

WARNING = "warning"
"""Kind of event: something is wrong with a running stage; or it has recovered."""

SILENT = "silent"
"""Kind of event: a stage is silent and computes, so it is not stalled; without notification."""

CODE = "code"
"""Kind of event: the code of an attempt was changed since the submission."""

CHECKPOINT = "checkpoint"
"""Kind of event: why an attempt does not continue from the newest checkpoint; or that it wrote some
that no field of its stage names."""

CAUSE = "cause"
"""Kind of event: why an attempt failed, with the whole record as data."""

PRUNE = "prune"
"""Kind of event: a pruner requested a stage's end, with the metric and the step."""

PRUNING_OFF = "pruning-off"
"""Kind of event: a stage that was pruned runs with pruning off."""

NOTE = "note"
"""Kind of event: a user's note on a run."""

BEST = "best"
"""Kind of event: a stage has its pipeline's best value, with the one before as data: it completed,
or it runs (`running`) and has passed all others."""

AGENT = "agent"
"""Kind of event: what an agent did, with `by` and `deed` as data."""

DIGEST = "digest"
"""Kind of the notification with the digest of a day, which `notify_digest` asks for."""

KINDS = (*map(str, ENDS), *MARKS)
"""Allowed values of the setting `notify_on`."""


@dataclass(frozen=True, slots=True)
class Notification:
    """A notification."""

    kind: str
    """One of `KINDS`, or `digest`."""
    run_id: str
    """Empty: it is about no single run."""
    run_name: str
    text: str
    """One sentence that names the run."""
    body: str = ""
    """Markdown, if one sentence does not say all."""
