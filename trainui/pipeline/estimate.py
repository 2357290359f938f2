"""How long stages and runs will take, by how long the same stages took before.

Medians of the last few, since one odd run must not spoil the next estimate. What was never
completed has none: a guess would be worse. Waiting for slots that other runs hold is not counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

NEWEST = 5
"""Earlier durations that count."""

LEAST_ELAPSED = 5.0
"""Seconds after which a stage's own step rate is believed; before, it is mostly imports."""


@dataclass(frozen=True, slots=True)
class Past:
    """A stage's completion, from its beginning to its end."""

    stage_id: str
    seconds: float
    work: str
    """What it executed, as text to compare."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stage is that runs."""

    elapsed: float
    """Seconds since its attempt's start."""
    first_step: float | None = None
    """With which its attempt began."""
    step: float | None = None
    """The last one."""
    last_step: float | None = None
    """With which it ended when it completed before."""


def usual(past: Sequence[Past], work: str) -> float | None:
    """Return how long a stage usually takes in seconds; None where it never completed.

    Args:
        past: its completions, newest first; where some were of the same work, only those count.
        work: what it executes now.
    """
    same = [one for one in past if one.work == work] or past
    from statistics import median  # takes long to import, and few processes estimate

    return median(one.seconds for one in same[:NEWEST]) if same else None


def left(usual_seconds: float | None, progress: Progress | None) -> float | None:
    """Return how long a stage will still take in seconds; None where nothing tells.

    By its own rate of steps where it is known with which step it ended before, else by its usual
    duration; a stage that takes longer than usual has no estimate any more.

    Args:
        usual_seconds: as `usual` returns it.
        progress: None: it has not started.
    """
    if progress is None:
        return usual_seconds
    by_steps = _left_by_steps(progress)
    if by_steps is not None:
        return by_steps
    if usual_seconds is None or progress.elapsed > usual_seconds:
        return None
    return usual_seconds - progress.elapsed


def _left_by_steps(progress: Progress) -> float | None:
    step, last = progress.step, progress.last_step
    if step is None or last is None or progress.elapsed < LEAST_ELAPSED:
        return None
    done = step - (progress.first_step or 0)
    if done <= 0 or step > last:
        return None
    return (last - step) * progress.elapsed / done


def from_checkpoint(
    usual_seconds: float | None, step: float | None, last_step: float | None
) -> float | None:
    """Return how long the rest takes from a checkpoint on: in proportion to the steps left."""
    if usual_seconds is None or step is None or not last_step:
        return usual_seconds
    return usual_seconds * min(max(1 - step / last_step, 0), 1)


@dataclass(frozen=True, slots=True)
class ToGo:
    """How long a run will still take."""

    seconds: float
    whole: bool
    """Whether all of its stages have an estimate; else it takes longer."""


def to_go(
    stages: Mapping[str, float | None],
    upstreams: Mapping[str, Sequence[str]],
    places: Mapping[str, int],
    cpus: int,
) -> ToGo | None:
    """Return how long a run will still take; None where no stage has an estimate.

    The longest path through the unfinished stages, or their work shared out among the CPU places,
    whichever is longer: no schedule can be shorter (R. L. Graham, 1966), and on free machines ours
    is at most their sum.

    Args:
        stages: seconds left of each unfinished stage, in an order in which upstreams come first or
            not; None: unknown.
        upstreams: of each unfinished stage.
        places: the CPU places of each; 0 where it needs none.
        cpus: how many there are.
    """
    if all(seconds is None for seconds in stages.values()):
        return None
    finish: dict[str, float] = {}
    for root in stages:
        stack = [root]
        while stack:
            name = stack[-1]
            waits_for = [up for up in upstreams[name] if up in stages]
            missing = [up for up in waits_for if up not in finish]
            if missing:
                stack += missing
            else:
                begin = max((finish[up] for up in waits_for), default=0.0)
                finish[stack.pop()] = begin + (stages[name] or 0.0)
    work = sum((stages[name] or 0.0) * min(places[name], cpus) for name in stages)
    whole = all(seconds is not None for seconds in stages.values())
    return ToGo(max(*finish.values(), work / cpus), whole)
