"""A run in full, as shown by `--json`: the only place that defines those fields and their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trainui import clock
from trainui.model.definition import StageDefinition
from trainui.model.records import AttemptRecord, Event, Loss, Lost, RunRecord, StageRecord
from trainui.model.states import NOTE, Status
from trainui.pipeline import masking
from trainui.pipeline.matrix import TRIAL
from trainui.store.db import statements
from trainui.store.read import event_feed, time_worked, views
from trainui.store.read.time_worked import TimeWorked, if_known
from trainui.supervisor.protocol import STDERR_FILE, STDOUT_FILE

MOST_BY_ID = 1000
"""Runs up to which their time worked is read by id, and not for all runs at once."""

TRACKED = "tracked"
"""Key in the submission: by stage the parameters, those that were added to the run's, and by stage
the summary."""


def tracked_of_run(submission: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the parameters among a run's that its trackers recorded."""
    found: Mapping[str, str] = submission.get(TRACKED, {}).get("added", {})
    return found


def tracked_of_stage(submission: Mapping[str, Any], stage: str) -> Mapping[str, str]:
    """Return the parameters that the trackers of a stage recorded."""
    found: Mapping[str, str] = submission.get(TRACKED, {}).get("stages", {}).get(stage, {})
    return found


def tracked_summary(submission: Mapping[str, Any], stage: str) -> Mapping[str, Any]:
    """Return the summary that the tracker of a stage recorded."""
    found: Mapping[str, Any] = submission.get(TRACKED, {}).get("summary", {}).get(stage, {})
    return found


NOTHING_LOST = Lost()


def run_lines(
    connection: statements.Connection, runs: Sequence[RunRecord], lost: Lost = NOTHING_LOST
) -> list[dict[str, Any]]:
    """Return runs as listed by `ls`."""
    if len(runs) > MOST_BY_ID:
        worked = time_worked.of_all_runs(connection)
    else:
        worked = time_worked.of_runs(connection, [run.id for run in runs])
    return [_run_line(run, worked.get(run.id), lost.runs.get(run.id)) for run in runs]


def _run_line(run: RunRecord, worked: TimeWorked | None, loss: Loss | None) -> dict[str, Any]:
    micros = worked and (worked.ended if loss is None else worked.until(loss.at))
    ticks = worked is not None and worked.ticks and loss is None
    return {
        "run": run.id,
        "name": run.name,
        "status": str(run.status),
        "created_at": clock.to_iso(run.created_at),
        "started_at": clock.to_iso(run.started_at),
        "completed_at": clock.to_iso(run.completed_at),
        "external": run.external and {key: run.external[key] for key in ("kind", "path", "pid")},
        "started_by": run.started_by,
        "seconds_worked": _seconds(if_known(micros, external=run.is_external, ticks=ticks)),
        "lost_at": clock.to_iso(loss and loss.at),
        "box": None,
    }


def _seconds(micros: int | None) -> float | None:
    return None if micros is None else micros / clock.SECOND


def run_in_full(
    connection: statements.Connection, run: RunRecord, lost: Lost = NOTHING_LOST
) -> dict[str, Any]:
    """Return a run with its stages and their attempts, as shown by `show`."""
    attempts = views.attempts(connection, run.id)
    alerts = event_feed.last_alerts(connection, run.id)
    submission = views.submission(connection, run.id)
    causes = event_feed.causes(connection, run.id)
    stages = [
        _stage(run, stage, attempts.get(stage.id, ()), alerts.get(stage.name, ()), causes)
        for stage in lost.marked(views.stages(connection, run.id))
    ]
    for one in stages:
        one["params"] = {**tracked_of_stage(submission, one["name"]), **one["params"]}
        if summary := tracked_summary(submission, one["name"]):
            one["summary"] = dict(summary)
    return {
        **run_lines(connection, [run], lost)[0],
        "from": run.origin,
        "original": run.original,
        "notes": notes(connection, run.id),
        "stages": stages,
    }


def notes(connection: statements.Connection, run_id: str) -> list[dict[str, Any]]:
    """Return the notes on a run, the oldest first."""
    return [
        {"text": data["note"], "verdict": data["verdict"], "at": clock.to_iso(time)}
        for _, time, data in event_feed.data_of_kind(connection, NOTE, run_id)
    ]


def _stage(
    run: RunRecord,
    stage: StageRecord,
    attempts: Sequence[AttemptRecord],
    alerts: Sequence[Event],
    causes: Mapping[tuple[str, int], Mapping[str, Any]],
) -> dict[str, Any]:
    definition = stage.as_ran(attempts[-1] if attempts else None).definition
    return {
        "id": stage.id,
        "name": stage.name,
        "task": definition.task,
        "command": shown_command(run.params, definition),
        "params": masking.mask(definition.params),
        "matrix": _matrix(definition),
        **_trial(definition),
        "workdir": definition.workdir,
        "depends_on": list(stage.depends_on),
        "status": str(stage.status),
        "reason": stage.reason,
        "stalled": stage.stalled,
        "lost_at": clock.to_iso(stage.lost_at),
        "alerts": [_alert(stage.name, event) for event in alerts],
        "celery_task_id": stage.celery_task_id,
        "started_at": clock.to_iso(stage.started_at),
        "completed_at": clock.to_iso(stage.completed_at),
        "seconds_worked": _seconds(_worked(run, stage)),
        "result": stage.result,
        "error": stage.error,
        "exit_code": stage.exit_code,
        "gpus": _gpus(attempts),
        "dir": stage.directory,
        "outputs": [_output(stage, output) for output in definition.outputs],
        "attempts": [_attempt(one, causes.get((stage.name, one.number))) for one in attempts],
    }


def _worked(run: RunRecord, stage: StageRecord) -> int | None:
    ticks = stage.status == Status.RUNNING and stage.lost_at is None
    worked = stage.worked_until(stage.started_at or 0)
    return if_known(worked, external=run.is_external, ticks=ticks)


def _trial(definition: StageDefinition) -> dict[str, Any]:
    """Return a trial's number and values, null until it is asked for; empty for other stages."""
    if definition.trial is None:
        return {}
    params = definition.trial_params
    return {"trial": definition.trial, "search": params and masking.mask(params)}


def _matrix(definition: StageDefinition) -> dict[str, Any] | None:
    """Return a member's matrix values, without a trial's number, which is not of the file."""
    matrix = dict(definition.matrix or {})
    if definition.trial is not None:
        matrix.pop(TRIAL, None)
    return masking.mask(matrix) or None


def _output(stage: StageRecord, output: str) -> str:
    """Return an output's path: in the stage's directory, else in its workdir."""
    own, beside = Path(stage.directory, output), Path(stage.definition.workdir, output)
    is_beside = stage.definition.matrix is None and not own.exists() and beside.exists()
    return str(beside if is_beside else own)


def _alert(stage: str, event: Event) -> dict[str, Any]:
    return {
        "kind": event.kind,
        "attempt": event.attempt,
        "time": clock.to_iso(event.time),
        "text": event.text.removeprefix(f"{stage}: "),
    }


def shown_command(params: Mapping[str, Any], definition: StageDefinition) -> str | list[str] | None:
    """Return a stage's command, with the secrets of the stage and of its run masked."""
    secrets = {**params, **definition.params, **definition.env}
    found = masking.mask_command(definition.command, secrets)
    return list(found) if isinstance(found, tuple) else found


def _gpus(attempts: Sequence[AttemptRecord]) -> list[int]:
    """Return the indices of the last attempt's GPUs."""
    return attempts[-1].gpus if attempts else []


def _attempt(attempt: AttemptRecord, cause: Mapping[str, Any] | None) -> dict[str, Any]:
    directory = Path(attempt.directory)
    return {
        "number": attempt.number,
        "status": str(Status.QUEUED if attempt.waits_elsewhere else attempt.status),
        "host": attempt.host,
        "celery_task_id": attempt.celery_task_id,
        "metrics_complete": attempt.metrics_complete,
        "started_at": clock.to_iso(attempt.started_at),
        "completed_at": clock.to_iso(attempt.completed_at),
        "exit_code": attempt.exit_code,
        "signal": attempt.signal,
        "error": attempt.error,
        "cause": None if cause is None else dict(cause),
        "pid": attempt.pid,
        "supervisor_pid": attempt.supervisor_pid,
        "checkpoint": attempt.checkpoint,
        **({} if attempt.pruning is None else {"pruning": attempt.pruning.to_json()}),
        "stdout": str(directory / STDOUT_FILE),
        "stderr": str(directory / STDERR_FILE),
    }
