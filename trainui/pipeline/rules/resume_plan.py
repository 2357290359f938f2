"""Resume plan: which stages run again, continue or are skipped, and why; pure functions.

Its words are the same on the command line and on the screen.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import field, replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

from trainui import formatting
from trainui.errors import UsageError
from trainui.model.records import StageRecord
from trainui.model.states import DONE, UNFINISHED, WAITING, Status
from trainui.pipeline.graph import Graph
from trainui.pipeline.rules.scheduling import ENDED_WORDS
from trainui.record import dataclass

# The reasons why a resume runs a stage again, or skips it.


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
    moved: Collection[str] = ()
    """Full names of members of a sweep that got another value, and with it another directory."""
    counted: Collection[str] = ()
    """Full names of trials whose outcome is in their study: a resume never runs them again."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Full name of a stage whose checkpoint is not evaluated (again) -> why."""


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
    if stage.name in evidence.left_out and stage.status not in UNFINISHED:
        return f"{_WORDS.get(stage.status, stage.status)}: {evidence.left_out[stage.name]}"
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


def why_blocked_still(
    stage: StageRecord, by_name: Mapping[str, StageRecord], again: Collection[str]
) -> str | None:
    """Return which dependency would block a stage, since it stays as it ended; None if none."""
    for upstream in (by_name[name] for name in stage.depends_on if name in by_name):
        has_ended = upstream.status not in (*UNFINISHED, *DONE) and upstream.name not in again
        if has_ended and not upstream.definition.may_fail and not upstream.removed:
            return f"{_WORDS.get(stage.status, stage.status)}: {upstream.name} stays as it ended"
    return None


def why_again(stage: StageRecord, again: Collection[str], evidence: Evidence) -> list[str]:
    """Return why a stage gets a new attempt; empty if it gets none."""
    if stage.status in UNFINISHED:
        return []
    changed = list(evidence.changed.get(stage.name, ()))
    if stage.status not in DONE:
        changed.insert(0, _how_it_ended(stage, evidence))
    if stage.attempt == 0 and not stage.definition.gathers:
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


# Plan a resume: the action for each stage and its reason, without executing anything.


class Action(StrEnum):
    """The action of a resume for a stage."""

    SKIP = "skip"
    RUN = "run"
    CONTINUE = "continue"


@dataclass(frozen=True, slots=True)
class PlannedStage:
    """A stage of a resume plan."""

    name: str
    action: Action
    reason: str
    checkpoint: str | None = None
    """Absolute path of the checkpoint it continues from."""
    step: int | None = None
    """The step of that checkpoint; None: not found in its name or content."""
    seconds: float | None = None
    """Its earlier duration; None if it never completed."""
    gpu_seconds_saved: float = 0.0
    """GPU seconds of earlier attempts that are not repeated."""
    fresh: bool = False
    """True: it restarts in a new directory; the old one is renamed."""
    left_out: bool = False
    """True: it is skipped because of `--until`."""
    kept: bool = False
    """True: it is skipped because of `--keep`; otherwise it would run."""
    edit_waits: bool = False
    """True: it is running, and an edit of it applies to a later attempt only."""


FindCheckpoint = Callable[[StageRecord], str | None]
"""Returns the newest complete checkpoint that has not already failed to load."""


def plan_resume(
    stages: Sequence[StageRecord],
    *,
    find_checkpoint: FindCheckpoint,
    until: Collection[str] = (),
    only: Collection[str] = (),
    fresh: Collection[str] = (),
    keep: Collection[str] = (),
    evidence: Evidence = NOTHING_CHANGED,
) -> list[PlannedStage]:
    """Decide for each stage of a run, in the file's order.

    All stages are named in full: only those in `until` and their dependencies run (none: all
    stages), and only those in `only`, their dependencies and what follows; those in `fresh` restart
    even if they could continue; completed stages in `keep` keep their results despite changes.

    Raises:
        UsageError: a stage to restart is unfinished, or a running stage uses its outputs; or a
            stage to keep is not completed.
    """
    missed: set[str] = set()
    while True:
        changed = {name: [*evidence.changed.get(name, ()), evidence.gone[name]] for name in missed}
        planned = _plan_once(
            stages,
            find_checkpoint,
            until,
            only,
            fresh,
            keep,
            replace(evidence, changed={**evidence.changed, **changed}),
        )
        again = {one.name for one in planned if one.action != Action.SKIP}
        news = _missed(stages, again, evidence.gone.keys(), keep) - missed
        if not news:
            return planned
        missed |= news


def _missed(
    stages: Sequence[StageRecord],
    again: Collection[str],
    gone: Collection[str],
    keep: Collection[str],
) -> set[str]:
    """Return the stages whose outputs are missing and needed by a stage that will run."""
    by_name = {stage.name: stage for stage in stages}
    waiting = {one.name for one in stages if one.status in WAITING}
    needing = waiting.union(again)
    missed: set[str] = set()
    for stage in (by_name[name] for name in reversed(Graph.of(stages).order())):
        if stage.name in needing and not stage.removed:
            missed.update(name for name in stage.depends_on if name in gone)
            needing |= missed.difference(keep)
    return missed


def _plan_once(
    stages: Sequence[StageRecord],
    find_checkpoint: FindCheckpoint,
    until: Collection[str],
    only: Collection[str],
    fresh: Collection[str],
    keep: Collection[str],
    evidence: Evidence,
) -> list[PlannedStage]:
    by_name = {stage.name: stage for stage in stages}
    for name in keep:
        _check_kept(by_name[name], fresh)
    graph = Graph.of(stages)
    wanted = graph.upstream(*until).union(until) if until else set(by_name)
    alone = graph.upstream(*only) | graph.downstream(*only).union(only) if only else set(by_name)
    awaited = {name for one in stages if one.status in UNFINISHED for name in one.depends_on}
    users = users_of(stages)
    again: set[str] = set()
    stuck: set[str] = set()
    planned = {}
    for stage in (by_name[name] for name in graph.order()):
        if stage.name in fresh and stage.attempt and stage.status in UNFINISHED:
            raise UsageError(f"{stage.name} is {stage.status}; cancel it before you restart it")
        if stage.name in fresh and stage.name in users:
            raise UsageError(_in_use(stage.name, users))
        causes = ["restart requested"] if stage.name in fresh else why_again(stage, again, evidence)
        restarts = stage.name in fresh or restarts_in_new_directory(stage, again, evidence.reran)
        restarts = restarts or stage.name in evidence.moved
        skip = partial(PlannedStage, stage.name, Action.SKIP)
        never = why_never(stage, fresh, evidence)
        if (why := never or why_blocked(stage, by_name, again, stuck)) is not None:
            planned[stage.name] = skip(why)
        elif stage.name not in wanted:
            # a failed stage with allow_failure stays failed if an unfinished stage started because
            # of it
            ended = stage.status not in (*UNFINISHED, *DONE)
            left_out = ended and stage.name not in awaited
            planned[stage.name] = skip("left out by --until", left_out=left_out)
        elif not causes:
            planned[stage.name] = skip(why_skipped(stage, evidence))
        elif stage.name not in alone:
            planned[stage.name] = skip(f"{_how_it_ended(stage, evidence)}; it stays so")
        elif only and (why := why_blocked_still(stage, by_name, again)) is not None:
            planned[stage.name] = skip(why)
        elif stage.name in keep:
            planned[stage.name] = skip(f"kept (you chose this; {'; '.join(causes)})", kept=True)
        elif stage.name in users:
            planned[stage.name] = skip(f"{users[stage.name]} is using its outputs")
        else:
            again.add(stage.name)
            planned[stage.name] = _planned_attempt(stage, causes, find_checkpoint, restarts)
    return [planned[stage.name] for stage in stages]


def users_of(stages: Sequence[StageRecord]) -> dict[str, str]:
    """Return the stages that a running stage depends on: stage -> the running stage.

    Their directories must not be renamed or written while it reads them; that includes failed
    stages with `allow_failure`.
    """
    graph = Graph.of(stages)
    running = [stage.name for stage in stages if stage.status == Status.RUNNING]
    return {used: user for user in running for used in graph.upstream(user)}


def _in_use(name: str, users: Mapping[str, str]) -> str:
    user = users[name]
    return f"{user} is using the outputs of {name}; wait until {user} ends, or cancel it"


def _check_kept(stage: StageRecord, fresh: Collection[str]) -> None:
    if stage.name in fresh:
        raise UsageError(f"{stage.name} cannot be both kept and restarted; choose one")
    if stage.status != Status.COMPLETED:
        raise UsageError(
            f"{stage.name} cannot be kept: it is {stage.status}; only the result of a completed "
            "stage can be kept"
        )


def restarts_in_new_directory(
    stage: StageRecord, again: Collection[str], reran: Mapping[str, Sequence[str]]
) -> bool:
    """Return True if a stage that gets a new attempt restarts in a new directory.

    That is so if it is completed, or if one of its upstreams runs again or has run again since
    this stage last started: its present files were made from old data. Also if an earlier request
    that was cancelled before the attempt began says so.
    """
    if stage.status == Status.COMPLETED:
        return not stage.definition.gathers
    if stage.attempt == 0:
        return False
    if stage.fresh:
        return True
    return bool(reran.get(stage.name)) or any(name in again for name in stage.depends_on)


def standing(
    stages: Sequence[StageRecord], among: Collection[str], evidence: Evidence
) -> list[str]:
    """Return which of these ended stages have a result that no resume would make again.

    Nothing that they were made from has changed or runs, and their outputs are there.
    """
    by_name, found = {stage.name: stage for stage in stages}, list[str]()
    for stage in (by_name[name] for name in Graph.of(stages).order()):
        if stage.name not in among or stage.name in evidence.gone:
            continue
        upstreams = [by_name[name] for name in stage.depends_on if name in by_name]
        is_settled = all(
            one.name in found if one.name in among else one.status not in UNFINISHED
            for one in upstreams
        )
        if is_settled and not why_again(stage, (), evidence):
            found.append(stage.name)
    return found


def _planned_attempt(
    stage: StageRecord, causes: Sequence[str], find_checkpoint: FindCheckpoint, fresh: bool
) -> PlannedStage:
    checkpoint = None if fresh or stage.attempt == 0 else find_checkpoint(stage)
    action = Action.RUN if checkpoint is None else Action.CONTINUE
    reason = "; ".join(causes)
    if len(causes) > 1 and stage.attempt and not fresh:
        reason += "; its directory stays"
    return PlannedStage(stage.name, action, reason, checkpoint=checkpoint, fresh=fresh)


def plan_rerun(
    stages: Sequence[StageRecord], names: Collection[str], *, downstream: bool
) -> list[str]:
    """Return the full names of the stages that a rerun executes again, in file order.

    Raises:
        UsageError: one of the stages to rerun is unfinished, or a running stage uses its outputs.
    """
    chosen = set(names)
    users = users_of(stages)
    if downstream:
        by_name = {stage.name: stage for stage in stages}
        for stage in (by_name[name] for name in Graph.of(stages).order()):
            if chosen.intersection(stage.depends_on) and not stage.removed:
                chosen.add(stage.name)
    for stage in stages:
        if stage.name in chosen and stage.removed:
            raise UsageError(f"{stage.name} is {REMOVED}; a resume with a file that has it runs it")
        if stage.name in chosen and stage.status in UNFINISHED:
            raise UsageError(f"{stage.name} is {stage.status}; wait for its end, or cancel it")
    for name in chosen & users.keys():
        raise UsageError(_in_use(name, users))
    return [stage.name for stage in stages if stage.name in chosen]


# The options of a resume, and a plan in words.


@dataclass(frozen=True, slots=True)
class StageOptions:
    """Options for single stages, by full names."""

    until: Collection[str] = frozenset()
    """Run only these and what they depend on; empty: all."""
    fresh: Collection[str] = frozenset()
    """Restart these from scratch, without their checkpoints."""
    keep: Collection[str] = frozenset()
    """Keep the results of these completed stages, even if something changed."""
    only: Collection[str] = frozenset()
    """Run only these, what they depend on and what follows; the others stay as they are."""

    before: Mapping[str, str] = field(default_factory=dict)
    """Continue these from this checkpoint, and give up those that they wrote after it."""

    def toggled(self, option: str, stage: str) -> StageOptions:
        """Return a copy with an option of a stage switched on or off."""
        changed: dict[str, Any] = {option: frozenset(getattr(self, option)) ^ {stage}}
        return replace(self, **changed)

    @property
    def arguments(self) -> str:
        """The options as command-line arguments, for display."""
        return "  ".join(
            f"--{option} {stage}"
            for option in ("until", "keep", "fresh")
            for stage in sorted(getattr(self, option))
        )


def difference(shown: Sequence[PlannedStage], now: Sequence[PlannedStage]) -> list[str]:
    """Return in which stages two plans differ, a line each; their estimates do not count."""
    before, after = ({one.name: _in_words(one) for one in plan} for plan in (shown, now))
    return [
        f"{name}: {before.get(name, 'not there')} -> {after.get(name, 'not there')}"
        for name in dict.fromkeys([*before, *after])
        if before.get(name) != after.get(name)
    ]


def _in_words(one: PlannedStage) -> str:
    parts = [
        str(one.action),
        f"from {Path(one.checkpoint).name}" if one.checkpoint else "",
        "in a new directory" if one.fresh else "",
        "(left out)" if one.left_out else "(kept)" if one.kept else "",
        "(its edit is pending)" if one.edit_waits else "",
    ]
    return " ".join(filter(None, parts))


def explanation(one: PlannedStage) -> str:
    """Return the reason for an action, and the checkpoint that it continues from."""
    if one.checkpoint is None:
        is_restarted = one.fresh and one.action == Action.RUN
        return f"{one.reason}; in a new directory" if is_restarted else one.reason
    step = "" if one.step is None else f" at step {one.step:,}"
    return f"{one.reason}; from {Path(one.checkpoint).name}{step}"


def duration(one: PlannedStage) -> str:
    """Return the time that a skipped stage took, or that another one will take; empty: unknown."""
    if one.seconds is None:
        return ""
    words = formatting.duration(one.seconds)
    return words if one.action == Action.SKIP else f"~{words}"


def summary(stages: Sequence[PlannedStage]) -> str:
    """Return a summary, e.g. `2 to run, 1 to continue, 3 skipped`."""
    count = {action: sum(one.action == action for one in stages) for action in Action}
    words = ((Action.RUN, "to run"), (Action.CONTINUE, "to continue"), (Action.SKIP, "skipped"))
    counts = ", ".join(f"{count[action]} {word}" for action, word in words if count[action])
    return counts if count[Action.SKIP] < len(stages) else f"nothing to resume: {counts}"


def waiting(stages: Sequence[PlannedStage]) -> str:
    """Return which running stages an edit does not reach yet; empty if none."""
    names = [one.name for one in stages if one.edit_waits]
    if not names:
        return ""
    if len(names) == 1:
        return f"{names[0]} runs with the definition it was submitted with; its edit is pending"
    which = formatting.listed(names)
    return f"{which} run with the definitions they were submitted with; their edits are pending"


def saved(stages: Sequence[PlannedStage]) -> str:
    """Return the GPU time saved by kept results and checkpoints, as text; empty if none."""
    seconds = sum(one.gpu_seconds_saved for one in stages)
    return f"GPU time saved: {formatting.duration(seconds)}" if seconds else ""
