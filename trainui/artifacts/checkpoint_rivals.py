"""Other stages that wrote to a stage's checkpoints while it ran: whose each is cannot be told."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from trainui.clock import SECOND
from trainui.domain.definition import StageDefinition
from trainui.domain.records import StageRecord
from trainui.store.db.engine import Store
from trainui.store.points import overlaps

SLACK = SECOND
"""Microseconds by which the times of files may be off."""


@dataclass(frozen=True, slots=True)
class Rival:
    """An attempt of another stage with the same checkpoints."""

    words: str
    """Which stage of which run."""
    started_at: int
    completed_at: int

    def may_have_written(self, mtime_ns: int) -> bool:
        """Return whether it ran when a file was written."""
        return self.started_at - SLACK <= mtime_ns // 1000 <= self.completed_at + SLACK


def find(store: Store, stage: StageRecord) -> Sequence[Rival]:
    """Return the attempts with the same checkpoints that ran while a stage's attempts did."""
    wanted = _pattern(stage.definition)
    with store.read() as connection:
        found = overlaps.of_stage(connection, stage.id)
    return [
        Rival(f"{one.stage} of the run {one.run}", one.started_at, one.completed_at)
        for one in found
        if _pattern(one.definition) == wanted
    ]


def _pattern(definition: StageDefinition) -> str:
    """Return a checkpoint's pattern as it is outside of the stage's directory, absolute."""
    rule = definition.checkpoint
    pattern = os.path.expanduser(rule.glob) if rule else ""  # noqa: PTH111 (a pattern is no path)
    return os.path.normpath(os.path.join(definition.workdir, pattern))  # noqa: PTH118
