"""Autoselect: the page selects a failed stage, else a running one, else the longest."""

from __future__ import annotations

from collections.abc import Sequence

from trainui.model.records import StageRecord
from trainui.model.states import UNFINISHED, Status

ATTRACTING = (Status.FAILED, Status.INTERRUPTED, Status.RUNNING)
"""The states that attract the selection, the most important first."""


def stage_to_select(
    stages: Sequence[StageRecord], selected: StageRecord, autoselected: str | None
) -> str | None:
    """Return a failed, else interrupted, else running stage to select; None: keep the selection.

    `autoselected` is the stage that was autoselected last.
    """
    if autoselected is not None and selected.status in ATTRACTING:
        return None
    attracting = (one.name for status in ATTRACTING for one in stages if one.status == status)
    over = not any(stage.status in UNFINISHED for stage in stages)
    otherwise = longest(stages) if over or autoselected is None else selected.name
    return next(attracting, otherwise)


def longest(stages: Sequence[StageRecord]) -> str:
    """Return the name of the stage that ran longest; the first one if none has ended."""

    def took(stage: StageRecord) -> int:
        ended = stage.completed_at
        return 0 if ended is None else stage.worked_until(ended) or 0

    return max(stages, key=took).name


def successor(
    name: str | None, before: Sequence[StageRecord], after: Sequence[StageRecord]
) -> str | None:
    """Return the name of the new member of a sweep if an edit has replaced a member by it."""
    known = {one.name: one for one in before}
    old = known.get(name or "")
    now = next((one for one in after if one.name == name), None)
    if old is None or now is None or old.removed or not now.removed:
        return None
    new = (one.name for one in after if one.name not in known and not one.removed)
    return next(new, None) if old.definition.matrix is not None else None
