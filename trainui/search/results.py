"""The results of a search: its trials with their objectives, and the best one."""

from __future__ import annotations

from dataclasses import replace

from trainui.domain.definition import StageDefinition
from trainui.domain.search import SearchResult
from trainui.domain.states import Status
from trainui.pipeline.substitution.search import searches_of
from trainui.search import objective
from trainui.store.db import protocol
from trainui.store.read import trials, views
from trainui.store.read.trials import ASKED, TrialRecord


def needed_by(
    connection: protocol.Connection, run_id: str, definition: StageDefinition
) -> dict[str, SearchResult]:
    """Return the results that a submitted definition uses, by the stage's name in the file."""
    return {name: of_search(connection, run_id, name) for name in searches_of(definition)}


def of_search(connection: protocol.Connection, run_id: str, name: str) -> SearchResult:
    """Return what the stages that depend on a search may use of it."""
    best = next((one for one in ranked(connection, run_id, name) if _is_candidate(one)), None)
    return SearchResult(
        best_trial=None if best is None else best.number,
        best_dir=None if best is None else best.stage.directory,
        best_params={} if best is None else dict(best.stage.definition.trial_params or {}),
        dirs=tuple(
            stage.directory
            for stage in views.stages(connection, run_id)
            if stage.definition.group == name
            and stage.status == Status.COMPLETED
            and not stage.removed
        ),
    )


def ranked(connection: protocol.Connection, run_id: str, name: str) -> list[TrialRecord]:
    """Return the trials that were asked for, the best first.

    A completed trial has its value even if it is not in the study yet, or was rerun after it was
    pruned or had failed there; a running one has its best so far. Those without a value, or that
    count as failed, come last.
    """
    found = [_with_value(connection, one) for one in trials.of_search(connection, run_id, name)]
    return sorted(found, key=_rank)


def _with_value(connection: protocol.Connection, trial: TrialRecord) -> TrialRecord:
    search = trial.stage.definition.search
    known = trial.state != ASKED and not _is_completed_later(trial)
    if known or trial.stage.attempt == 0 or search is None:
        return trial
    members = [trial.stage]
    if trial.stage.definition.over is not None and trial.stage.definition.trial is not None:
        definition = trial.stage.definition
        members = trials.members_of(connection, trial.stage.run_id, definition.group, trial.number)
    outcome = objective.of_seeds(connection, members, search)
    return replace(trial, value=outcome.value, step=outcome.step)


_ORDER = {"complete": 0, ASKED: 1, "pruned": 2}


def _rank(trial: TrialRecord) -> tuple[int, float, int]:
    search = trial.stage.definition.search
    if trial.value is None or search is None:
        return len(_ORDER), 0.0, trial.number
    order = 0 if _is_completed_later(trial) else _ORDER.get(trial.state, len(_ORDER))
    return order, trial.value if search.goal == "minimize" else -trial.value, trial.number


def _is_completed_later(trial: TrialRecord) -> bool:
    """Return True for a completed trial that is not completed in the study."""
    return trial.state != "complete" and trial.stage.status == Status.COMPLETED


def _is_candidate(trial: TrialRecord) -> bool:
    return trial.value is not None and trial.stage.status == Status.COMPLETED
