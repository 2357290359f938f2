"""What pages read before they act on a run, and the actions themselves: each where the run is.

`AppInterface.call` calls such a function in this process, or in the agent of the run's box, which
takes and returns what its annotations say (`tui.box_wire`). Its first argument is the run's id
there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from trainui import clock, formatting
from trainui.clock import SECOND
from trainui.errors import PlanChangedError, TrainuiError, UsageError
from trainui.model.records import StageRecord
from trainui.model.states import UNFINISHED, Status
from trainui.pipeline.graph import Graph
from trainui.pipeline.rules.resume_plan import Action, PlannedStage, StageOptions
from trainui.record import dataclass
from trainui.resume import checkpoints, edit_effects
from trainui.resume.edit_effects import PipelineChoice
from trainui.resume.edits import InlineEdit, Suggestion, Value
from trainui.store.db import engine
from trainui.store.read import run_list, views
from trainui.store.read.run_list import RunLine
from trainui.text import harmless

if TYPE_CHECKING:
    from trainui.control.compare import MoreSeeds
    from trainui.control.digest_records import Digest

MOST_BLOCKED = 8
"""Maximum number of stages that are named; the others are counted."""


# --- cancelling


def cancel_facts(run_id: str, names: list[str] | None) -> list[str]:
    """Return what cancelling these stages, or all, would lose.

    Raises:
        UsageError: it cannot be cancelled.
    """
    from trainui.control import cancellation

    cancellation.check(run_id)
    return lost_work(run_id, names)


def lost_work(run_id: str, names: list[str] | None) -> list[str]:
    """Return what each stage would lose; without names, every unfinished stage counts."""
    with engine.reading() as connection:
        stages = views.stages(connection, run_id)
    ended = [
        stage
        for stage in stages
        if stage.status in UNFINISHED and (names is None or stage.name in names)
    ]
    lines = [_lost_work_of(stage) for stage in ended if stage.status == Status.RUNNING]
    if waiting := len(ended) - len(lines):
        lines.append(f"{waiting} {'stage has' if waiting == 1 else 'stages have'} not started yet")
    if names is not None:
        lines += _dependants(stages, names)
    return lines


def _lost_work_of(stage: StageRecord) -> str:
    name, now = harmless(stage.name), clock.now()
    if stage.started_at is None:
        return f"{name} has just started"
    spent = formatting.duration(int((now - stage.started_at) / SECOND))
    with engine.reading() as connection:
        attempts = [one.directory for one in views.attempts_of_stage(connection, stage.id)]
    where = checkpoints.search(stage.definition, stage.directory, attempts)
    newest = next(checkpoints.complete(where), None)
    if newest is None:
        kind = "no checkpoint yet" if stage.definition.checkpoint else "it declares no checkpoint"
        return f"{name} has run for {spent}; all of it would be lost: {kind}"
    path = Path(newest)
    since = formatting.duration(max(int(now / SECOND - path.stat().st_mtime), 0))
    lost = f"{since} of it would be done again: a resume continues from {harmless(path.name)}"
    return f"{name} has run for {spent}; {lost}"


def _dependants(stages: Collection[StageRecord], names: Collection[str]) -> list[str]:
    """Return lines with the dependants that would be blocked, and with those that would start."""
    ended = [one for one in stages if one.name in names and one.status in UNFINISHED]
    left = [one for one in stages if one.name not in names or one.status not in UNFINISHED]
    unfinished = {one.definition.group for one in left if one.status in UNFINISHED}
    completed = {one.definition.group for one in left if one.status == Status.COMPLETED}
    blocking = [one.name for one in ended if not _is_tolerated(one, unfinished | completed)]
    tolerated = [one for one in ended if one.name not in blocking]
    over = {one.name for one in tolerated if one.definition.group not in unfinished}
    graph = Graph.of(stages)
    blocked = graph.downstream(*blocking)
    others = [one for one in left if one.status in UNFINISHED and one.name not in blocked]
    found = {
        "would be blocked": [
            one.name for one in left if one.status in UNFINISHED and one.name in blocked
        ],
        "would start, without what is cancelled": [
            one.name for one in others if over.intersection(one.depends_on)
        ],
    }
    return [f"{words}: {_listed(which)}" for words, which in found.items() if which]


def _listed(names: Sequence[str]) -> str:
    return formatting.listed([harmless(name) for name in names], MOST_BLOCKED)


def _is_tolerated(stage: StageRecord, groups: Collection[str]) -> bool:
    """Return True if dependants start although a stage was cancelled.

    Those of a search need a trial: one of these groups has another that completed or may.
    """
    is_trial = stage.definition.trial is not None
    return stage.definition.may_fail and (not is_trial or stage.definition.group in groups)


def cancel(run_id: str, names: list[str] | None) -> list[str]:
    """Cancel stages, or all; return the names of those that are asked to end."""
    from trainui import control

    return list(control.cancel(run_id, names))


# --- deleting


class OnDisk(NamedTuple):
    """The files of a run."""

    directory: str
    used: int
    """Bytes."""


def on_disk(run_id: str) -> OnDisk | None:
    """Return where a run's files are, and how much they take; None: the run is gone."""
    from trainui import system

    with engine.reading() as connection:
        run = views.run(connection, run_id)
    return None if run is None else OnDisk(run.directory, system.used_bytes(Path(run.directory)))


def remove(run_id: str) -> bool:
    """Delete a run with its files."""
    from trainui import control

    control.remove(run_id)
    return True


# --- rerunning


def rerun_facts(run_id: str, names: list[str]) -> list[str]:
    """Return what rerunning these stages means."""
    with engine.reading() as connection:
        stages = views.stages(connection, run_id)
    chosen = [one for one in stages if one.name in names]
    below = Graph.of(stages).downstream(*names)
    after = [one.name for one in stages if one.name in below and one.name not in names]
    lines = []
    if chosen and all(stage.status == Status.PRUNED for stage in chosen):
        has_checkpoints = chosen[0].definition.checkpoint is not None
        whence = "from its checkpoint if it has one, " if has_checkpoints else ""
        lines.append(f"was pruned: it runs {whence}with pruning off")
    if after:
        lines.append(f"{_listed(after)} {'depends' if len(after) == 1 else 'depend'} on it")
    return lines


def rerun(run_id: str, attempts: dict[str, int], downstream: bool) -> list[str]:
    """Rerun stages, alone or with their dependants; return their names.

    Of each stage, the number of its last attempt when a person agreed is given.
    """
    from trainui import control

    return list(control.rerun(run_id, attempts, downstream=downstream, confirmed=attempts))


def offer_facts(run_id: str, names: list[str]) -> list[str]:
    """Return what the new run would be that an external run's stages, or all, are run as."""
    return [harmless(line) for line in _offer(run_id, names).lines]


def start_ours(run_id: str, names: list[str]) -> str:
    """Start that new run; return its id."""
    from trainui.control import external

    return external.start_ours(_offer(run_id, names))


def _offer(run_id: str, names: Collection[str]) -> Any:
    from trainui.control import external

    with engine.reading() as connection:
        run, stages = views.find_run(connection, run_id), views.stages(connection, run_id)
        chosen = [one for one in stages if one.name in names]
        return external.offer_of(run, chosen or stages)


# --- a resume and its plan


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What a plan is made with."""

    options: StageOptions = field(default_factory=StageOptions)
    edit: InlineEdit | None = None
    """An inline edit of the run's pipeline."""
    as_submitted: bool = False
    """True: changes of the run's file are ignored."""
    only_edited: bool = False
    """True: of an edited member of a sweep, only it and what follows run."""


@dataclass(frozen=True, slots=True)
class ShownPlan:
    """A resume plan, and what was found out for it."""

    stages: Sequence[PlannedStage] = ()
    member: str | None = None
    """The edited member that alone runs, for `PlanRequest.only_edited`."""
    diff: str = ""
    """The difference of the pipeline from the one on record."""
    heading: str = ""
    """Which pipeline the plan is made with; empty: the run's pipeline has not changed."""
    is_changed: bool = False
    """True if the pipeline on record, without an edit, is a choice as well."""
    code: str = ""
    """How the code differs from the submitted code; empty: not at all."""
    pipeline: str = ""
    """The digest of the pipeline's content."""
    problem: str = ""
    """Why no plan can be made; empty: it was."""

    @property
    def revives(self) -> bool:
        """True if any stage would run."""
        return any(one.action != Action.SKIP for one in self.stages)


def plan(run_id: str, request: PlanRequest) -> ShownPlan:
    """Make a plan; it reads checkpoints.

    Raises:
        PipelineFileError: the run's file, or the edit, has problems.
    """
    from trainui import control
    from trainui.execution.attempt import lost_attempts
    from trainui.resume import code_version, submitted

    lost_attempts.record([run_id])
    run = submitted.run_of(run_id)
    choice = edit_effects.choose_pipeline(run, edit=request.edit, as_submitted=request.as_submitted)
    options, member = request.options, choice.member if request.only_edited else None
    if member is not None:
        options = replace(options, only=frozenset({member}))
    found = ShownPlan(
        member=member,
        diff=choice.diff or "",
        heading=_heading(choice),
        is_changed=choice.is_changed,
        pipeline=_digest(choice),
    )
    try:
        stages = control.plan_resume(run.id, options, pipeline=choice.pipeline)
    except TrainuiError as error:
        problem = str(error)
        if choice.changed_file is not None and choice.pipeline is not None:
            problem += f"\n\n{choice.changed_file} has changed; f plans without its changes"
        return replace(found, problem=problem)
    return replace(found, stages=stages, code=code_version.since_submission(run))


def carry_out(run_id: str, request: PlanRequest, shown: ShownPlan) -> list[str]:
    """Resume by a plan that was shown; return the stages that run.

    Raises:
        PlanChangedError: the plan is another one by now.
    """
    from trainui import control
    from trainui.resume import submitted

    run = submitted.run_of(run_id)
    choice = edit_effects.choose_pipeline(run, edit=request.edit, as_submitted=request.as_submitted)
    if _digest(choice) != shown.pipeline:
        raise PlanChangedError("the run's file has changed since you read the plan; nothing ran")
    revived = control.resume(
        run_id,
        request.options,
        pipeline=choice.pipeline,
        edit=choice.edit,
        confirmed=shown.stages,
    )
    return list(revived)


def _digest(choice: PipelineChoice) -> str:
    from trainui.resume import edits

    content = "" if choice.pipeline is None else edits.content(choice.pipeline)
    return hashlib.sha256(content.encode(errors="surrogatepass")).hexdigest()


def _heading(choice: PipelineChoice) -> str:
    if choice.member is not None:
        others = "the other members stay as they are"
        return f"With your edits, for {choice.member} and what follows it; {others}:"
    if choice.changed_file is None and choice.waited:
        which = _listed(choice.waited)
        return f"{'Without' if choice.edit is None else 'With'} the pending edit of {which}"
    if choice.edit is not None:
        return "With your edits:"
    if choice.changed_file is None:
        return ""
    if choice.pipeline is not None:
        found = f"{choice.changed_file} has changed since this run."
        if choice.undoes:
            found += " It lacks what was edited here, and takes that back; f keeps that instead."
        return f"{found} Plan with the new version:"
    return f"Plan as submitted, without the changes in {choice.changed_file}"


# --- edits


@dataclass(frozen=True, slots=True)
class Editable:
    """What can be edited of a run."""

    text: str
    """Of its pipeline."""
    values: Sequence[Value]
    suggested: Suggestion


def editable(run_id: str, stage: str | None, alone: bool, prepared: bool) -> Editable:
    """Return a run's pipeline, with its values and those of a stage.

    `alone`: the stage is a member of a sweep that alone is edited. `prepared`: with the values that
    the cause of its failure suggests.

    Raises:
        UsageError: the run has no text to edit.
    """
    from trainui.resume import edit_effects, edits, submitted

    run = submitted.run_of(run_id)
    with engine.reading() as connection:
        record = next((one for one in views.stages(connection, run_id) if one.name == stage), None)
    text = edits.text_of(run)
    definition = None if record is None else record.definition
    values = edits.values_of(run, text, definition, alone=alone, with_command=prepared)
    if alone:  # a search has one space and one number of trials
        values = [one for one in values if one.place.scope not in ("search", "choices")]
    suggested = Suggestion()
    if prepared and record is not None:
        suggested = edit_effects.suggestion(record, values)
    return Editable(text, values, suggested)


def edited_values(
    run_id: str, text: str, changes: list[tuple[Value, str]], member: str | None
) -> InlineEdit:
    """Return an edit of values, of one member of a sweep alone if it is named."""
    from trainui.resume import edits, submitted

    return edits.with_values(submitted.run_of(run_id), text, dict(changes), member)


def edited_text(run_id: str, before: str, text: str) -> InlineEdit:
    """Return an edit of the whole text."""
    from trainui.resume import edits, submitted

    return edits.with_text(submitted.run_of(run_id), before, text)


def more_seeds(_run_id: str, some: list[tuple[str, str]], more: int) -> list[MoreSeeds]:
    """Return what adds seeds to configurations (their runs' ids and names), changing nothing."""
    from trainui.control import compare

    with engine.reading() as connection:
        chosen = [compare.named(connection, *one) for one in some]
    return compare.with_more_seeds(chosen, more)


# --- others


def change_priority(run_id: str, change: int) -> int:
    """Raise (1) or lower (-1) a run's priority; return the new one."""
    from trainui import control

    return control.change_priority(run_id, change)


def add_note(run_id: str, text: str, verdict: str | None) -> bool:
    """Add a note to a run, or a verdict on it."""
    from trainui.control import requests

    requests.add_note(run_id, text, verdict)
    return True


def difference(run_id: str, other: str | None) -> list[str]:
    """Return what differs between two runs; without another one, between a run and its files."""
    from trainui.control import run_difference

    return list(run_difference.lines_between(run_id, other))


def brief_difference(run_id: str, other: str) -> list[list[str]]:
    """Return what differs between two runs in a few words; see `run_difference.brief`."""
    from trainui.control import run_difference

    return run_difference.brief_between(run_id, other)


def stacks(run_id: str, stage: str) -> list[str]:
    """Take the stacks of a stage's processes, and keep them beside its logs."""
    from trainui.execution.stacks import keep_of_stage

    return list(keep_of_stage(run_id, stage).lines)


def report(run_id: str) -> str:
    """Return a run's report in Markdown."""
    from trainui.control.report import of_runs

    return of_runs([run_id])


def command(run_id: str, stage: str) -> str:
    """Return a stage's command, to be pasted into a shell.

    Raises:
        UsageError: it runs a task.
    """
    from trainui.execution.attempt import prepared_process

    found = prepared_process.command_of_stage(run_id, stage)
    if found is None:
        raise UsageError(f"{stage} runs a task, not a command")
    return found


def view(_run_id: str, viewer: str, path: str, columns: int, rows: int) -> list[str]:
    """Return a file of a stage as a plugin shows it, as lines for the terminal."""
    from trainui.plugin import Viewer, registry

    found = registry.find(Viewer, viewer)
    if found is None:
        return []
    passed = (ValueError, OSError)
    lines = registry.run(found, found.view, Path(path), columns, rows, passes=passed)
    return [str(line) for line in lines[:rows]]


def run_lines(run_ids: list[str]) -> list[RunLine]:
    """Return these runs as lines of a list."""
    from trainui.execution.attempt import lost_attempts

    with engine.reading() as connection:
        found = list(run_list.lines_of(connection, run_ids).values())
        return run_list.with_lost(found, lost_attempts.find(connection))


def digest(since: int, until: int) -> Digest:
    """Return what happened between two times, with the estimated ends of what runs."""
    from trainui.control import digest as digests
    from trainui.store.db import engine
    from trainui.tui.readers.time_to_go import EtaEstimator

    found = digests.read(since, until)
    if not found.running:
        return found
    with engine.reading() as connection:
        ends = EtaEstimator().of_list(connection, [one.run for one in found.running])
    known = {run_id: ending.at for run_id, ending in ends.items()}
    return replace(found, running=[replace(one, until=known.get(one.run)) for one in found.running])


STARTING: frozenset[Callable[..., Any]] = frozenset({carry_out, rerun, start_ours})
"""The actions after which a worker is started."""

_OTHERS: tuple[Callable[..., Any], ...] = (
    *(cancel_facts, cancel, on_disk, remove, rerun_facts, offer_facts, plan, editable),
    *(
        edited_values,
        edited_text,
        more_seeds,
        change_priority,
        add_note,
        difference,
        brief_difference,
    ),
    *(stacks, report, command, view, run_lines, digest),
)

ACTIONS: Mapping[str, Callable[..., Any]] = {one.__name__: one for one in (*STARTING, *_OTHERS)}
"""What the agent of a box does when it is asked."""
