"""Finds other stages that used the same checkpoint paths at the same time as a stage."""

from __future__ import annotations

import os
from collections.abc import Sequence

from trainui.domain.definition import StageDefinition
from trainui.domain.records import StageRecord
from trainui.store.db.engine import Store, raw
from trainui.store.read import overlaps
from trainui.store.read.overlaps import Overlap


def find(store: Store, stage: StageRecord) -> Sequence[Overlap]:
    """Return the attempts with the same pattern that overlapped in time with a stage's."""
    wanted = _pattern(stage.definition)
    found = (one for one in beside(store, stage) if one.definition.checkpoint is not None)
    return [one for one in found if _pattern(one.definition) == wanted]


def beside(store: Store, stage: StageRecord) -> Sequence[Overlap]:
    """Return the attempts of other stages that overlapped in time with a stage's."""
    with store.read() as connection:
        return overlaps.of_stage(raw(connection), stage.id)


def _pattern(definition: StageDefinition) -> str:
    """Return a checkpoint's pattern as an absolute path; relative ones start at the workdir."""
    rule = definition.checkpoint
    pattern = os.path.expanduser(rule.glob) if rule else ""  # noqa: PTH111 (a pattern is no path)
    return os.path.normpath(os.path.join(definition.workdir, pattern))  # noqa: PTH118
