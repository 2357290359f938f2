"""The event log: one row per event, written in the transaction of the change that it describes.

The rule: `text` is for people; anything that a program needs is in `data`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trainui import clock, formatting
from trainui.model.records import StageRecord
from trainui.store.db.protocol import Connection
from trainui.store.db.statements import insert
from trainui.store.read import row_mapping


def record(
    connection: Connection,
    run_id: str,
    kind: str,
    text: str,
    *,
    stage: str | None = None,
    attempt: int | None = None,
    time: int | None = None,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Add an event to a run's history.

    `kind` is a short, stable word, and `text` one sentence for people; `data` is the same for
    programs, e.g. a run's `status`, or an alert's `metric` and `step`.
    """
    event = {"run_id": run_id, "stage": stage, "attempt": attempt, "kind": kind}
    event["text"] = formatting.storable(text)  # it may quote a file's name
    event["time"] = clock.now() if time is None else time
    event["data_json"] = row_mapping.dump(data) if data else None
    insert(connection, "events", [event])


def record_of(
    connection: Connection,
    stage: StageRecord,
    kind: str,
    text: str,
    *,
    attempt: int | None = None,
    time: int | None = None,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Add an event about an attempt of a stage, by default its last one."""
    number = stage.attempt if attempt is None else attempt
    where = (connection, stage.run_id, kind, text)
    record(*where, stage=stage.name, attempt=number, time=time, data=data)


def record_all(connection: Connection, happened: Sequence[tuple[str, str, str]], kind: str) -> None:
    """Add an event of one kind for each of several stages: run id, full stage name, sentence."""
    same = {"time": clock.now(), "kind": kind}
    rows = [{"run_id": run, "stage": stage, "text": text, **same} for run, stage, text in happened]
    insert(connection, "events", rows)
