"""The retry policy: decide if and when a stage is retried automatically (exponential backoff)."""

from __future__ import annotations

from dataclasses import dataclass

from trainui import clock
from trainui.domain.definition import StageDefinition
from trainui.domain.states import Status

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
