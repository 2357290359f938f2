"""Finds other stages that used the same checkpoint paths at the same time as a stage."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from trainui.clock import SECOND
from trainui.domain.definition import StageDefinition
from trainui.domain.records import StageRecord
from trainui.store.db.engine import Store, raw
from trainui.store.read import overlaps

SLACK = SECOND
"""Microseconds by which file times may be wrong."""


@dataclass(frozen=True, slots=True)
class CheckpointRival:
    """An attempt of another stage with the same checkpoint pattern."""

    words: str
    """The stage and its run, for messages."""
    started_at: int
    completed_at: int

    def may_have_written(self, mtime_ns: int) -> bool:
        """Return True if it ran when a file was written."""
        return self.started_at - SLACK <= mtime_ns // 1000 <= self.completed_at + SLACK


def find(store: Store, stage: StageRecord) -> Sequence[CheckpointRival]:
    """Return the attempts with the same pattern that overlapped in time with a stage's."""
    wanted = _pattern(stage.definition)
    with store.read() as connection:
        found = overlaps.of_stage(raw(connection), stage.id)
    return [
        CheckpointRival(f"{one.stage} of the run {one.run}", one.started_at, one.completed_at)
        for one in found
        if _pattern(one.definition) == wanted
    ]


def _pattern(definition: StageDefinition) -> str:
    """Return a checkpoint's pattern as an absolute path; relative ones start at the workdir."""
    rule = definition.checkpoint
    pattern = os.path.expanduser(rule.glob) if rule else ""  # noqa: PTH111 (a pattern is no path)
    return os.path.normpath(os.path.join(definition.workdir, pattern))  # noqa: PTH118
