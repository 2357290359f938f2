"""The reasons why a resume runs a stage again, or skips it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from trainui import formatting
from trainui.domain.records import StageRecord
from trainui.domain.states import DONE, UNFINISHED, Status
from trainui.pipeline.rules.after_end import ENDED_WORDS


@dataclass(frozen=True, slots=True)
class Evidence:
    """Changes since the stages of a run were executed."""

    changed: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Full name -> a text for each change in what the stage's last attempt was made from."""
    reran: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Full name -> upstreams that have completed again since the stage's last attempt."""
    new: Collection[str] = ()
    """Full names of stages that are new in the run."""
    gone: Mapping[str, str] = field(default_factory=dict)
    """Full name -> a text about the missing outputs of a completed stage."""
    counted: Collection[str] = ()
    """Full names of trials whose outcome is in their study: a resume never runs them again."""


NOTHING_CHANGED = Evidence()

REMOVED = "no longer in the pipeline file"
"""Why a stage that was removed from an edited file is skipped."""


def why_skipped(stage: StageRecord, evidence: Evidence) -> str:
    """Return why a stage without a cause to run again is skipped."""
    if stage.status == Status.PRUNED:
        return f"was pruned: {stage.reason}" if stage.reason else "was pruned"
    if stage.status != Status.COMPLETED:
        return f"is {stage.status} already"
    gone = evidence.gone.get(stage.name)
    return f"completed; {gone}, but no stage to run needs it" if gone else "completed"


def why_never(stage: StageRecord, fresh: Collection[str], evidence: Evidence) -> str | None:
    """Return why no resume runs a stage again; None if one may."""
    if stage.removed:
        return REMOVED
    if stage.name not in evidence.counted or stage.name in fresh:
        return None
    if stage.status in (*DONE, *UNFINISHED):
        return why_skipped(stage, NOTHING_CHANGED)
    return f"{_WORDS[stage.status]}, and its search has counted it; `rerun` runs it again"


def why_blocked(
    stage: StageRecord,
    by_name: Mapping[str, StageRecord],
    again: Collection[str],
    stuck: set[str],
) -> str | None:
    """Return why a blocked stage would be blocked again; None if it may run.

    `again` has the stages that run again, among them all of this one's dependencies that do;
    `stuck` the dependencies that stay blocked: the stage is added if it does.
    """
    if stage.status != Status.BLOCKED:
        return None
    upstreams = [by_name[name] for name in stage.depends_on if name in by_name]
    trials = [
        one
        for one in upstreams
        if one.definition.trial is not None and not one.definition.allow_failure
    ]
    may_complete = {
        one.definition.group
        for one in trials
        if one.status in (*UNFINISHED, Status.COMPLETED) or one.name in again
    }
    lost = (one.definition.group for one in trials if one.definition.group not in may_complete)
    search = next(lost, None)
    why = next((f"{one.name} stays blocked" for one in upstreams if one.name in stuck), None)
    if search is not None:
        why = f"no trial of {search} completed; `resume --trials N` asks for more"
    if why is None:
        return None
    stuck.add(stage.name)
    return f"was blocked: {why}"


def why_again(stage: StageRecord, again: Collection[str], evidence: Evidence) -> list[str]:
    """Return why a stage gets a new attempt; empty if it gets none."""
    if stage.status in UNFINISHED:
        return []
    changed = list(evidence.changed.get(stage.name, ()))
    if stage.status not in DONE:
        changed.insert(0, _how_it_ended(stage, evidence))
    if stage.attempt == 0:
        return changed
    rerun = [name for name in stage.depends_on if name in again]
    if rerun:
        verb = "runs" if set(rerun) <= set(evidence.new) else "runs again"
        changed.append(f"upstream {formatting.first(rerun)} {verb}")
    elif reran := evidence.reran.get(stage.name):
        changed.append(f"upstream {formatting.first(reran)} ran again")
    return changed


def _how_it_ended(stage: StageRecord, evidence: Evidence) -> str:
    if stage.name in evidence.new:
        return "is new"
    words = _WORDS[stage.status]
    has_cause = stage.status == Status.FAILED and stage.reason
    return f"{words}: {stage.reason}" if has_cause else words


_WORDS = {**ENDED_WORDS, Status.BLOCKED: "was blocked", Status.SKIPPED: "was skipped"}
