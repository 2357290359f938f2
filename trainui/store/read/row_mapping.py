"""Converts rows to records: the only place that knows how columns map to fields.

Standard library only, since the screen's first frame needs it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from trainui import formatting
from trainui.model.records import OWN, AttemptRecord, PruningReason, RunRecord, Slot, StageRecord
from trainui.model.states import Status
from trainui.store.db import statements

if TYPE_CHECKING:
    from trainui.model.definition import StageDefinition

Row = Mapping[str, Any]

Record = TypeVar("Record")


def records(cursor: statements.Cursor, make: Callable[[Row], Record]) -> Iterator[Record]:
    """Yield a record for each row of a statement's result."""
    names = [column[0] for column in cursor.description or ()]
    return (make(dict(zip(names, row, strict=True))) for row in cursor)


def first(cursor: statements.Cursor, make: Callable[[Row], Record]) -> Record | None:
    """Return the record of the first row; None if there is none."""
    return next(records(cursor, make), None)


def dump(value: Any) -> str:
    """Serialise a value to JSON in the store's form."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text if text.isascii() else formatting.storable(text)


def load(text: str | None) -> Any:
    """Parse JSON that may be NULL."""
    return None if text is None else json.loads(text)


def run_record(row: Row) -> RunRecord:
    """Convert a row of `runs`."""
    return RunRecord(
        **_same_named(row, RunRecord),
        status=Status(row["status"]),
        params=load(row["params_json"]),
        **_ancestry(row),
    )


def _same_named(row: Row, record: type[Any]) -> dict[str, Any]:
    """Return the columns that a record has unchanged."""
    return {name: row[name] for name in _UNCHANGED[record] if name in row}


_CONVERTED = frozenset(
    {"status", "stalled", "removed", "metrics_complete", "stops_early", "restarts", "earlier"}
)
"""Columns with the name of a field, but not with its type."""

_UNCHANGED: dict[type[Any], list[str]] = {
    record: [name for name in record._fields if name not in _CONVERTED]
    for record in (RunRecord, StageRecord, AttemptRecord)
}


def _ancestry(row: Row) -> dict[str, Any]:
    """Return `external` and `origin` of a run."""
    # searched first: it is read for each run of a list, and parsing takes much longer
    if row["kind"] == OWN and '"from":"' not in row["submission_json"]:
        return {}
    known = load(row["submission_json"])
    found = known.get("external")
    keys = ("kind", "path", "pid", "command", "run", "objective")
    external = found and {key: found.get(key) for key in keys}
    return {"external": external, "origin": known.get("from")}


def stage_record(row: Row) -> StageRecord:
    """Convert a row of `stages`."""
    return StageRecord(
        **_same_named(row, StageRecord),
        status=Status(row["status"]),
        definition=definition(row["definition_json"]),
        result=load(row["result_json"]),
        stalled=bool(row["stalled"]),
        removed=bool(row["removed"]),
        earlier=int(row.get("earlier") or 0),
    )


@lru_cache(maxsize=20_000)
def definition(text: str) -> StageDefinition:
    """Parse a definition; cached, since planner and screen read the same ones repeatedly."""
    from trainui.model.definition import StageDefinition  # late: the first frame needs none

    return StageDefinition.from_json(json.loads(text))


def attempt_record(row: Row) -> AttemptRecord:
    """Convert a row of `attempts`."""
    return AttemptRecord(
        **_same_named(row, AttemptRecord),
        status=Status(row["status"]),
        slots=tuple(Slot(*slot) for slot in load(row["slots_json"])),
        metrics_complete=bool(row["metrics_complete"]),
        stops_early=bool(row["stops_early"]),
        restarts=bool(row["restarts"]),
        result=load(row["result_json"]),
        definition=definition(text) if (text := row["definition_json"]) else None,
        inputs=load(row["inputs_json"]),
        kept=load(row["kept_json"]),
        secret_changes=tuple(load(row["secret_changes_json"]) or ()),
        pruning=PruningReason.from_json(data) if (data := load(row["pruning_json"])) else None,
    )


def slots_json(slots: tuple[Slot, ...]) -> str:
    """Serialise slots in the form that `attempt_record` parses."""
    return dump([[slot.host, slot.kind, slot.index] for slot in slots])
