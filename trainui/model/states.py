"""States of stages, attempts and runs, the table of allowed transitions, and kinds of events."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

from trainui.errors import TransitionError
from trainui.record import dataclass


class Status(StrEnum):
    """The state of a stage, an attempt or a run."""

    PENDING = "pending"
    """Waits for its upstream stages."""
    QUEUED = "queued"
    """Ready; waits for a slot or a retry delay."""
    RUNNING = "running"
    """Its process was started, and no end has been recorded."""
    COMPLETED = "completed"
    """It succeeded, including its declared outputs and success pattern."""
    FAILED = "failed"
    """It failed: exit code, signal, exception, timeout or missing output."""
    CANCELLED = "cancelled"
    """A user stopped it."""
    INTERRUPTED = "interrupted"
    """It ended, but its supervisor was dead, so the outcome is unknown."""
    ENDED = "ended"
    """An external run's stage is over, and its tracker did not record how."""
    BLOCKED = "blocked"
    """An upstream stage did not complete."""
    SKIPPED = "skipped"
    """Excluded by `--until`; a later resume may run it."""
    PRUNED = "pruned"
    """Its search's pruner stopped it early; its dependants start all the same."""

    @property
    def verb(self) -> str:
        """The word after a name in the text of an event, e.g. `train failed`."""
        return "started" if self == Status.RUNNING else str(self)


S = Status

TRANSITIONS: dict[Status, frozenset[Status]] = {
    # blocked: an upstream ended; queued: all upstreams completed; skipped: --until
    # completed: an evaluation of each checkpoint, which has no process of its own, with its last;
    # or as of a queued stage
    S.PENDING: frozenset({S.QUEUED, S.BLOCKED, S.CANCELLED, S.SKIPPED, S.COMPLETED, S.PRUNED}),
    # failed: it cannot be started (e.g. its directory is missing); pending: its upstream reruns
    # completed, pruned: its rerun is cancelled before it begins
    S.QUEUED: frozenset(
        {S.RUNNING, S.CANCELLED, S.FAILED, S.BLOCKED, S.PENDING, S.SKIPPED, S.COMPLETED, S.PRUNED}
    ),
    # queued: an automatic retry
    # ended: an external run's stage only
    S.RUNNING: frozenset(
        {S.COMPLETED, S.FAILED, S.CANCELLED, S.INTERRUPTED, S.ENDED, S.PRUNED, S.QUEUED}
    ),
    # a resume or rerun leads from every final state back to pending, but for an external run's
    S.COMPLETED: frozenset({S.PENDING}),
    S.FAILED: frozenset({S.PENDING}),
    S.CANCELLED: frozenset({S.PENDING}),
    S.INTERRUPTED: frozenset({S.PENDING}),
    S.ENDED: frozenset(),
    S.BLOCKED: frozenset({S.PENDING, S.CANCELLED}),
    S.SKIPPED: frozenset({S.PENDING}),
    S.PRUNED: frozenset({S.PENDING}),
}
"""State of a stage -> allowed next states."""

ATTEMPT_TRANSITIONS: dict[Status, frozenset[Status]] = {
    S.QUEUED: frozenset({S.RUNNING, S.CANCELLED, S.FAILED, S.INTERRUPTED}),
    S.RUNNING: frozenset({S.COMPLETED, S.FAILED, S.CANCELLED, S.INTERRUPTED, S.ENDED, S.PRUNED}),
    S.COMPLETED: frozenset(),
    S.FAILED: frozenset(),
    S.CANCELLED: frozenset(),
    S.INTERRUPTED: frozenset(),
    S.ENDED: frozenset(),
    S.PRUNED: frozenset(),
}
"""State of an attempt -> allowed next states; final states are never overwritten."""

ENDED = frozenset(
    {S.COMPLETED, S.FAILED, S.CANCELLED, S.INTERRUPTED, S.ENDED, S.BLOCKED, S.SKIPPED, S.PRUNED}
)
"""Final states: they change only by a user's action."""

DONE = frozenset({S.COMPLETED, S.PRUNED})
"""Final states in which a stage's work is done: dependants start, and a resume skips it."""

WAITING = frozenset({S.PENDING, S.QUEUED})
"""States of stages that can still start."""

UNFINISHED = WAITING | {S.RUNNING}
"""States of stages that run or can still start."""


def check_transition(before: Status, after: Status, story: str) -> None:
    """Check a stage's change of state; `story` describes the stage in the error message.

    Raises:
        TransitionError: the table does not allow this transition.
    """
    if after not in TRANSITIONS[before]:
        raise TransitionError(f"{story}: {before} may not become {after}")


def run_status(stages: Collection[Status], *, started: bool) -> Status:
    """Derive a run's state from its stages' states; `started` if any attempt ever was."""
    if any(status in UNFINISHED for status in stages):
        return S.RUNNING if started else S.QUEUED
    ends = (S.FAILED, S.INTERRUPTED, S.CANCELLED, S.ENDED)
    return next((status for status in ends if status in stages), S.COMPLETED)


# Kinds of events, and the notifications that some of them cause.


RUN_ENDS = (Status.COMPLETED, Status.FAILED, Status.INTERRUPTED, Status.CANCELLED)
"""Final states of a run."""

STALLED, NAN, ALERT = "stalled", "nan", "alert"

NOTIFIED_KINDS = (STALLED, NAN, ALERT)
"""Kinds of stage events that cause a notification when they are recorded."""

QUIET_ALERT = "mark"
"""Kind of an alert event without notification."""

EARLY = "early"
"""Kind of event: an alert stops a stage early, on purpose; no notification, and no trouble."""

DIVERGED = "diverged"
"""The condition of a NaN's alert that is for a loss that is infinite or explodes."""

METRIC_ALERTS = (NAN, ALERT, QUIET_ALERT)
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

NOTIFY_ON_KINDS = (*map(str, RUN_ENDS), *NOTIFIED_KINDS)
"""Allowed values of the setting `notify_on`."""


@dataclass(frozen=True, slots=True)
class Notification:
    """A notification."""

    kind: str
    """One of `NOTIFY_ON_KINDS`, or `digest`."""
    run_id: str
    """Empty: it is about no single run."""
    run_name: str
    text: str
    """One sentence that names the run."""
    body: str = ""
    """Markdown, if one sentence does not say all."""
