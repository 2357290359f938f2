"""Store operations of the metrics reader: attempts to read, and what it found in their files.

The parameters that trackers recorded (a W&B config, MLflow's params, Hydra overrides) are added to
those of the pipeline, which come first, so that runs can be filtered and compared by them. A
parameter that differs between stages is none of the run's.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from trainui import clock, system
from trainui.model.definition import StageDefinition
from trainui.model.records import LOCAL, NOT_STARTED_BY_US
from trainui.model.states import Status
from trainui.record import dataclass
from trainui.store.db.statements import IS_UNREAD, Connection, set_values
from trainui.store.read import run_in_json, views

log = logging.getLogger(__name__)

MOST_STAGES = 50
"""Stages of a run of which the parameters are kept."""


@dataclass(frozen=True, slots=True)
class AttemptToRead:
    """An attempt whose sources may still grow, or were not yet read to their end."""

    attempt_id: int
    stage_id: str
    number: int
    attempt_dir: str
    stage_dir: str
    workdir: str
    definition: StageDefinition
    ended: bool = False
    """Its end is already on record, so everything in its sources can be read at once."""
    is_external: bool = False

    @property
    def run_dir(self) -> Path:
        """The run's directory, also of an external run, whose stage's is the training's own."""
        return Path(self.attempt_dir).parents[2]

    @property
    def remote_mount(self) -> str:
        """The mountpoint of the remote file system with files of an external run, or empty."""
        return self.mount if self.is_external else ""

    @property
    def mount(self) -> str:
        """The mountpoint of the remote file system that has files of it, or empty."""
        named = (one.path for one in self.definition.metrics or () if one.path)
        return system.remote_mount(self.stage_dir, self.workdir, *named)


def attempts_to_read(connection: Connection, host: str) -> list[AttemptToRead]:
    """Return the attempts of a host that are not read to their end.

    Those that wait in the queue of an executor have written nothing yet.
    """
    found = connection.execute(
        "SELECT attempts.id, number, attempts.status, attempts.directory AS attempt_dir, "
        "attempts.executor, stage_id, stages.directory AS stage_dir, attempt AS latest, "
        "stages.definition_json FROM attempts JOIN stages ON stages.id = stage_id "
        "WHERE host = ? AND (attempts.started_at IS NOT NULL "
        "OR attempts.status = ? AND attempts.executor IN (?, ?)) "
        f"AND {IS_UNREAD} ORDER BY attempts.id",
        (host, Status.RUNNING, LOCAL, NOT_STARTED_BY_US),
    )
    return [one for one in views.records(found, _to_read) if one is not None]


@dataclass(frozen=True, slots=True)
class Rival:
    """Another attempt that has run since an attempt started, so it may have written a file."""

    workdir: Path
    attempt_dir: Path
    began: float = 0.0
    """Seconds since 1970; none of its processes is older."""
    ended: float = math.inf
    definition: StageDefinition | None = None
    """None: it is of a later version of trainui."""

    def ran_at(self, time: float) -> bool:
        """Return True if its processes may have run at a time."""
        return self.began <= time <= self.ended


def rivals(connection: Connection, attempt_id: int) -> list[Rival]:
    """Return the other attempts that have run since an attempt started."""
    # also those whose start is not on record yet: their processes may write already
    found = connection.execute(
        "SELECT stages.definition_json, other.directory, other.granted_at, other.started_at, "
        "other.completed_at, other.executor FROM attempts AS own "
        "JOIN attempts AS other ON other.id <> own.id "
        "JOIN stages ON stages.id = other.stage_id WHERE own.id = ? "
        "AND (other.completed_at IS NULL OR other.completed_at >= own.granted_at)",
        (attempt_id,),
    )
    return [
        Rival(
            Path(_workdir(definition)),
            Path(directory),
            (started if executor == NOT_STARTED_BY_US else granted) / clock.SECOND,
            ended / clock.SECOND if ended else math.inf,
            _stage_of(definition),
        )
        for definition, directory, granted, started, ended, executor in found
    ]


@lru_cache(maxsize=1024)
def _workdir(definition_json: str) -> str:
    return str(views.load(definition_json).get("workdir", ""))


def _stage_of(definition_json: str) -> StageDefinition | None:
    try:
        return views.definition(definition_json)
    except (KeyError, TypeError, ValueError):
        return None


def _to_read(row: views.StoredRow) -> AttemptToRead | None:
    try:
        definition = views.definition(row["definition_json"])
    except (KeyError, TypeError, ValueError):
        _warn_once(row["id"])
        return None  # its metrics are read already
    # After a later attempt has begun, files in the stage's directory are read as that one's.
    own = row["number"] == row["latest"]
    return AttemptToRead(
        attempt_id=row["id"],
        stage_id=row["stage_id"],
        number=row["number"],
        attempt_dir=row["attempt_dir"],
        stage_dir=row["stage_dir"] if own else row["attempt_dir"],
        workdir=definition.workdir if own else row["attempt_dir"],
        definition=definition,
        ended=row["status"] != Status.RUNNING,
        is_external=row["executor"] == NOT_STARTED_BY_US,
    )


@cache
def _warn_once(attempt_id: int) -> None:
    log.exception("attempt %s is not read: its definition cannot be understood", attempt_id)


def mark_metrics_complete(connection: Connection, attempt_id: int) -> None:
    """Record that an attempt's sources were read to their end after its process ended."""
    set_values(connection, "attempts", attempt_id, metrics_complete=True)


def record(connection: Connection, stage_id: str, found: Mapping[str, str]) -> None:
    """Store the parameters that the trackers of a stage's latest attempt recorded.

    Secrets are masked.
    """
    run_id, stage, params_json = _run_of(connection, stage_id)
    submission = views.submission(connection, run_id)
    known = submission.get(run_in_json.TRACKED, {})
    stages = {**known.get("stages", {}), stage: dict(found)}
    if len(stages) > MOST_STAGES:
        return
    params, added = views.load(params_json), known.get("added", {})
    given = {name: value for name, value in params.items() if added.get(name) != value}
    added = {name: value for name, value in _common(stages).items() if name not in given}
    submission[run_in_json.TRACKED] = {**known, "stages": stages, "added": added}
    params_json = views.dump(given | added)
    submission_json = views.dump(submission)
    set_values(connection, "runs", run_id, params_json=params_json, submission_json=submission_json)


def record_summary(connection: Connection, stage_id: str, found: Mapping[str, Any]) -> None:
    """Store the summary that the tracker of a stage recorded; values of before are kept."""
    run_id, stage, _params = _run_of(connection, stage_id)
    submission = views.submission(connection, run_id)
    known = submission.get(run_in_json.TRACKED, {})
    summaries = known.get("summary", {})
    if len({*summaries, stage}) > MOST_STAGES:
        return
    stages = {**summaries, stage: {**summaries.get(stage, {}), **found}}
    submission[run_in_json.TRACKED] = {**known, "summary": stages}
    set_values(connection, "runs", run_id, submission_json=views.dump(submission))


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
