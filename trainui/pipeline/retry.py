"""Whether a stage is tried again by itself, and when: the policy, without the doing."""

from __future__ import annotations

from dataclasses import dataclass

from trainui import clock
from trainui.domain.definition import StageDefinition
from trainui.domain.states import Status

LONGEST_DELAY = 24 * 3600.0
"""Seconds; doubled delays grow no further, unless `retry_delay` itself is longer."""


@dataclass(frozen=True, slots=True)
class Retry:
    """The next automatic attempt of a stage."""

    number: int
    """From 1 on, since a person last started or resumed the stage."""
    not_before: int
    """Microseconds."""


def next_retry(
    definition: StageDefinition, ended: Status, *, used: int, completed_at: int
) -> Retry | None:
    """Return the retry that follows an attempt's end; None: the stage has ended with it.

    Args:
        definition: the stage's.
        ended: how the attempt ended; what was cancelled is never tried again.
        used: retries before this one.
        completed_at: microseconds.
    """
    if ended not in (Status.FAILED, Status.INTERRUPTED) or used >= definition.retries:
        return None
    return Retry(used + 1, completed_at + int(delay(definition, used + 1) * clock.SECOND))


def delay(definition: StageDefinition, number: int) -> float:
    """Return the seconds between an attempt's end and the retry of this number, from 1 on."""
    longest = max(LONGEST_DELAY, definition.retry_delay)
    return min(definition.retry_delay * 2.0 ** min(number - 1, 64), longest)
