"""What becomes of a stage when its upstream stages end: the rule, without the doing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from trainui.domain.states import Status


@dataclass(frozen=True, slots=True)
class Upstream:
    """What a stage needs to know of one it depends on."""

    name: str
    status: Status
    allow_failure: bool


def settled(upstreams: Iterable[Upstream]) -> tuple[Status, str | None] | None:
    """Return what a pending stage becomes and why; None while it has to wait.

    An upstream that failed or was cancelled counts as done where it allows failure. One that
    ended otherwise blocks at once, while others still run: nothing could make the stage start.
    """
    waiting = False
    for upstream in upstreams:
        if upstream.status == Status.SKIPPED:
            return Status.SKIPPED, f"{upstream.name} was skipped"
        if _blocks(upstream):
            return Status.BLOCKED, f"{upstream.name} {_WORDS[upstream.status]}"
        waiting = waiting or not _done(upstream)
    return None if waiting else (Status.QUEUED, None)


_WORDS = {
    Status.FAILED: "failed",
    Status.CANCELLED: "was cancelled",
    Status.INTERRUPTED: "was interrupted",
    Status.BLOCKED: "is blocked",
}


def _done(upstream: Upstream) -> bool:
    if upstream.status == Status.COMPLETED:
        return True
    return upstream.allow_failure and upstream.status in (Status.FAILED, Status.CANCELLED)


def _blocks(upstream: Upstream) -> bool:
    return upstream.status in _WORDS and not _done(upstream)
