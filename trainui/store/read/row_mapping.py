"""Converts rows to records: the only place that knows how columns map to fields.

Standard library only, since the screen's first frame needs it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, TypeVar

from trainui.domain.definition import StageDefinition
from trainui.domain.pruning import Pruning
from trainui.domain.records import AttemptRecord, Event, RunRecord, Slot, StageRecord
from trainui.domain.states import Status
from trainui.store.db import protocol

Row = Mapping[str, Any]

Record = TypeVar("Record")


def records(cursor: protocol.Cursor, make: Callable[[Row], Record]) -> Iterator[Record]:
    """Yield a record for each row of a statement's result."""
    names = [column[0] for column in cursor.description or ()]
    return (make(dict(zip(names, row, strict=True))) for row in cursor)


def first(cursor: protocol.Cursor, make: Callable[[Row], Record]) -> Record | None:
    """Return the record of the first row; None if there is none."""
    return next(records(cursor, make), None)


def dump(value: Any) -> str:
    """Serialise a value to JSON in the store's form."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def load(text: str | None) -> Any:
    """Parse JSON that may be NULL."""
    return None if text is None else json.loads(text)


def run_record(row: Row) -> RunRecord:
    """Convert a row of `runs`."""
    return RunRecord(
        id=row["id"],
        name=row["name"],
        status=Status(row["status"]),
        created_at=row["created_at"],
        started_at=row["started_at"],
        completed_at=row["completed_at"],
        directory=row["directory"],
        pipeline=row["pipeline"],
        file=row["file"],
        digest=row["digest"],
        params=load(row["params_json"]),
        priority=row["priority"],
        note=row.get("note"),  # a database of before 0010 is read as it is
        verdict=row.get("verdict"),
        **_ancestry(row["submission_json"]),
    )


def _ancestry(submission: str) -> dict[str, Any]:
    """Return `external` and `origin` of a run."""
    # searched first: it is read for each run of a list, and parsing takes much longer
    if '"external":{' not in submission and '"from":"' not in submission:
        return {}
    known = load(submission)
    found = known.get("external")
    external = found and {key: found.get(key) for key in ("kind", "path", "pid", "command", "run")}
    return {"external": external, "origin": known.get("from")}


def stage_record(row: Row) -> StageRecord:
    """Convert a row of `stages`."""
    return StageRecord(
        id=row["id"],
        run_id=row["run_id"],
        position=row["position"],
        name=row["name"],
        status=Status(row["status"]),
        reason=row["reason"],
        definition=definition(row["definition_json"]),
        directory=row["directory"],
        attempt=row["attempt"],
        celery_task_id=row["celery_task_id"],
        started_at=row["started_at"],
        completed_at=row["completed_at"],
        exit_code=row["exit_code"],
        result=load(row["result_json"]),
        error=row["error"],
        stalled=bool(row["stalled"]),
        retries_used=row["retries_used"],
        not_before=row["not_before"],
        removed=bool(row.get("removed")),  # a database of before 0002 is read as it is
        reason_host=row.get("reason_host"),
    )


@lru_cache(maxsize=20_000)
def definition(text: str) -> StageDefinition:
    """Parse a definition; cached, since planner and screen read the same ones repeatedly."""
    return StageDefinition.from_json(json.loads(text))


def attempt_record(row: Row) -> AttemptRecord:
    """Convert a row of `attempts`."""
    return AttemptRecord(
        id=row["id"],
        stage_id=row["stage_id"],
        number=row["number"],
        status=Status(row["status"]),
        celery_task_id=row["celery_task_id"],
        directory=row["directory"],
        slots=tuple(Slot(*slot) for slot in load(row["slots_json"])),
        granted_at=row["granted_at"],
        started_at=row["started_at"],
        completed_at=row["completed_at"],
        exit_code=row["exit_code"],
        signal=row["signal"],
        error=row["error"],
        pid=row["pid"],
        supervisor_pid=row["supervisor_pid"],
        checkpoint=row["checkpoint"],
        cancel_requested_at=row["cancel_requested_at"],
        metrics_complete=bool(row["metrics_complete"]),
        result=load(row["result_json"]),
        definition=definition(text) if (text := row.get("definition_json")) else None,
        digest=row.get("digest"),
        inputs=load(row.get("inputs_json")),
        kept=load(row.get("kept_json")),
        code_change=row.get("code_change"),
        host=row["host"],
        stop_reason=row.get("stop_reason"),
        secret_changes=tuple(load(row.get("secret_changes_json")) or ()),
        pruning=Pruning.from_json(data) if (data := load(row.get("pruning_json"))) else None,
    )


def event_record(row: Row) -> Event:
    """Convert a row of `events`."""
    return Event(row["time"], row["stage"], row["attempt"], row["kind"], row["text"])


def slots_json(slots: tuple[Slot, ...]) -> str:
    """Serialise slots in the form that `attempt_record` parses."""
    return dump([[slot.host, slot.kind, slot.index] for slot in slots])
