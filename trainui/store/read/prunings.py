"""Reads why stages were pruned: plain SQL, for the search's thread and the screen."""

from __future__ import annotations

from trainui.domain.pruning import Pruning
from trainui.domain.records import StageRecord
from trainui.store.db import protocol
from trainui.store.read import row_mapping


def requested(connection: protocol.Connection, stage: StageRecord) -> Pruning | None:
    """Return why a stage's last attempt was asked to end by a pruner; None if it was not."""
    row = connection.execute(
        "SELECT pruning_json FROM attempts WHERE stage_id = ? AND number = ?",
        (stage.id, stage.attempt),
    ).fetchone()
    data = row_mapping.load(row[0]) if row else None
    return Pruning.from_json(data) if data else None
