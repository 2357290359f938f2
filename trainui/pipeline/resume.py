"""The plan of a resume: for each stage what happens and why, without doing any of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from trainui.domain.records import StageRecord
from trainui.domain.states import UNFINISHED, Status
from trainui.errors import UsageError


class Action(StrEnum):
    """What a resume does with a stage."""

    SKIP = "skip"
    RUN = "run"
    CONTINUE = "continue"


@dataclass(frozen=True, slots=True)
class PlannedStage:
    """One stage's part in a resume."""

    name: str
    action: Action
    reason: str
    checkpoint: str | None = None
    """Absolute path of what it continues from."""
    step: int | None = None
    """The last step on record, where it continues."""
    seconds: float | None = None
    """How long it took before; None where it never completed."""
    gpu_seconds_saved: float = 0.0
    """GPU time of earlier attempts that need not be spent again."""
    fresh: bool = False
    """It begins in a new directory; the old one is renamed."""
    left_out: bool = False
    """It is skipped because of `--until`."""


FindCheckpoint = Callable[[StageRecord], str | None]
"""Returns the newest whole checkpoint that was not tried in vain."""


def plan_resume(
    stages: Sequence[StageRecord],
    *,
    find_checkpoint: FindCheckpoint,
    until: Collection[str] = (),
    fresh: Collection[str] = (),
    changed: Mapping[str, str] | None = None,
) -> list[PlannedStage]:
    """Decide for each stage of a run, in the file's order.

    Args:
        stages: all stages of the run.
        find_checkpoint: looks at the disk.
        until: full names; only these and what they depend on run. None named: all.
        fresh: full names of stages that begin anew although they could continue.
        changed: full names of stages whose definition is another now, each with words for it.

    Raises:
        UsageError: a stage that is to begin anew runs at the moment.
    """
    by_name = {stage.name: stage for stage in stages}
    wanted = _upstream_closure(by_name, until) if until else set(by_name)
    again: dict[str, str] = {}
    planned = {}
    for stage in _in_order(stages, by_name):
        if stage.name in fresh and stage.status == Status.RUNNING:
            raise UsageError(f"{stage.name} is running; cancel it before it begins anew")
        cause = _why_again(stage, by_name, again, fresh, changed or {})
        if stage.name not in wanted:
            left_out = stage.status != Status.COMPLETED and stage.status not in UNFINISHED
            planned[stage.name] = PlannedStage(
                stage.name, Action.SKIP, "left out by --until", left_out=left_out
            )
        elif cause is None:
            planned[stage.name] = PlannedStage(stage.name, Action.SKIP, _why_skipped(stage))
        else:
            anew = stage.name in fresh or begins_anew(stage, by_name, again)
            again[stage.name] = cause
            planned[stage.name] = _revived(stage, cause, find_checkpoint, anew)
    return [planned[stage.name] for stage in stages]


def _why_skipped(stage: StageRecord) -> str:
    return "completed" if stage.status == Status.COMPLETED else f"is {stage.status} already"


def _why_again(
    stage: StageRecord,
    by_name: Mapping[str, StageRecord],
    again: Mapping[str, str],
    fresh: Collection[str],
    changed: Mapping[str, str],
) -> str | None:
    """Return why a stage gets a new attempt; None where it does not."""
    if stage.name in fresh:
        return "begins anew, as asked"
    if stage.status in UNFINISHED:
        return None
    if stage.name in changed and stage.status in (Status.COMPLETED, Status.SKIPPED):
        return changed[stage.name]
    if stage.status != Status.COMPLETED:
        return "; ".join(filter(None, (_WORDS[stage.status], changed.get(stage.name))))
    revived = next((name for name in stage.depends_on if name in again), None)
    return None if revived is None else f"{by_name[revived].name} runs again"


_WORDS = {
    Status.FAILED: "failed",
    Status.CANCELLED: "was cancelled",
    Status.INTERRUPTED: "was interrupted",
    Status.BLOCKED: "was blocked",
    Status.SKIPPED: "was skipped",
}


def begins_anew(
    stage: StageRecord, by_name: Mapping[str, StageRecord], again: Collection[str]
) -> bool:
    """Tell whether a stage that gets a new attempt begins in a new directory.

    It does where it is completed, and where one it depends on runs again, or ran again since this
    stage last started: what it made until then is of other data.

    Args:
        stage: the stage.
        by_name: all stages of the run.
        again: full names of the stages that run again before it.
    """
    if stage.status == Status.COMPLETED:
        return True
    if stage.attempt == 0:
        return False
    return any(name in again or _ended_since(by_name[name], stage) for name in stage.depends_on)


def _ended_since(upstream: StageRecord, stage: StageRecord) -> bool:
    if upstream.completed_at is None or stage.started_at is None:
        return False
    return upstream.completed_at > stage.started_at


def _revived(
    stage: StageRecord, cause: str, find_checkpoint: FindCheckpoint, fresh: bool
) -> PlannedStage:
    checkpoint = None if fresh or stage.attempt == 0 else find_checkpoint(stage)
    action = Action.RUN if checkpoint is None else Action.CONTINUE
    return PlannedStage(stage.name, action, cause, checkpoint=checkpoint, fresh=fresh)


def plan_rerun(
    stages: Sequence[StageRecord], names: Collection[str], *, downstream: bool
) -> list[str]:
    """Return the full names of the stages that a rerun brings back, in the file's order.

    Raises:
        UsageError: one of those named is unfinished, or one that depends on it is.
    """
    chosen = set(names)
    if downstream:
        by_name = {stage.name: stage for stage in stages}
        for stage in _in_order(stages, by_name):
            if chosen.intersection(stage.depends_on):
                chosen.add(stage.name)
    for stage in stages:
        if stage.name in chosen and stage.status in UNFINISHED:
            raise UsageError(f"{stage.name} is {stage.status}; wait for its end, or cancel it")
    return [stage.name for stage in stages if stage.name in chosen]


def _upstream_closure(by_name: Mapping[str, StageRecord], names: Collection[str]) -> set[str]:
    found: set[str] = set()
    frontier = list(names)
    while frontier:
        name = frontier.pop()
        if name not in found:
            found.add(name)
            frontier.extend(by_name[name].depends_on)
    return found


def _in_order(
    stages: Sequence[StageRecord], by_name: Mapping[str, StageRecord]
) -> list[StageRecord]:
    """Return the stages so that each comes after those it depends on."""
    ordered: list[StageRecord] = []
    placed: set[str] = set()
    for root in stages:
        stack = [root]
        while stack:
            stage = stack[-1]
            missing = [name for name in stage.depends_on if name not in placed]
            if missing:
                stack.extend(by_name[name] for name in missing)
            else:
                stack.pop()
                if stage.name not in placed:
                    placed.add(stage.name)
                    ordered.append(stage)
    return ordered
