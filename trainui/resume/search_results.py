"""The results of a search or an evaluation: its members with their objectives, and the best one.

An objective is read from a trial's stored points.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from trainui.errors import UsageError
from trainui.formatting import listed
from trainui.model.definition import Search, SearchResult, StageDefinition
from trainui.model.records import StageRecord
from trainui.model.states import ENDED, UNFINISHED, Status
from trainui.pipeline.filling import searches_of, with_results
from trainui.pipeline.matrix import mean
from trainui.resume import checkpoints
from trainui.store.db import statements
from trainui.store.read import evaluations, headlines, sweeps, views
from trainui.store.read.sweeps import ASKED, TrialRecord
from trainui.store.runs.trials import TrialOutcome


def needed_by(
    connection: statements.Connection, run_id: str, definition: StageDefinition
) -> dict[str, SearchResult]:
    """Return the results that a submitted definition uses, by the stage's name in the file."""
    return {name: _of_stage(connection, run_id, name) for name in searches_of(definition)}


def _of_stage(connection: statements.Connection, run_id: str, name: str) -> SearchResult:
    if evaluations.gatherers(connection, run_id, name):
        return of_evaluation(connection, run_id, name)
    return of_search(connection, run_id, name)


def of_evaluation(connection: statements.Connection, run_id: str, name: str) -> SearchResult:
    """Return what the stages that depend on an evaluation of each checkpoint may use of it.

    The best is the best that still exists: after an edit of `goal`, its copy may be gone.
    """
    found = evaluations.evaluated(connection, run_id, name)
    dirs = tuple(one.stage.directory for one in found if one.is_done)
    run = views.run(connection, run_id)
    for best in evaluations.best_first(connection, found):
        place = run and checkpoints.place_of(run.directory, best.checkpoint, held_first=True)
        if place is not None:
            step = (best.stage.definition.matrix or {}).get("step")
            return SearchResult(
                best_dir=best.stage.directory, dirs=dirs, best_checkpoint=place, best_step=step
            )
    return SearchResult(dirs=dirs)


def unknown_to(
    definition: StageDefinition, stages: Sequence[StageRecord], started_at: int | None
) -> str:
    """Return why the results of searches that an attempt used are not known; empty: they are.

    `definition` is the attempt's, as submitted; `started_at` is None if it has not started.
    """
    for name in sorted(searches_of(definition)):
        members = [one for one in stages if one.definition.group == name]
        if any(one.status in UNFINISHED for one in members):
            return f"known when {name} ends"
        ends = [one.completed_at or 0 for one in members]
        if started_at is not None and max(ends, default=0) > started_at:
            return f"a member of {name} has ended since"
    return ""


def filled_in(
    connection: statements.Connection, run_id: str, definition: StageDefinition
) -> StageDefinition:
    """Return a submitted definition with the results of searches, if these have a best trial."""
    with suppress(UsageError):
        return with_results(definition, needed_by(connection, run_id, definition))
    return definition


def of_search(connection: statements.Connection, run_id: str, name: str) -> SearchResult:
    """Return what the stages that depend on a search may use of it."""
    completed = (  # and not run again since
        one
        for one in ranked(connection, run_id, name)
        if one.value is not None and one.state == "complete" and _has_completed(one.stage)
    )
    best = next(completed, None)
    dirs = tuple(
        stage.directory
        for stage in views.stages(connection, run_id)
        if stage.definition.group == name and _has_completed(stage)
    )
    if best is None:
        return SearchResult(dirs=dirs)
    params, search = best.stage.definition.trial_params or {}, best.stage.definition.search
    texts = search.texts(params) if search else {}
    return SearchResult(best.number, best.stage.directory, params, texts, dirs)


def ranked(connection: statements.Connection, run_id: str, name: str) -> list[TrialRecord]:
    """Return the trials that were asked for, the best first.

    A completed trial has its value even if it is not in the study yet, or was rerun after it was
    pruned or had failed there; a running one has its best so far. Those without a value, or that
    count as failed, come last.
    """
    found = [_with_value(connection, one) for one in sweeps.trials_of(connection, run_id, name)]
    return sorted(found, key=_rank)


def _with_value(connection: statements.Connection, trial: TrialRecord) -> TrialRecord:
    """Return a trial as it counts now: `complete` too if it has completed since the study has it.

    Of a trial with several seeds each must have completed.
    """
    search, members = trial.stage.definition.search, sweeps.with_seeds(connection, trial.stage)
    has_completed = all(one.status == Status.COMPLETED for one in members)
    may_complete = trial.state == ASKED and not any(
        one.status in ENDED and one.status != Status.COMPLETED for one in members
    )
    if trial.state == "complete" or search is None or not (has_completed or may_complete):
        return trial
    if trial.stage.attempt == 0 or not members:  # its seeds were removed
        return trial
    outcome = outcome_of_seeds(connection, members, search)
    state = "complete" if has_completed and outcome.value is not None else trial.state
    return replace(trial, state=state, value=outcome.value, step=outcome.step)


_ORDER = {"complete": 0, ASKED: 1, "pruned": 2}


def _rank(trial: TrialRecord) -> tuple[int, float, int]:
    search = trial.stage.definition.search
    if trial.value is None or search is None:
        return len(_ORDER), 0.0, trial.number
    order = _ORDER.get(trial.state, len(_ORDER))
    return order, trial.value if search.goal == "minimize" else -trial.value, trial.number


def _has_completed(stage: StageRecord) -> bool:
    return stage.status == Status.COMPLETED and not stage.removed


def outcome_of(connection: statements.Connection, stage_id: str, search: Search) -> TrialOutcome:
    """Return how a completed trial counts: by its best finite value, else as failed."""
    from trainui.store.points.plot_points import Axis
    from trainui.store.points.plot_windows import Plotted

    series = Plotted(connection, stage_id, search.metric, Axis.STEP)
    if (best := series.best(lower=search.goal == "minimize")) is not None:
        return TrialOutcome("complete", best.value, best.step)
    return TrialOutcome("fail", reason=metric_problem(connection, stage_id, search.metric))


def outcome_of_seeds(
    connection: statements.Connection, members: Sequence[StageRecord], search: Search
) -> TrialOutcome:
    """Return how a completed trial counts: with several seeds, by the mean of their values."""
    if len(members) == 1:
        return outcome_of(connection, members[0].id, search)
    found = [outcome_of(connection, one.id, search) for one in members]
    for member, outcome in zip(members, found, strict=True):
        if outcome.value is None:
            return TrialOutcome("fail", reason=f"{seed_of(member)}: {outcome.reason}")
    values = [one.value for one in found if one.value is not None]
    return TrialOutcome("complete", mean(values))


def seed_of(member: StageRecord) -> str:
    """Return which seed of its trial a stage is: `seed=1`."""
    over = member.definition.over or ""
    return f"{over}={(member.definition.matrix or {}).get(over, '')}"


def metric_problem(connection: statements.Connection, stage_id: str, metric: str) -> str | None:
    """Return why a stage that has completed has no value of a metric; None if it has one."""
    if (why := metric_missing(connection, stage_id, metric)) is not None:
        return why
    from trainui.store.points import read_points

    found = read_points.summaries(connection, [stage_id], metric)
    has_value = any(one.min is not None for one in found)
    return None if has_value else f"{metric} has no finite value"


def metric_missing(
    connection: statements.Connection, stage_id: str, metric: str, *, so_far: bool = False
) -> str | None:
    """Return that a stage has no point of a metric, and which it has; None if it has one."""
    names = headlines.names_of(connection, stage_id)
    if metric in names:
        return None
    when = " so far" if so_far else ""
    return f"no points of {metric}{when}; has: {listed(names) if names else 'no metrics'}"
