"""The states of stages, attempts and runs, and the table of allowed transitions."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

from trainui.errors import TransitionError


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
    # completed: an evaluation of each checkpoint, which has no process of its own, with its last
    S.PENDING: frozenset({S.QUEUED, S.BLOCKED, S.CANCELLED, S.SKIPPED, S.COMPLETED}),
    # failed: it cannot be started (e.g. its directory is missing); pending: its upstream reruns
    S.QUEUED: frozenset({S.RUNNING, S.CANCELLED, S.FAILED, S.BLOCKED, S.PENDING, S.SKIPPED}),
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

UNFINISHED = frozenset({S.PENDING, S.QUEUED, S.RUNNING})
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
