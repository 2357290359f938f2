"""The results of a search: its trials with their objectives, and the best one."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from trainui.errors import UsageError
from trainui.model.definition import StageDefinition
from trainui.model.records import StageRecord
from trainui.model.search import SearchResult
from trainui.model.states import ENDED, UNFINISHED, Status
from trainui.pipeline.substitution.search import searches_of, with_results
from trainui.store.db import protocol
from trainui.store.read import trials, views
from trainui.store.read.trials import ASKED, TrialRecord


def needed_by(
    connection: protocol.Connection, run_id: str, definition: StageDefinition
) -> dict[str, SearchResult]:
    """Return the results that a submitted definition uses, by the stage's name in the file."""
    return {name: of_search(connection, run_id, name) for name in searches_of(definition)}


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
    connection: protocol.Connection, run_id: str, definition: StageDefinition
) -> StageDefinition:
    """Return a submitted definition with the results of searches, if these have a best trial."""
    with suppress(UsageError):
        return with_results(definition, needed_by(connection, run_id, definition))
    return definition


def of_search(connection: protocol.Connection, run_id: str, name: str) -> SearchResult:
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


def ranked(connection: protocol.Connection, run_id: str, name: str) -> list[TrialRecord]:
    """Return the trials that were asked for, the best first.

    A completed trial has its value even if it is not in the study yet, or was rerun after it was
    pruned or had failed there; a running one has its best so far. Those without a value, or that
    count as failed, come last.
    """
    found = [_with_value(connection, one) for one in trials.of_search(connection, run_id, name)]
    return sorted(found, key=_rank)


def _with_value(connection: protocol.Connection, trial: TrialRecord) -> TrialRecord:
    """Return a trial as it counts now: `complete` too if it has completed since the study has it.

    Of a trial with several seeds each must have completed.
    """
    search, members = trial.stage.definition.search, trials.with_seeds(connection, trial.stage)
    has_completed = all(one.status == Status.COMPLETED for one in members)
    may_complete = trial.state == ASKED and not any(
        one.status in ENDED and one.status != Status.COMPLETED for one in members
    )
    if trial.state == "complete" or search is None or not (has_completed or may_complete):
        return trial
    if trial.stage.attempt == 0 or not members:  # its seeds were removed
        return trial
    from trainui.search import objective  # it imports SQLAlchemy

    outcome = objective.of_seeds(connection, members, search)
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
