"""What the end of a stage means: for those that depend on it, and for its retries."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from trainui import clock
from trainui.model.definition import StageDefinition
from trainui.model.states import DONE, Status

# Decide the next state of a pending stage from the states of its upstream stages.


@dataclass(frozen=True, slots=True)
class Upstream:
    """The state of an upstream stage."""

    name: str
    status: Status
    allow_failure: bool
    search: str | None = None
    """The search that it is a trial of."""


def next_state(upstreams: Iterable[Upstream]) -> tuple[Status, str | None] | None:
    """Return a pending stage's next state and the reason; None while it has to wait.

    A failed or cancelled upstream with allow_failure counts as done. Any other unsuccessful
    upstream blocks the stage at once, even if others still run, because it can no longer start.
    """
    waiting = False
    for upstream in upstreams:
        if upstream.status == Status.SKIPPED:
            return Status.SKIPPED, f"{upstream.name} was skipped"
        done = upstream.status in DONE or (
            upstream.allow_failure and upstream.status in (Status.FAILED, Status.CANCELLED)
        )
        if not done and upstream.status in ENDED_WORDS:
            return Status.BLOCKED, f"{upstream.name} {ENDED_WORDS[upstream.status]}"
        waiting = waiting or not done
    return None if waiting else (Status.QUEUED, None)


ENDED_WORDS = {
    Status.FAILED: "failed",
    Status.CANCELLED: "was cancelled",
    Status.INTERRUPTED: "was interrupted",
    Status.ENDED: "ended",
    Status.BLOCKED: "is blocked",
}
"""How a stage ended that did not complete, after its name."""


# The retry policy: decide if and when a stage is retried automatically (exponential backoff).


LONGEST_DELAY = 24 * 3600.0
"""Upper limit of the doubled delays in seconds, unless `retry_delay` itself is longer."""


@dataclass(frozen=True, slots=True)
class Retry:
    """The next retry of a stage and when it is due."""

    number: int
    """Counted from 1 since a user last started or resumed the stage."""
    not_before: int
    """Earliest start; microseconds."""


def next_retry(
    definition: StageDefinition, ended: Status, *, used: int, completed_at: int
) -> Retry | None:
    """Return the retry that follows an attempt; None if the stage has ended.

    A cancelled attempt is never retried.
    """
    if ended not in (Status.FAILED, Status.INTERRUPTED) or used >= definition.retries:
        return None
    return Retry(used + 1, completed_at + int(delay(definition, used + 1) * clock.SECOND))


def delay(definition: StageDefinition, number: int) -> float:
    """Return the seconds between an attempt's end and its retry; `number` counts from 1."""
    longest = max(LONGEST_DELAY, definition.retry_delay)
    return min(definition.retry_delay * 2.0 ** min(number - 1, 64), longest)
