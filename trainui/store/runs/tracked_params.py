"""Parameters of a run that its trackers recorded: a W&B config, MLflow's params, Hydra overrides.

They are added to those of the pipeline, which come first, so that runs can be filtered and
compared by them. A parameter that differs between stages is none of the run's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trainui.store.db.protocol import Connection
from trainui.store.db.updates import set_values
from trainui.store.read import row_mapping, tracked, views

MOST_STAGES = 50
"""Stages of a run of which the parameters are kept."""


def record(connection: Connection, stage_id: str, found: Mapping[str, str]) -> None:
    """Store the parameters that the trackers of a stage's latest attempt recorded.

    Secrets are masked.
    """
    run_id, stage, params_json = _run_of(connection, stage_id)
    submission = views.submission(connection, run_id)
    known = submission.get(tracked.KEY, {})
    stages = {**known.get("stages", {}), stage: dict(found)}
    if len(stages) > MOST_STAGES:
        return
    params, added = row_mapping.load(params_json), known.get("added", {})
    given = {name: value for name, value in params.items() if added.get(name) != value}
    added = {name: value for name, value in _common(stages).items() if name not in given}
    submission[tracked.KEY] = {**known, "stages": stages, "added": added}
    params_json = row_mapping.dump(given | added)
    submission_json = row_mapping.dump(submission)
    set_values(connection, "runs", run_id, params_json=params_json, submission_json=submission_json)


def record_summary(connection: Connection, stage_id: str, found: Mapping[str, Any]) -> None:
    """Store the summary that the tracker of a stage recorded; values of before are kept."""
    run_id, stage, _params = _run_of(connection, stage_id)
    submission = views.submission(connection, run_id)
    known = submission.get(tracked.KEY, {})
    summaries = known.get("summary", {})
    if len({*summaries, stage}) > MOST_STAGES:
        return
    stages = {**summaries, stage: {**summaries.get(stage, {}), **found}}
    submission[tracked.KEY] = {**known, "summary": stages}
    set_values(connection, "runs", run_id, submission_json=row_mapping.dump(submission))


def _run_of(connection: Connection, stage_id: str) -> tuple[str, str, str]:
    """Return the id of a stage's run, the stage's name, and the run's parameters as stored."""
    found: tuple[str, str, str] = connection.execute(
        "SELECT runs.id, stages.name, params_json FROM stages JOIN runs ON runs.id = run_id "
        "WHERE stages.id = ?",
        (stage_id,),
    ).fetchone()
    return found


def _common(stages: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Return the parameters that no two stages have different values of."""
    found: dict[str, str] = {}
    differing = set()
    for params in stages.values():
        for name, value in params.items():
            if found.setdefault(name, value) != value:
                differing.add(name)
    return {name: value for name, value in found.items() if name not in differing}
