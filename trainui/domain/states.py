"""The states of stages, attempts and runs, and the one table of what may follow what."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import StrEnum

from trainui.errors import TransitionError


class Status(StrEnum):
    """The state of a stage, an attempt or a run."""

    PENDING = "pending"
    """Upstream stages are unfinished."""
    QUEUED = "queued"
    """Ready; waits for a slot or for the delay of a retry."""
    RUNNING = "running"
    """Its process was started and has not been seen to end."""
    COMPLETED = "completed"
    """It did all that it declares."""
    FAILED = "failed"
    """It ended otherwise: exit code, signal, exception, timeout, missing output."""
    CANCELLED = "cancelled"
    """A person stopped it."""
    INTERRUPTED = "interrupted"
    """It ended with nobody there to record how."""
    BLOCKED = "blocked"
    """An upstream stage ended without completing."""
    SKIPPED = "skipped"
    """Left out by `--until`; a later resume may run it."""


S = Status

TRANSITIONS: dict[Status, frozenset[Status]] = {
    # blocked: an upstream ended; queued: all upstreams completed; skipped: --until
    S.PENDING: frozenset({S.QUEUED, S.BLOCKED, S.CANCELLED, S.SKIPPED}),
    # failed: it cannot even be started (its directory is gone); pending: its upstream runs again
    S.QUEUED: frozenset({S.RUNNING, S.CANCELLED, S.FAILED, S.BLOCKED, S.PENDING, S.SKIPPED}),
    # queued: an automatic retry
    S.RUNNING: frozenset({S.COMPLETED, S.FAILED, S.CANCELLED, S.INTERRUPTED, S.QUEUED}),
    # every ended state leads back to pending: by a resume or a rerun
    S.COMPLETED: frozenset({S.PENDING}),
    S.FAILED: frozenset({S.PENDING}),
    S.CANCELLED: frozenset({S.PENDING}),
    S.INTERRUPTED: frozenset({S.PENDING}),
    S.BLOCKED: frozenset({S.PENDING, S.CANCELLED}),
    S.SKIPPED: frozenset({S.PENDING}),
}
"""From each state of a stage, the states that may come next."""

ATTEMPT_TRANSITIONS: dict[Status, frozenset[Status]] = {
    S.QUEUED: frozenset({S.RUNNING, S.CANCELLED, S.FAILED, S.INTERRUPTED}),
    S.RUNNING: frozenset({S.COMPLETED, S.FAILED, S.CANCELLED, S.INTERRUPTED}),
    S.COMPLETED: frozenset(),
    S.FAILED: frozenset(),
    S.CANCELLED: frozenset(),
    S.INTERRUPTED: frozenset(),
}
"""An attempt ends once: its record is never overwritten."""

ENDED = frozenset({S.COMPLETED, S.FAILED, S.CANCELLED, S.INTERRUPTED, S.BLOCKED, S.SKIPPED})
"""Nothing more happens to such a stage until a person acts."""

UNFINISHED = frozenset({S.PENDING, S.QUEUED, S.RUNNING})
"""Such a stage runs or can still start."""


def check_transition(before: Status, after: Status, story: str) -> None:
    """Allow a stage's change of state, or raise with its story so far.

    Raises:
        TransitionError: the table does not hold this pair.
    """
    if after not in TRANSITIONS[before]:
        raise TransitionError(f"{story}: {before} may not become {after}")


def run_status(stages: Collection[Status], *, started: bool) -> Status:
    """Derive a run's state from its stages'.

    Args:
        stages: the state of every stage.
        started: whether any attempt of the run was ever started.
    """
    if any(status in UNFINISHED for status in stages):
        return S.RUNNING if started else S.QUEUED
    return _first_of((S.FAILED, S.INTERRUPTED, S.CANCELLED), stages) or S.COMPLETED


def _first_of(wanted: Iterable[Status], stages: Collection[Status]) -> Status | None:
    return next((status for status in wanted if status in stages), None)
