"""Decide the next state of a pending stage from the states of its upstream stages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from trainui.domain.states import DONE, Status


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
